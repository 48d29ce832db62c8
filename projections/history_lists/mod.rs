//! What does a patient suffer from, react to and take?

use anamnesis_domain::patient::{
    Allergy, AllergyCategory, AllergyStatus, Condition, ConditionStatus, Criticality, Medication, MedicationStatus, PatientEvent,
};
use anamnesis_domain::{AnyEvent, Code, Date, EntryId, Instant, PatientId, ProviderId, RecordId, Recorded, Text};

use crate::kernel::{Fold, Follows, Key, Of, Projection, Rows, Schema, Sealed, Streams, row, seal, seal_list, text_columns};
use crate::normal;

#[cfg(test)]
mod tests;

/// Every entry of every patient's history, as told last.
pub const HISTORY_LISTS: Projection = Projection {
    name: "history_lists",
    schema: Schema::Read,
    follows: Follows::Topics,
    sql: include_str!("table.sql"),
    version: 1,
    tables: &[&Of::<Conditions>::TABLE, &Of::<Allergies>::TABLE, &Of::<Medications>::TABLE],
};

text_columns!(ConditionStatus, AllergyStatus, AllergyCategory, Criticality, MedicationStatus);

row! {
    /// Something a patient suffers or suffered from.
    pub struct ConditionRow in "conditions" key (patient_id, entry_id) {
        patient_id: PatientId,
        entry_id: EntryId,
        status: ConditionStatus,
        codes: Vec<String>,
        code: Sealed<Code>,
        severity: Option<Sealed<Code>>,
        onset: Option<Date>,
        ended: Option<Date>,
        note: Option<Sealed<Text>>,
        record_id: Option<RecordId>,
        recorded_at: Instant,
    }
}

row! {
    /// Something a patient reacts to.
    pub struct AllergyRow in "allergies" key (patient_id, entry_id) {
        patient_id: PatientId,
        entry_id: EntryId,
        status: AllergyStatus,
        categories: Vec<AllergyCategory>,
        criticality: Option<Criticality>,
        codes: Vec<String>,
        code: Sealed<Code>,
        reactions: Option<Sealed<Vec<Code>>>,
        onset: Option<Date>,
        ended: Option<Date>,
        note: Option<Sealed<Text>>,
        record_id: Option<RecordId>,
        recorded_at: Instant,
    }
}

row! {
    /// Something a patient takes or took.
    pub struct MedicationRow in "medications" key (patient_id, entry_id) {
        patient_id: PatientId,
        entry_id: EntryId,
        status: MedicationStatus,
        codes: Vec<String>,
        code: Sealed<Code>,
        dosage: Option<Sealed<Text>>,
        reasons: Option<Sealed<Vec<Code>>>,
        prescriber_id: Option<ProviderId>,
        onset: Option<Date>,
        ended: Option<Date>,
        note: Option<Sealed<Text>>,
        record_id: Option<RecordId>,
        recorded_at: Instant,
    }
}

/// The fold of `conditions`.
pub struct Conditions;
/// The fold of `allergies`.
pub struct Allergies;
/// The fold of `medications`.
pub struct Medications;

const PATIENT: Streams = Streams::Of(&["patient"]);

impl Fold for Conditions {
    type Row = ConditionRow;
    const STREAMS: Streams = PATIENT;

    fn keys(event: &Recorded) -> Vec<Key> {
        keys_if(event, |entry| matches!(entry, Entry::Condition(_)))
    }

    fn apply(rows: &mut Rows<ConditionRow>, event: &Recorded) {
        let Some(PatientEntry { patient_id, entry_id, recorded_at, entry: Entry::Condition(condition) }) = told(event) else { return };
        rows.put(ConditionRow {
            patient_id,
            entry_id,
            status: condition.status,
            codes: normal::codes([&condition.code]),
            code: Sealed::new(condition.code.clone()),
            severity: seal(condition.severity.as_ref()),
            onset: condition.onset,
            ended: condition.ended,
            note: seal(condition.note.as_ref()),
            record_id: condition.record_id,
            recorded_at,
        });
    }
}

impl Fold for Allergies {
    type Row = AllergyRow;
    const STREAMS: Streams = PATIENT;

    fn keys(event: &Recorded) -> Vec<Key> {
        keys_if(event, |entry| matches!(entry, Entry::Allergy(_)))
    }

    fn apply(rows: &mut Rows<AllergyRow>, event: &Recorded) {
        let Some(PatientEntry { patient_id, entry_id, recorded_at, entry: Entry::Allergy(allergy) }) = told(event) else { return };
        rows.put(AllergyRow {
            patient_id,
            entry_id,
            status: allergy.status,
            categories: allergy.categories.clone(),
            criticality: allergy.criticality,
            codes: normal::codes([&allergy.code]),
            code: Sealed::new(allergy.code.clone()),
            reactions: seal_list(&allergy.reactions),
            onset: allergy.onset,
            ended: allergy.ended,
            note: seal(allergy.note.as_ref()),
            record_id: allergy.record_id,
            recorded_at,
        });
    }
}

impl Fold for Medications {
    type Row = MedicationRow;
    const STREAMS: Streams = PATIENT;

    fn keys(event: &Recorded) -> Vec<Key> {
        keys_if(event, |entry| matches!(entry, Entry::Medication(_)))
    }

    fn apply(rows: &mut Rows<MedicationRow>, event: &Recorded) {
        let Some(PatientEntry { patient_id, entry_id, recorded_at, entry: Entry::Medication(medication) }) = told(event) else { return };
        rows.put(MedicationRow {
            patient_id,
            entry_id,
            status: medication.status,
            codes: normal::codes([&medication.code]),
            code: Sealed::new(medication.code.clone()),
            dosage: seal(medication.dosage.as_ref()),
            reasons: seal_list(&medication.reasons),
            prescriber_id: medication.prescriber_id,
            onset: medication.onset,
            ended: medication.ended,
            note: seal(medication.note.as_ref()),
            record_id: medication.record_id,
            recorded_at,
        });
    }
}

/// An entry of a patient's history, told as a whole.
struct PatientEntry<'a> {
    patient_id: PatientId,
    entry_id: EntryId,
    recorded_at: Instant,
    entry: Entry<'a>,
}

enum Entry<'a> {
    Condition(&'a Condition),
    Allergy(&'a Allergy),
    Medication(&'a Medication),
}

fn keys_if(event: &Recorded, wanted: impl Fn(&Entry<'_>) -> bool) -> Vec<Key> {
    told(event).filter(|told| wanted(&told.entry)).map(|told| (told.patient_id, told.entry_id).into()).into_iter().collect()
}

fn told(event: &Recorded) -> Option<PatientEntry<'_>> {
    let Some(AnyEvent::Patient(happened)) = event.event.value() else { return None };
    let (entry_id, recorded_at, entry) = match happened {
        PatientEvent::ConditionRecorded(told) => (told.entry_id, told.recorded_at, Entry::Condition(&told.condition)),
        PatientEvent::AllergyRecorded(told) => (told.entry_id, told.recorded_at, Entry::Allergy(&told.allergy)),
        PatientEvent::MedicationRecorded(told) => (told.entry_id, told.recorded_at, Entry::Medication(&told.medication)),
        // what stands in `patients`
        PatientEvent::PatientRegistered(_)
        | PatientEvent::PatientDemographicsCorrected(_)
        | PatientEvent::PatientContactChanged(_)
        | PatientEvent::PatientInsuranceChanged(_)
        | PatientEvent::PatientEmergencyContactsChanged(_)
        | PatientEvent::PatientIdentifierAdded(_)
        | PatientEvent::PatientIdentifierRemoved(_)
        | PatientEvent::PrimaryCareProviderAssigned(_)
        | PatientEvent::PatientCareTeamChanged(_)
        | PatientEvent::PatientHealthGoalsChanged(_)
        | PatientEvent::PatientRiskFactorsChanged(_)
        | PatientEvent::PatientAccountLinked(_)
        | PatientEvent::PatientDied(_)
        | PatientEvent::PatientDeactivated(_)
        | PatientEvent::PatientReactivated(_) => return None,
    };
    Some(PatientEntry { patient_id: event.aggregate_id.into(), entry_id, recorded_at, entry })
}
