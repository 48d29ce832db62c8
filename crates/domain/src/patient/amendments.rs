//! What does a patient want amended in their record, and what became of it (45 CFR 164.526)?
//! `Open → Accepted`, or `Open → Denied → Disagreed → Rebutted`

use serde::{Deserialize, Serialize};

use super::{Chart, PatientError, PatientEvent};
use crate::{AmendmentRequestId, Instant, Line, RecordId, Text, choices::choices, redact::redacted};

/// The time for acting on a request, in minutes: 60 days (164.526(b)(2)(i)).
const TERM_MINUTES: u32 = 60 * 24 * 60;
/// How long ago a request that is written down now may have been received: a year. What lies further back is a slip of the pen.
const OLDEST_MINUTES: u32 = 366 * 24 * 60;
/// What that can be made longer by, once, in minutes: 30 days (164.526(b)(2)(ii)).
const EXTENSION_MINUTES: u32 = 30 * 24 * 60;
/// The most requests of one patient.
const MAX_REQUESTS: usize = 1_000;
/// The most recipients of one amendment.
const MAX_RECIPIENTS: usize = 100;

choices! {
    /// Why a request may be denied (164.526(a)(2)(i) to (iv)); for nothing else.
    pub enum DenialGround {
        NotCreatedHere = "NOT_CREATED_HERE",
        NotInRecordSet = "NOT_IN_RECORD_SET",
        NotOpenToInspection = "NOT_OPEN_TO_INSPECTION",
        AccurateAndComplete = "ACCURATE_AND_COMPLETE",
    }
}

choices! {
    /// How a request stands.
    pub enum AmendmentStatus {
        Open = "OPEN",
        Accepted = "ACCEPTED",
        Denied = "DENIED",
        Disagreed = "DISAGREED",
        Rebutted = "REBUTTED",
    }
}

/// A patient asked for an amendment of their record.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AmendmentRequested {
    /// Which request.
    pub request_id: AmendmentRequestId,
    /// What should be amended, and to what.
    pub amends: Text,
    /// Why.
    pub reason: Text,
    /// The record that is wrong, if it is one.
    pub record_id: Option<RecordId>,
    /// Whom the patient wants to be told of the amendment.
    pub tell: Vec<Line>,
    /// When.
    pub requested_at: Instant,
    /// Until when it must be acted on.
    pub due_at: Instant,
}

/// Acting on the request takes longer, and the patient was told why.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AmendmentDeadlineExtended {
    /// Which request.
    pub request_id: AmendmentRequestId,
    /// Why.
    pub reason: Text,
    /// Until when it will be acted on.
    pub due_at: Instant,
    /// When that was decided.
    pub extended_at: Instant,
}

/// The request was accepted: the amendment stands beside what it amends.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AmendmentAccepted {
    /// Which request.
    pub request_id: AmendmentRequestId,
    /// The amendment.
    pub amendment: Text,
    /// When.
    pub accepted_at: Instant,
}

/// The request was denied.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AmendmentDenied {
    /// Which request.
    pub request_id: AmendmentRequestId,
    /// On which ground.
    pub ground: DenialGround,
    /// The basis of it in plain language (164.526(d)(1)(i)).
    pub explanation: Text,
    /// When.
    pub denied_at: Instant,
}

/// The patient disagrees with the denial (164.526(d)(2)).
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AmendmentDenialDisputed {
    /// Which request.
    pub request_id: AmendmentRequestId,
    /// The patient's statement.
    pub statement: Text,
    /// When.
    pub disputed_at: Instant,
}

/// The statement of disagreement was answered (164.526(d)(3)).
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AmendmentDisputeRebutted {
    /// Which request.
    pub request_id: AmendmentRequestId,
    /// The answer.
    pub rebuttal: Text,
    /// When.
    pub rebutted_at: Instant,
}

/// Somebody who relies on the record was told of the amendment (164.526(c)(3)).
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AmendmentRecipientTold {
    /// Which request.
    pub request_id: AmendmentRequestId,
    /// Who was told.
    pub recipient: Line,
    /// When.
    pub told_at: Instant,
}

/// What can be asked about one request.
#[derive(Clone)]
#[expect(missing_docs, reason = "the fields are named as in the events, which explain them")]
pub enum AmendmentCommand {
    /// Ask for an amendment.
    Request { amends: Text, reason: Text, record_id: Option<RecordId>, tell: Vec<Line>, received_at: Option<Instant> },
    /// Take longer.
    Extend { reason: Text, due_at: Instant },
    /// Accept it.
    Accept { amendment: Text },
    /// Deny it.
    Deny { ground: DenialGround, explanation: Text },
    /// Disagree with the denial.
    Dispute { statement: Text },
    /// Answer the disagreement.
    Rebut { rebuttal: Text },
    /// Say that somebody was told.
    Tell { recipient: Line },
}

/// A request, and what became of it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Amendment {
    request: AmendmentRequested,
    extension: Option<AmendmentDeadlineExtended>,
    outcome: Outcome,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
enum Outcome {
    Open,
    Accepted { accepted: AmendmentAccepted, told: Vec<Line> },
    Denied(AmendmentDenied),
    Disagreed(AmendmentDenialDisputed),
    Rebutted(AmendmentDisputeRebutted),
}

redacted!(
    AmendmentRequested,
    AmendmentDeadlineExtended,
    AmendmentAccepted,
    AmendmentDenied,
    AmendmentDenialDisputed,
    AmendmentDisputeRebutted,
    AmendmentRecipientTold,
    AmendmentCommand,
    Amendment,
);

type Decision = Result<Vec<PatientEvent>, PatientError>;

impl Chart {
    pub(super) fn decide_amendment(&self, now: Instant, request_id: AmendmentRequestId, command: AmendmentCommand) -> Decision {
        let known = || self.amendments.get(&request_id).ok_or(PatientError::NoSuchRequest);
        match command {
            AmendmentCommand::Request { amends, reason, record_id, tell, received_at } => {
                // the term begins when the request is received, not when somebody writes it down (45 CFR 164.526(b)(2)(i))
                let requested_at = received_at.unwrap_or(now);
                if requested_at > now || requested_at < now.minus_minutes(OLDEST_MINUTES) {
                    return Err(PatientError::ReceivedAtWrong);
                }
                let due_at = requested_at.plus_minutes(TERM_MINUTES);
                self.request_amendment(AmendmentRequested { request_id, amends, reason, record_id, tell, requested_at, due_at })
            }
            AmendmentCommand::Extend { reason, due_at } => {
                known()?.extend(AmendmentDeadlineExtended { request_id, reason, due_at, extended_at: now })
            }
            AmendmentCommand::Accept { amendment } => known()?.accept(AmendmentAccepted { request_id, amendment, accepted_at: now }),
            AmendmentCommand::Deny { ground, explanation } => known()?.deny(AmendmentDenied { request_id, ground, explanation, denied_at: now }),
            AmendmentCommand::Dispute { statement } => known()?.dispute(AmendmentDenialDisputed { request_id, statement, disputed_at: now }),
            AmendmentCommand::Rebut { rebuttal } => known()?.rebut(AmendmentDisputeRebutted { request_id, rebuttal, rebutted_at: now }),
            AmendmentCommand::Tell { recipient } => known()?.tell(AmendmentRecipientTold { request_id, recipient, told_at: now }),
        }
    }

    fn request_amendment(&self, request: AmendmentRequested) -> Decision {
        if let Some(known) = self.amendments.get(&request.request_id) {
            let same = AmendmentRequested { requested_at: known.request.requested_at, due_at: known.request.due_at, ..request } == known.request;
            return if same { Ok(vec![]) } else { Err(PatientError::RequestedAlready) };
        }
        if self.amendments.len() >= MAX_REQUESTS || request.tell.len() > MAX_RECIPIENTS {
            return Err(PatientError::TooMany);
        }
        Ok(vec![request.into()])
    }

    /// Takes an event about a request.
    pub(super) fn amend(&mut self, event: &PatientEvent) {
        match event.amendment() {
            None => {}
            Some(AmendmentEvent::Requested(request)) => {
                let amendment = Amendment { request: request.clone(), extension: None, outcome: Outcome::Open };
                self.amendments.insert(request.request_id, amendment);
            }
            Some(AmendmentEvent::Happened(request_id, happened)) => {
                if let Some(known) = self.amendments.get_mut(&request_id) {
                    known.evolve(happened);
                }
            }
        }
    }
}

/// What a patient's event tells of a request for amendment.
#[derive(Clone, Copy)]
pub enum AmendmentEvent<'a> {
    /// It was made.
    Requested(&'a AmendmentRequested),
    /// Something became of it.
    Happened(AmendmentRequestId, AmendmentStep<'a>),
}

/// What became of a request for amendment.
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "each is the event of that name, which explains itself")]
pub enum AmendmentStep<'a> {
    Extended(&'a AmendmentDeadlineExtended),
    Accepted(&'a AmendmentAccepted),
    Denied(&'a AmendmentDenied),
    Disputed(&'a AmendmentDenialDisputed),
    Rebutted(&'a AmendmentDisputeRebutted),
    Told(&'a AmendmentRecipientTold),
}

impl AmendmentEvent<'_> {
    /// Which request.
    pub fn request_id(self) -> AmendmentRequestId {
        match self {
            Self::Requested(requested) => requested.request_id,
            Self::Happened(request_id, _) => request_id,
        }
    }
}

impl PatientEvent {
    /// What it tells of a request for amendment, if it is about one.
    pub fn amendment(&self) -> Option<AmendmentEvent<'_>> {
        let (request_id, step) = match self {
            Self::AmendmentRequested(requested) => return Some(AmendmentEvent::Requested(requested)),
            Self::AmendmentDeadlineExtended(event) => (event.request_id, AmendmentStep::Extended(event)),
            Self::AmendmentAccepted(event) => (event.request_id, AmendmentStep::Accepted(event)),
            Self::AmendmentDenied(event) => (event.request_id, AmendmentStep::Denied(event)),
            Self::AmendmentDenialDisputed(event) => (event.request_id, AmendmentStep::Disputed(event)),
            Self::AmendmentDisputeRebutted(event) => (event.request_id, AmendmentStep::Rebutted(event)),
            Self::AmendmentRecipientTold(event) => (event.request_id, AmendmentStep::Told(event)),
            Self::PatientRegistered(_)
            | Self::PatientDemographicsCorrected(_)
            | Self::PatientContactChanged(_)
            | Self::PatientInsuranceChanged(_)
            | Self::PatientEmergencyContactsChanged(_)
            | Self::PatientIdentifierAdded(_)
            | Self::PatientIdentifierRemoved(_)
            | Self::ConditionRecorded(_)
            | Self::AllergyRecorded(_)
            | Self::MedicationRecorded(_)
            | Self::HistoryEntryEnded(_)
            | Self::HistoryEntryEnteredInError(_)
            | Self::PrimaryCareProviderAssigned(_)
            | Self::PatientCareTeamChanged(_)
            | Self::PatientHealthGoalsChanged(_)
            | Self::PatientRiskFactorsChanged(_)
            | Self::PatientAccountLinked(_)
            | Self::PatientDied(_)
            | Self::PatientDeactivated(_)
            | Self::PatientMerged(_)
            | Self::PatientDuplicateAbsorbed(_)
            | Self::PatientMergeUndone(_)
            | Self::PatientDuplicateReleased(_)
            | Self::PatientReactivated(_) => return None,
        };
        Some(AmendmentEvent::Happened(request_id, step))
    }
}

impl Amendment {
    /// How it stands.
    pub fn status(&self) -> AmendmentStatus {
        match &self.outcome {
            Outcome::Open => AmendmentStatus::Open,
            Outcome::Accepted { .. } => AmendmentStatus::Accepted,
            Outcome::Denied(_) => AmendmentStatus::Denied,
            Outcome::Disagreed(_) => AmendmentStatus::Disagreed,
            Outcome::Rebutted(_) => AmendmentStatus::Rebutted,
        }
    }

    /// Until when it must be acted on.
    pub fn due_at(&self) -> Instant {
        self.extension.as_ref().map_or(self.request.due_at, |extension| extension.due_at)
    }

    fn extend(&self, extended: AmendmentDeadlineExtended) -> Decision {
        if self.outcome != Outcome::Open {
            return Err(PatientError::DecidedAlready);
        }
        if let Some(known) = &self.extension {
            let same = known.due_at == extended.due_at && known.reason == extended.reason;
            return if same { Ok(vec![]) } else { Err(PatientError::ExtendedAlready) };
        }
        if extended.extended_at > self.request.due_at {
            return Err(PatientError::DeadlineMissed);
        }
        if extended.due_at <= self.request.due_at || extended.due_at > self.request.due_at.plus_minutes(EXTENSION_MINUTES) {
            return Err(PatientError::NotThirtyDays);
        }
        Ok(vec![extended.into()])
    }

    fn accept(&self, accepted: AmendmentAccepted) -> Decision {
        match &self.outcome {
            Outcome::Open => Ok(vec![accepted.into()]),
            Outcome::Accepted { accepted: known, .. } if known.amendment == accepted.amendment => Ok(vec![]),
            Outcome::Accepted { .. } | Outcome::Denied(_) | Outcome::Disagreed(_) | Outcome::Rebutted(_) => Err(PatientError::DecidedAlready),
        }
    }

    fn deny(&self, denied: AmendmentDenied) -> Decision {
        match &self.outcome {
            Outcome::Open => Ok(vec![denied.into()]),
            Outcome::Denied(known) if known.ground == denied.ground && known.explanation == denied.explanation => Ok(vec![]),
            Outcome::Accepted { .. } | Outcome::Denied(_) | Outcome::Disagreed(_) | Outcome::Rebutted(_) => Err(PatientError::DecidedAlready),
        }
    }

    fn dispute(&self, disputed: AmendmentDenialDisputed) -> Decision {
        match &self.outcome {
            Outcome::Denied(_) => Ok(vec![disputed.into()]),
            Outcome::Disagreed(known) if known.statement == disputed.statement => Ok(vec![]),
            Outcome::Disagreed(_) | Outcome::Rebutted(_) => Err(PatientError::DisputedAlready),
            Outcome::Open | Outcome::Accepted { .. } => Err(PatientError::NotDenied),
        }
    }

    fn rebut(&self, rebutted: AmendmentDisputeRebutted) -> Decision {
        match &self.outcome {
            Outcome::Disagreed(_) => Ok(vec![rebutted.into()]),
            Outcome::Rebutted(known) if known.rebuttal == rebutted.rebuttal => Ok(vec![]),
            Outcome::Rebutted(_) | Outcome::Open | Outcome::Accepted { .. } | Outcome::Denied(_) => Err(PatientError::NotDisputed),
        }
    }

    fn tell(&self, event: AmendmentRecipientTold) -> Decision {
        let Outcome::Accepted { told, .. } = &self.outcome else { return Err(PatientError::NotAccepted) };
        if told.contains(&event.recipient) {
            return Ok(vec![]);
        }
        if told.len() >= MAX_RECIPIENTS {
            return Err(PatientError::TooMany);
        }
        Ok(vec![event.into()])
    }

    fn evolve(&mut self, happened: AmendmentStep<'_>) {
        match happened {
            AmendmentStep::Extended(extended) => self.extension = Some(extended.clone()),
            AmendmentStep::Accepted(accepted) => self.outcome = Outcome::Accepted { accepted: accepted.clone(), told: vec![] },
            AmendmentStep::Denied(denied) => self.outcome = Outcome::Denied(denied.clone()),
            AmendmentStep::Disputed(disputed) => self.outcome = Outcome::Disagreed(disputed.clone()),
            AmendmentStep::Rebutted(rebutted) => self.outcome = Outcome::Rebutted(rebutted.clone()),
            AmendmentStep::Told(event) => {
                if let Outcome::Accepted { told, .. } = &mut self.outcome {
                    told.push(event.recipient.clone());
                }
            }
        }
    }
}
