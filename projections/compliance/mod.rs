//! What was found, whose data is kept, who answers for HIPAA, and who was trained?

use anamnesis_domain::compliance::{
    ComplianceEvent, FindingOutcome, FindingSeverity, FindingStatus, FindingType, NewFinding, NewLegalHold, NewTraining, Office, TrainingTopic,
};
use anamnesis_domain::{AccountId, AnyEvent, ComplianceId, Date, Instant, Line, PatientId, Recorded, Text};
use serde::{Deserialize, Serialize};

use crate::kernel::{Fold, Follows, Key, Of, Projection, Rows, Schema, Sealed, Streams, row, seal, text_columns};

#[cfg(test)]
mod tests;

/// Every compliance matter, each kind in its table.
pub const COMPLIANCE: Projection = Projection {
    name: "compliance",
    schema: Schema::Read,
    follows: Follows::Log,
    sql: include_str!("table.sql"),
    version: 2,
    tables: &[&Of::<Findings>::TABLE, &Of::<LegalHolds>::TABLE, &Of::<HeldPatients>::TABLE, &Of::<Designations>::TABLE, &Of::<Trainings>::TABLE],
};

text_columns!(FindingType, FindingSeverity, FindingStatus, FindingOutcome, Office, TrainingTopic, MatterStatus);

/// Whether something still holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MatterStatus {
    /// It does.
    Active,
    /// It was ended, or never was so.
    Ended,
}

/// What was learnt about a finding.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingNote {
    /// In words.
    pub note: Text,
    /// Who says so.
    pub noted_by: AccountId,
    /// When.
    pub noted_at: Instant,
}

row! {
    /// Something that may break a rule.
    pub struct FindingRow in "compliance_findings" key (finding_id) {
        finding_id: ComplianceId,
        finding_type: FindingType,
        severity: FindingSeverity,
        status: FindingStatus,
        title: Sealed<Line>,
        description: Option<Sealed<Text>>,
        rule: Option<Sealed<Line>>,
        account_ids: Vec<AccountId>,
        patient_ids: Vec<PatientId>,
        notes: Option<Sealed<Vec<FindingNote>>>,
        discovered_at: Instant,
        raised_at: Instant,
        raised_by: AccountId,
        outcome: Option<FindingOutcome>,
        measures: Option<Sealed<Text>>,
        resolved_at: Option<Instant>,
        resolved_by: Option<AccountId>,
        reopened_at: Option<Instant>,
        reopening_reason: Option<Sealed<Text>>,
    }
}

row! {
    /// Patients whose data is kept.
    pub struct LegalHoldRow in "legal_holds" key (hold_id) {
        hold_id: ComplianceId,
        status: MatterStatus,
        matter: Sealed<Line>,
        authority: Option<Sealed<Line>>,
        reason: Sealed<Text>,
        patient_ids: Vec<PatientId>,
        placed_at: Instant,
        placed_by: AccountId,
        released_at: Option<Instant>,
        released_by: Option<AccountId>,
        release_reason: Option<Sealed<Text>>,
    }
}

row! {
    /// A patient whose data a hold keeps; the hold's row has them all as a list.
    pub struct HeldPatientRow in "legal_hold_patients" key (hold_id, patient_id) {
        hold_id: ComplianceId,
        patient_id: PatientId,
    }
}

row! {
    /// Somebody who answers for something, or did.
    pub struct DesignationRow in "officer_designations" key (designation_id) {
        designation_id: ComplianceId,
        office: Office,
        status: MatterStatus,
        account_id: AccountId,
        designated_at: Instant,
        designated_by: AccountId,
        relieved_at: Option<Instant>,
        relieved_by: Option<AccountId>,
        relief_reason: Option<Sealed<Text>>,
    }
}

row! {
    /// A training that a member of the workforce had.
    pub struct TrainingRow in "workforce_trainings" key (training_id) {
        training_id: ComplianceId,
        account_id: AccountId,
        topic: TrainingTopic,
        status: MatterStatus,
        course: Sealed<Line>,
        given_by: Option<Sealed<Line>>,
        completed_on: Date,
        valid_until: Option<Date>,
        recorded_at: Instant,
        recorded_by: AccountId,
        entered_in_error_at: Option<Instant>,
        error_reason: Option<Sealed<Text>>,
    }
}

fn matter(event: &Recorded) -> Option<&ComplianceEvent> {
    if let Some(AnyEvent::Compliance(happened)) = event.event.value() { Some(happened) } else { None }
}

/// The row of the matter, if the event's name says that it is one of that kind.
fn keys(event: &Recorded, kind: &str) -> Vec<Key> {
    if event.event_type.starts_with(kind) { vec![event.aggregate_id.into()] } else { vec![] }
}

/// The fold of `compliance_findings`.
pub struct Findings;

impl Fold for Findings {
    type Row = FindingRow;
    const STREAMS: Streams = Streams::Of(&["compliance"]);
    const OPENED: &'static [&'static str] = &["notes"];

    fn keys(event: &Recorded) -> Vec<Key> {
        keys(event, "Finding")
    }

    fn apply(rows: &mut Rows<FindingRow>, event: &Recorded) {
        let Some(happened) = matter(event) else { return };
        let id = event.aggregate_id.into();
        match happened {
            ComplianceEvent::FindingRaised(raised) => rows.put(FindingRow::new(id, &raised.finding, (raised.raised_at, raised.raised_by))),
            ComplianceEvent::FindingNoted(noted) => rows.change(id, |finding| {
                let mut all = finding.notes.as_ref().and_then(Sealed::get).cloned().unwrap_or_default();
                all.push(FindingNote { note: noted.note.clone(), noted_by: noted.noted_by, noted_at: noted.noted_at });
                finding.notes = Some(Sealed::new(all));
            }),
            ComplianceEvent::FindingResolved(resolved) => rows.change(id, |finding| {
                (finding.status, finding.outcome) = (FindingStatus::Resolved, Some(resolved.outcome));
                finding.measures = Some(Sealed::new(resolved.measures.clone()));
                (finding.resolved_at, finding.resolved_by) = (Some(resolved.resolved_at), Some(resolved.resolved_by));
            }),
            // what was decided before stays in the history
            ComplianceEvent::FindingReopened(reopened) => rows.change(id, |finding| {
                (finding.status, finding.outcome, finding.measures) = (FindingStatus::Open, None, None);
                (finding.resolved_at, finding.resolved_by) = (None, None);
                (finding.reopened_at, finding.reopening_reason) = (Some(reopened.reopened_at), Some(Sealed::new(reopened.reason.clone())));
            }),
            ComplianceEvent::LegalHoldPlaced(_)
            | ComplianceEvent::LegalHoldWidened(_)
            | ComplianceEvent::LegalHoldReleased(_)
            | ComplianceEvent::OfficerDesignated(_)
            | ComplianceEvent::OfficerRelieved(_)
            | ComplianceEvent::TrainingRecorded(_)
            | ComplianceEvent::TrainingEnteredInError(_) => {}
        }
    }
}

impl FindingRow {
    fn new(finding_id: ComplianceId, finding: &NewFinding, (raised_at, raised_by): (Instant, AccountId)) -> Self {
        Self {
            finding_id,
            finding_type: finding.finding_type,
            severity: finding.severity,
            status: FindingStatus::Open,
            title: Sealed::new(finding.title.clone()),
            description: seal(finding.description.as_ref()),
            rule: seal(finding.rule.as_ref()),
            account_ids: finding.account_ids.clone(),
            patient_ids: finding.patient_ids.clone(),
            notes: None,
            discovered_at: finding.discovered_at,
            raised_at,
            raised_by,
            outcome: None,
            measures: None,
            resolved_at: None,
            resolved_by: None,
            reopened_at: None,
            reopening_reason: None,
        }
    }
}

/// The fold of `legal_holds`.
pub struct LegalHolds;

impl Fold for LegalHolds {
    type Row = LegalHoldRow;
    const STREAMS: Streams = Streams::Of(&["compliance"]);

    fn keys(event: &Recorded) -> Vec<Key> {
        keys(event, "LegalHold")
    }

    fn apply(rows: &mut Rows<LegalHoldRow>, event: &Recorded) {
        let Some(happened) = matter(event) else { return };
        let id = event.aggregate_id.into();
        match happened {
            ComplianceEvent::LegalHoldPlaced(placed) => {
                let NewLegalHold { matter, authority, reason, patient_ids } = &placed.hold;
                rows.put(LegalHoldRow {
                    hold_id: id,
                    status: MatterStatus::Active,
                    matter: Sealed::new(matter.clone()),
                    authority: seal(authority.as_ref()),
                    reason: Sealed::new(reason.clone()),
                    patient_ids: patient_ids.clone(),
                    placed_at: placed.placed_at,
                    placed_by: placed.placed_by,
                    released_at: None,
                    released_by: None,
                    release_reason: None,
                });
            }
            ComplianceEvent::LegalHoldWidened(widened) => rows.change(id, |hold| hold.patient_ids.extend(&widened.patient_ids)),
            ComplianceEvent::LegalHoldReleased(released) => rows.change(id, |hold| {
                (hold.status, hold.released_at, hold.released_by) = (MatterStatus::Ended, Some(released.released_at), Some(released.released_by));
                hold.release_reason = Some(Sealed::new(released.reason.clone()));
            }),
            ComplianceEvent::FindingRaised(_)
            | ComplianceEvent::FindingNoted(_)
            | ComplianceEvent::FindingResolved(_)
            | ComplianceEvent::FindingReopened(_)
            | ComplianceEvent::OfficerDesignated(_)
            | ComplianceEvent::OfficerRelieved(_)
            | ComplianceEvent::TrainingRecorded(_)
            | ComplianceEvent::TrainingEnteredInError(_) => {}
        }
    }
}

/// The fold of `legal_hold_patients`.
pub struct HeldPatients;

impl Fold for HeldPatients {
    type Row = HeldPatientRow;
    const STREAMS: Streams = Streams::Of(&["compliance"]);

    fn keys(event: &Recorded) -> Vec<Key> {
        newly_held(event).iter().map(|patient_id| (event.aggregate_id, *patient_id).into()).collect()
    }

    fn apply(rows: &mut Rows<HeldPatientRow>, event: &Recorded) {
        for patient_id in newly_held(event) {
            rows.put(HeldPatientRow { hold_id: event.aggregate_id.into(), patient_id: *patient_id });
        }
    }
}

/// A hold that has ended still names them: what was kept for whom stays known.
fn newly_held(event: &Recorded) -> &[PatientId] {
    match matter(event) {
        Some(ComplianceEvent::LegalHoldPlaced(placed)) => &placed.hold.patient_ids,
        Some(ComplianceEvent::LegalHoldWidened(widened)) => &widened.patient_ids,
        Some(
            ComplianceEvent::LegalHoldReleased(_)
            | ComplianceEvent::FindingRaised(_)
            | ComplianceEvent::FindingNoted(_)
            | ComplianceEvent::FindingResolved(_)
            | ComplianceEvent::FindingReopened(_)
            | ComplianceEvent::OfficerDesignated(_)
            | ComplianceEvent::OfficerRelieved(_)
            | ComplianceEvent::TrainingRecorded(_)
            | ComplianceEvent::TrainingEnteredInError(_),
        )
        | None => &[],
    }
}

/// The fold of `officer_designations`.
pub struct Designations;

impl Fold for Designations {
    type Row = DesignationRow;
    const STREAMS: Streams = Streams::Of(&["compliance"]);

    fn keys(event: &Recorded) -> Vec<Key> {
        keys(event, "Officer")
    }

    fn apply(rows: &mut Rows<DesignationRow>, event: &Recorded) {
        let Some(happened) = matter(event) else { return };
        let id = event.aggregate_id.into();
        match happened {
            ComplianceEvent::OfficerDesignated(designated) => rows.put(DesignationRow {
                designation_id: id,
                office: designated.designation.office,
                status: MatterStatus::Active,
                account_id: designated.designation.account_id,
                designated_at: designated.designated_at,
                designated_by: designated.designated_by,
                relieved_at: None,
                relieved_by: None,
                relief_reason: None,
            }),
            ComplianceEvent::OfficerRelieved(relieved) => rows.change(id, |officer| {
                (officer.status, officer.relieved_at, officer.relieved_by) =
                    (MatterStatus::Ended, Some(relieved.relieved_at), Some(relieved.relieved_by));
                officer.relief_reason = seal(relieved.reason.as_ref());
            }),
            ComplianceEvent::FindingRaised(_)
            | ComplianceEvent::FindingNoted(_)
            | ComplianceEvent::FindingResolved(_)
            | ComplianceEvent::FindingReopened(_)
            | ComplianceEvent::LegalHoldPlaced(_)
            | ComplianceEvent::LegalHoldWidened(_)
            | ComplianceEvent::LegalHoldReleased(_)
            | ComplianceEvent::TrainingRecorded(_)
            | ComplianceEvent::TrainingEnteredInError(_) => {}
        }
    }
}

/// The fold of `workforce_trainings`.
pub struct Trainings;

impl Fold for Trainings {
    type Row = TrainingRow;
    const STREAMS: Streams = Streams::Of(&["compliance"]);

    fn keys(event: &Recorded) -> Vec<Key> {
        keys(event, "Training")
    }

    fn apply(rows: &mut Rows<TrainingRow>, event: &Recorded) {
        let Some(happened) = matter(event) else { return };
        let id = event.aggregate_id.into();
        match happened {
            ComplianceEvent::TrainingRecorded(recorded) => {
                let NewTraining { account_id, topic, course, given_by, completed_on, valid_until } = &recorded.training;
                rows.put(TrainingRow {
                    training_id: id,
                    account_id: *account_id,
                    topic: *topic,
                    status: MatterStatus::Active,
                    course: Sealed::new(course.clone()),
                    given_by: seal(given_by.as_ref()),
                    completed_on: *completed_on,
                    valid_until: *valid_until,
                    recorded_at: recorded.recorded_at,
                    recorded_by: recorded.recorded_by,
                    entered_in_error_at: None,
                    error_reason: None,
                });
            }
            ComplianceEvent::TrainingEnteredInError(marked) => rows.change(id, |training| {
                (training.status, training.entered_in_error_at) = (MatterStatus::Ended, Some(marked.marked_at));
                training.error_reason = Some(Sealed::new(marked.reason.clone()));
            }),
            ComplianceEvent::FindingRaised(_)
            | ComplianceEvent::FindingNoted(_)
            | ComplianceEvent::FindingResolved(_)
            | ComplianceEvent::FindingReopened(_)
            | ComplianceEvent::LegalHoldPlaced(_)
            | ComplianceEvent::LegalHoldWidened(_)
            | ComplianceEvent::LegalHoldReleased(_)
            | ComplianceEvent::OfficerDesignated(_)
            | ComplianceEvent::OfficerRelieved(_) => {}
        }
    }
}
