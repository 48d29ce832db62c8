//! What do patients want amended, until when must it be decided, and what became of it?

use anamnesis_domain::patient::{AmendmentEvent, AmendmentStatus, AmendmentStep, DenialGround};
use anamnesis_domain::{AccountId, AmendmentRequestId, AnyEvent, Instant, Line, PatientId, RecordId, Recorded, Text};

use crate::kernel::{Fold, Follows, Key, Of, Projection, Rows, Schema, Sealed, Streams, row, seal_list, text_columns};

#[cfg(test)]
mod tests;

/// Every request for amendment, as it stands now.
pub const AMENDMENT_REQUESTS: Projection = Projection {
    name: "amendment_requests",
    schema: Schema::Read,
    follows: Follows::Topics,
    sql: include_str!("table.sql"),
    version: 2,
    tables: &[&Of::<AmendmentRequests>::TABLE],
};

text_columns!(AmendmentStatus, DenialGround);

row! {
    /// A patient's request for an amendment. Whether it is overdue is a question of the moment of asking.
    pub struct AmendmentRequestRow in "amendment_requests" key (patient_id, request_id) {
        patient_id: PatientId,
        request_id: AmendmentRequestId,
        status: AmendmentStatus,
        record_id: Option<RecordId>,
        amends: Sealed<Text>,
        reason: Sealed<Text>,
        to_be_told: Option<Sealed<Vec<Line>>>,
        requested_at: Instant,
        due_at: Instant,
        extended_at: Option<Instant>,
        extension_reason: Option<Sealed<Text>>,
        decided_at: Option<Instant>,
        decided_by: Option<AccountId>,
        amendment: Option<Sealed<Text>>,
        denial_ground: Option<DenialGround>,
        denial_explanation: Option<Sealed<Text>>,
        disagreement: Option<Sealed<Text>>,
        disagreed_at: Option<Instant>,
        rebuttal: Option<Sealed<Text>>,
        rebutted_at: Option<Instant>,
        told: Option<Sealed<Vec<Line>>>,
    }
}

/// The fold of `amendment_requests`.
pub struct AmendmentRequests;

impl Fold for AmendmentRequests {
    type Row = AmendmentRequestRow;
    const STREAMS: Streams = Streams::Of(&["patient"]);
    const OPENED: &'static [&'static str] = &["told"];

    fn keys(event: &Recorded) -> Vec<Key> {
        told(event).map(|told| (PatientId(event.aggregate_id), told.request_id()).into()).into_iter().collect()
    }

    fn apply(rows: &mut Rows<AmendmentRequestRow>, event: &Recorded) {
        let patient_id = PatientId(event.aggregate_id);
        match told(event) {
            None => {}
            Some(AmendmentEvent::Requested(requested)) => rows.put(AmendmentRequestRow {
                patient_id,
                request_id: requested.request_id,
                status: AmendmentStatus::Open,
                record_id: requested.record_id,
                amends: Sealed::new(requested.amends.clone()),
                reason: Sealed::new(requested.reason.clone()),
                to_be_told: seal_list(&requested.tell),
                requested_at: requested.requested_at,
                due_at: requested.due_at,
                extended_at: None,
                extension_reason: None,
                decided_at: None,
                decided_by: None,
                amendment: None,
                denial_ground: None,
                denial_explanation: None,
                disagreement: None,
                disagreed_at: None,
                rebuttal: None,
                rebutted_at: None,
                told: None,
            }),
            Some(AmendmentEvent::Happened(request_id, happened)) => {
                rows.change((patient_id, request_id), |row| row.change(happened, AccountId(event.actor_id)));
            }
        }
    }
}

impl AmendmentRequestRow {
    fn change(&mut self, happened: AmendmentStep<'_>, actor: AccountId) {
        match happened {
            AmendmentStep::Extended(extended) => {
                self.due_at = extended.due_at;
                self.extended_at = Some(extended.extended_at);
                self.extension_reason = Some(Sealed::new(extended.reason.clone()));
            }
            AmendmentStep::Accepted(accepted) => {
                self.decide(AmendmentStatus::Accepted, accepted.accepted_at, actor);
                self.amendment = Some(Sealed::new(accepted.amendment.clone()));
            }
            AmendmentStep::Denied(denied) => {
                self.decide(AmendmentStatus::Denied, denied.denied_at, actor);
                self.denial_ground = Some(denied.ground);
                self.denial_explanation = Some(Sealed::new(denied.explanation.clone()));
            }
            AmendmentStep::Disputed(disputed) => {
                self.status = AmendmentStatus::Disagreed;
                self.disagreed_at = Some(disputed.disputed_at);
                self.disagreement = Some(Sealed::new(disputed.statement.clone()));
            }
            AmendmentStep::Rebutted(rebutted) => {
                self.status = AmendmentStatus::Rebutted;
                self.rebutted_at = Some(rebutted.rebutted_at);
                self.rebuttal = Some(Sealed::new(rebutted.rebuttal.clone()));
            }
            AmendmentStep::Told(event) => {
                let mut told = self.told.as_ref().and_then(Sealed::get).cloned().unwrap_or_default();
                told.push(event.recipient.clone());
                self.told = seal_list(&told);
            }
        }
    }

    fn decide(&mut self, status: AmendmentStatus, at: Instant, by: AccountId) {
        (self.status, self.decided_at, self.decided_by) = (status, Some(at), Some(by));
    }
}

fn told(event: &Recorded) -> Option<AmendmentEvent<'_>> {
    if let Some(AnyEvent::Patient(happened)) = event.event.value() { happened.amendment() } else { None }
}
