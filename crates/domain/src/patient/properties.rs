//! What holds of a patient whatever people ask for, and in whatever order?

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::testing::live;
use crate::testing::strategies::{NOW_MICROS, code, date, id, instant, line, name, now, text};
use crate::{Address, Gender, IdentifierType, PhoneContact};

fn demographics() -> impl Strategy<Value = Demographics> {
    let gender = prop::sample::select(Gender::ALL.to_vec());
    let codes = (option::of(code()), option::of(code()), option::of(code()));
    (name(), vec(name(), 0..2), date(), gender, codes).prop_map(|(name, other_names, birth_date, gender, (marital_status, race, ethnicity))| {
        Demographics { name, other_names, birth_date, gender, birth_sex: None, marital_status, race, ethnicity, language: None }
    })
}

fn identifier() -> impl Strategy<Value = Identifier> {
    let number = prop::sample::select(vec!["999-41-7203", "999-41-7204", "X41720388X", "12"]);
    (prop::sample::select(IdentifierType::ALL.to_vec()), number).prop_map(|(identifier_type, value)| Identifier {
        system: None,
        identifier_type,
        value: value.try_into().expect("a line"),
    })
}

fn insurance() -> impl Strategy<Value = Vec<Insurance>> {
    let one = (line(), option::of(date()), option::of(date())).prop_map(|(payer, valid_from, valid_to)| Insurance {
        payer,
        plan: None,
        member_number: None,
        group_number: None,
        subscriber: None,
        relationship: None,
        valid_from,
        valid_to,
    });
    vec(one, 0..3)
}

fn care_team() -> impl Strategy<Value = Vec<CareTeamMember>> {
    vec((id(), option::of(code())).prop_map(|(provider_id, role)| CareTeamMember { provider_id, role }), 0..3)
}

fn contact() -> impl Strategy<Value = Contact> {
    let phone = prop::sample::select(vec!["+1 555 0100", "+49 30 901820"]);
    let phones = vec(phone.prop_map(|number| PhoneContact { number: number.try_into().expect("a number"), r#use: None }), 0..3);
    (phones, option::of(line())).prop_map(|(phones, city)| Contact {
        phones,
        emails: vec![],
        addresses: city.map(|city| Address { city: Some(city), ..Address::default() }).into_iter().collect(),
    })
}

fn emergency_contacts() -> impl Strategy<Value = Vec<EmergencyContact>> {
    let one = (name(), option::of(line())).prop_map(|(name, relationship)| EmergencyContact {
        name,
        relationship,
        phone: None,
        email: None,
        address: None,
    });
    vec(one, 0..3)
}

fn new_patient() -> impl Strategy<Value = NewPatient> {
    let numbers = vec(identifier(), 0..3);
    let others = (insurance(), option::of(id()), option::of(id()), care_team(), vec(text(), 0..2), vec(text(), 0..2));
    (demographics(), option::of(instant()), numbers, others).prop_map(|(demographics, deceased_at, identifiers, others)| {
        let base = r#"{"patient_number": "P-1", "name": {}, "birth_date": "2000-01-01", "gender": "OTHER"}"#;
        let mut patient: NewPatient = serde_json::from_str(base).expect("what a patient needs at least");
        patient.correct(demographics);
        let (insurance, account_id, primary_care_provider_id, care_team, health_goals, risk_factors) = others;
        NewPatient { deceased_at, identifiers, insurance, account_id, primary_care_provider_id, care_team, health_goals, risk_factors, ..patient }
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    let status = prop::sample::select(ConditionStatus::ALL.to_vec());
    (code(), status, option::of(date()), option::of(date()), option::of(text())).prop_map(|(code, status, onset, ended, note)| Condition {
        code,
        status,
        severity: None,
        onset,
        ended,
        note,
        record_id: None,
    })
}

fn allergy() -> impl Strategy<Value = Allergy> {
    let status = prop::sample::select(AllergyStatus::ALL.to_vec());
    (code(), status, option::of(date()), vec(code(), 0..2)).prop_map(|(code, status, onset, reactions)| Allergy {
        code,
        status,
        categories: vec![],
        criticality: None,
        reactions,
        onset,
        ended: None,
        note: None,
        record_id: None,
    })
}

fn medication() -> impl Strategy<Value = Medication> {
    let status = prop::sample::select(MedicationStatus::ALL.to_vec());
    (code(), status, option::of(date()), option::of(text())).prop_map(|(code, status, onset, dosage)| Medication {
        code,
        status,
        dosage,
        reasons: vec![],
        prescriber_id: None,
        onset,
        ended: None,
        note: None,
        record_id: None,
    })
}

fn amendment() -> impl Strategy<Value = AmendmentCommand> {
    use AmendmentCommand::*;
    let ground = prop::sample::select(DenialGround::ALL.to_vec());
    prop_oneof![
        (text(), text(), vec(line(), 0..2)).prop_map(|(amends, reason, tell)| Request { amends, reason, record_id: None, tell, received_at: None }),
        (text(), 0..130_000_u32).prop_map(|(reason, minutes)| Extend { reason, due_at: Instant::from_micros(NOW_MICROS).plus_minutes(minutes) }),
        text().prop_map(|amendment| Accept { amendment }),
        (ground, text()).prop_map(|(ground, explanation)| Deny { ground, explanation }),
        text().prop_map(|statement| Dispute { statement }),
        text().prop_map(|rebuttal| Rebut { rebuttal }),
        line().prop_map(|recipient| Tell { recipient }),
    ]
}

fn list() -> impl Strategy<Value = HistoryList> {
    prop::sample::select(HistoryList::ALL.to_vec())
}

fn command() -> impl Strategy<Value = PatientCommand> {
    use PatientCommand::*;
    prop_oneof![
        3 => (now(), new_patient()).prop_map(|(now, patient)| Register { now, patient: Box::new(patient) }),
        1 => (now(), demographics()).prop_map(|(now, demographics)| CorrectDemographics { now, demographics: Box::new(demographics) }),
        1 => (now(), contact()).prop_map(|(now, contact)| ChangeContact { now, contact }),
        1 => (now(), emergency_contacts()).prop_map(|(now, emergency_contacts)| ChangeEmergencyContacts { now, emergency_contacts }),
        1 => (now(), insurance()).prop_map(|(now, insurance)| ChangeInsurance { now, insurance }),
        1 => (now(), identifier()).prop_map(|(now, identifier)| AddIdentifier { now, identifier }),
        1 => (now(), identifier()).prop_map(|(now, identifier)| RemoveIdentifier { now, identifier }),
        2 => (now(), id(), condition()).prop_map(|(now, entry_id, condition)| RecordCondition { now, entry_id, condition }),
        1 => (now(), id(), allergy()).prop_map(|(now, entry_id, allergy)| RecordAllergy { now, entry_id, allergy }),
        1 => (now(), id(), medication()).prop_map(|(now, entry_id, medication)| RecordMedication { now, entry_id, medication }),
        1 => (now(), list(), id(), date()).prop_map(|(now, list, entry_id, ended)| EndHistoryEntry { now, list, entry_id, ended, reason: None }),
        1 => (now(), list(), id(), text()).prop_map(|(now, list, entry_id, reason)| MarkHistoryEntryInError { now, list, entry_id, reason }),
        1 => (now(), option::of(id())).prop_map(|(now, provider_id)| AssignPrimaryCareProvider { now, provider_id }),
        1 => (now(), care_team()).prop_map(|(now, care_team)| ChangeCareTeam { now, care_team }),
        1 => (now(), vec(text(), 0..2)).prop_map(|(now, health_goals)| ChangeHealthGoals { now, health_goals }),
        1 => (now(), vec(text(), 0..2)).prop_map(|(now, risk_factors)| ChangeRiskFactors { now, risk_factors }),
        1 => (now(), id()).prop_map(|(now, account_id)| LinkAccount { now, account_id }),
        3 => (now(), id(), amendment()).prop_map(|(now, request_id, command)| PatientCommand::Amendment { now, request_id, command }),
        1 => (now(), instant()).prop_map(|(now, deceased_at)| RecordDeath { now, deceased_at }),
        1 => (now(), option::of(text())).prop_map(|(now, reason)| Deactivate { now, reason }),
        1 => now().prop_map(|now| Reactivate { now }),
        2 => (now(), id(), text(), id()).prop_map(|(now, survivor_id, reason, account_id)| {
            MergeInto { now, id: Uuid::from_u128(42), survivor_id, reason, account_id }
        }),
        1 => (now(), id(), id()).prop_map(|(now, duplicate_id, account_id)| AbsorbDuplicate { now, duplicate_id, account_id }),
        2 => (now(), id(), text(), id()).prop_map(|(now, survivor_id, reason, account_id)| UndoMerge { now, survivor_id, reason, account_id }),
        1 => (now(), id(), id()).prop_map(|(now, duplicate_id, account_id)| ReleaseDuplicate { now, duplicate_id, account_id }),
    ]
}

proptest! {
    #[test]
    fn a_patient_stays_sound_whatever_is_asked(commands in vec(command(), 0..25)) {
        let id = Uuid::from_u128(42);
        let life = live::<Patient>(id, commands);
        let mut claimed = BTreeSet::new();
        for (before, event) in &life.events {
            for reservation in before.reservations(id, event) {
                match reservation {
                    Reservation::Claim { kind, value } => prop_assert!(claimed.insert((kind, value)), "{:?} claims twice", event),
                    Reservation::Release { kind, value } => prop_assert!(claimed.remove(&(kind, value)), "{:?} gives back what it has not", event),
                    Reservation::Slot { .. } | Reservation::ReleaseSlots => prop_assert!(false, "a patient's stream holds no time"),
                }
            }
            let is_right = format!("{event:?}").starts_with("Amendment") || matches!(event, PatientEvent::PatientDuplicateReleased(_));
            let ends = matches!(event, PatientEvent::PatientReactivated(_) | PatientEvent::PatientMerged(_));
            prop_assert!(is_right || ends || !matches!(before, Patient::Deactivated(_)), "{:?} on a deactivated patient", event);
            let undoes = matches!(event, PatientEvent::PatientMergeUndone(_));
            prop_assert_eq!(undoes, !is_right && matches!(before, Patient::Merged { .. }), "{:?} on a merged patient", event);
        }
        for (before, event) in &life.events {
            let after = before.clone().evolve(event);
            let (Some(before), Some(after)) = (before.chart(), after.chart()) else { continue };
            let errors = |chart: &Chart| -> BTreeSet<EntryId> {
                chart.conditions.iter().filter(|(_, one)| one.status == ConditionStatus::EnteredInError).map(|(id, _)| *id).collect()
            };
            let is_said_again = matches!(event, PatientEvent::ConditionRecorded(_));
            prop_assert!(is_said_again || errors(before).is_subset(&errors(after)), "{:?} makes true what never was", event);
        }
        let Some(chart) = life.state.chart() else { return Ok(()) };
        let patient = &chart.patient;
        let accounts = usize::from(patient.account_id.is_some());
        prop_assert_eq!(claimed.len(), 1 + accounts, "the number and the account, if any, are claimed");
        for amendment in chart.amendments.values() {
            let latest = Instant::from_micros(NOW_MICROS).plus_minutes((3 + 60 + 30) * 24 * 60);
            prop_assert!(amendment.due_at() <= latest, "nobody waits longer than 90 days for a decision");
        }
        let is_merged = life.state.survivor().is_some();
        prop_assert!(!is_merged || chart.duplicates.is_empty(), "nobody is both merged and a survivor");
        prop_assert!(!patient.name.is_empty());
        prop_assert!(patient.identifiers.iter().all(Identifier::is_plausible));
        prop_assert!(patient.deceased_at.is_none_or(|death| death.date_furthest_east() >= patient.birth_date));
        prop_assert!(chart.conditions.values().all(|condition| !condition.code.is_empty()));
    }
}
