//! What does a patient suffer from, react to and take?

use anamnesis_domain::patient::{
    Allergy, AllergyCategory, AllergyStatus, Condition, ConditionStatus, Criticality, HistoryList, Medication, MedicationStatus, PatientEvent,
};
use anamnesis_domain::{AnyEvent, Code, Date, EntryId, Instant, PatientId, ProviderId, RecordId, Recorded, Text};

use crate::kernel::{Fold, Follows, Key, Of, Projection, Rows, Schema, Sealed, Streams, row, seal, seal_list, text_columns};
use crate::normal;

#[cfg(test)]
mod tests;

/// Every entry of every patient's history, as it stands now.
pub const HISTORY_LISTS: Projection = Projection {
    name: "history_lists",
    schema: Schema::Read,
    follows: Follows::Topics,
    sql: include_str!("table.sql"),
    version: 2,
    tables: &[&Of::<Conditions>::TABLE, &Of::<Allergies>::TABLE, &Of::<Medications>::TABLE],
};

text_columns!(ConditionStatus, AllergyStatus, AllergyCategory, Criticality, MedicationStatus);

row! {
    /// Something a patient suffers or suffered from.
    pub struct ConditionRow in "conditions" key (patient_id, entry_id) {
        patient_id: PatientId,
        entry_id: EntryId,
        status: ConditionStatus,
        status_reason: Option<Sealed<Text>>,
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
        status_reason: Option<Sealed<Text>>,
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
        status_reason: Option<Sealed<Text>>,
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
        keys_of(event, HistoryList::Conditions)
    }

    fn apply(rows: &mut Rows<ConditionRow>, event: &Recorded) {
        let Some(Told { patient_id, entry_id, recorded_at, happened, .. }) = told(event).filter(|told| told.list == HistoryList::Conditions) else {
            return;
        };
        let key = (patient_id, entry_id);
        match happened {
            Happened::Condition(condition) => rows.put(ConditionRow {
                patient_id,
                entry_id,
                status: condition.status,
                status_reason: None,
                codes: normal::codes([&condition.code]),
                code: Sealed::new(condition.code.clone()),
                severity: seal(condition.severity.as_ref()),
                onset: condition.onset,
                ended: condition.ended,
                note: seal(condition.note.as_ref()),
                record_id: condition.record_id,
                recorded_at,
            }),
            Happened::Ended { ended, reason } => rows.change(key, |row| {
                (row.status, row.ended) = (row.status.once_ended(), Some(ended));
                (row.status_reason, row.recorded_at) = (seal(reason), recorded_at);
            }),
            Happened::EnteredInError { reason } => rows.change(key, |row| {
                row.status = ConditionStatus::EnteredInError;
                (row.status_reason, row.recorded_at) = (seal(Some(reason)), recorded_at);
            }),
            Happened::Allergy(_) | Happened::Medication(_) => {}
        }
    }
}

impl Fold for Allergies {
    type Row = AllergyRow;
    const STREAMS: Streams = PATIENT;

    fn keys(event: &Recorded) -> Vec<Key> {
        keys_of(event, HistoryList::Allergies)
    }

    fn apply(rows: &mut Rows<AllergyRow>, event: &Recorded) {
        let Some(Told { patient_id, entry_id, recorded_at, happened, .. }) = told(event).filter(|told| told.list == HistoryList::Allergies) else {
            return;
        };
        let key = (patient_id, entry_id);
        match happened {
            Happened::Allergy(allergy) => rows.put(AllergyRow {
                patient_id,
                entry_id,
                status: allergy.status,
                status_reason: None,
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
            }),
            Happened::Ended { ended, reason } => rows.change(key, |row| {
                (row.status, row.ended) = (row.status.once_ended(), Some(ended));
                (row.status_reason, row.recorded_at) = (seal(reason), recorded_at);
            }),
            Happened::EnteredInError { reason } => rows.change(key, |row| {
                row.status = AllergyStatus::EnteredInError;
                (row.status_reason, row.recorded_at) = (seal(Some(reason)), recorded_at);
            }),
            Happened::Condition(_) | Happened::Medication(_) => {}
        }
    }
}

impl Fold for Medications {
    type Row = MedicationRow;
    const STREAMS: Streams = PATIENT;

    fn keys(event: &Recorded) -> Vec<Key> {
        keys_of(event, HistoryList::Medications)
    }

    fn apply(rows: &mut Rows<MedicationRow>, event: &Recorded) {
        let Some(Told { patient_id, entry_id, recorded_at, happened, .. }) = told(event).filter(|told| told.list == HistoryList::Medications) else {
            return;
        };
        let key = (patient_id, entry_id);
        match happened {
            Happened::Medication(medication) => rows.put(MedicationRow {
                patient_id,
                entry_id,
                status: medication.status,
                status_reason: None,
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
            }),
            Happened::Ended { ended, reason } => rows.change(key, |row| {
                (row.status, row.ended) = (row.status.once_ended(), Some(ended));
                (row.status_reason, row.recorded_at) = (seal(reason), recorded_at);
            }),
            Happened::EnteredInError { reason } => rows.change(key, |row| {
                row.status = MedicationStatus::EnteredInError;
                (row.status_reason, row.recorded_at) = (seal(Some(reason)), recorded_at);
            }),
            Happened::Condition(_) | Happened::Allergy(_) => {}
        }
    }
}

/// What happened to an entry of a patient's history.
struct Told<'a> {
    patient_id: PatientId,
    list: HistoryList,
    entry_id: EntryId,
    recorded_at: Instant,
    happened: Happened<'a>,
}

enum Happened<'a> {
    Condition(&'a Condition),
    Allergy(&'a Allergy),
    Medication(&'a Medication),
    Ended { ended: Date, reason: Option<&'a Text> },
    EnteredInError { reason: &'a Text },
}

fn keys_of(event: &Recorded, list: HistoryList) -> Vec<Key> {
    told(event).filter(|told| told.list == list).map(|told| (told.patient_id, told.entry_id).into()).into_iter().collect()
}

fn told(event: &Recorded) -> Option<Told<'_>> {
    let Some(AnyEvent::Patient(happened)) = event.event.value() else { return None };
    let (list, entry_id, recorded_at, happened) = match happened {
        PatientEvent::ConditionRecorded(told) => (HistoryList::Conditions, told.entry_id, told.recorded_at, Happened::Condition(&told.condition)),
        PatientEvent::AllergyRecorded(told) => (HistoryList::Allergies, told.entry_id, told.recorded_at, Happened::Allergy(&told.allergy)),
        PatientEvent::MedicationRecorded(told) => (HistoryList::Medications, told.entry_id, told.recorded_at, Happened::Medication(&told.medication)),
        PatientEvent::HistoryEntryEnded(told) => {
            (told.list, told.entry_id, told.recorded_at, Happened::Ended { ended: told.ended, reason: told.reason.as_ref() })
        }
        PatientEvent::HistoryEntryEnteredInError(told) => {
            (told.list, told.entry_id, told.marked_at, Happened::EnteredInError { reason: &told.reason })
        }
        // what stands in `patients` and `amendment_requests`
        PatientEvent::PatientRegistered(_)
        | PatientEvent::AmendmentRequested(_)
        | PatientEvent::AmendmentDeadlineExtended(_)
        | PatientEvent::AmendmentAccepted(_)
        | PatientEvent::AmendmentDenied(_)
        | PatientEvent::AmendmentDenialDisputed(_)
        | PatientEvent::AmendmentDisputeRebutted(_)
        | PatientEvent::AmendmentRecipientTold(_)
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
        | PatientEvent::PatientMerged(_)
        | PatientEvent::PatientDuplicateAbsorbed(_)
        | PatientEvent::PatientMergeUndone(_)
        | PatientEvent::PatientDuplicateReleased(_)
        | PatientEvent::PatientReactivated(_) => return None,
    };
    Some(Told { patient_id: event.aggregate_id.into(), list, entry_id, recorded_at, happened })
}
