//! What do those who answer for HIPAA find, hold back, assign and teach?
//! One stream per matter: a finding `Open ⇄ Resolved`, a legal hold `Placed → Released`, a designation `Held → Relieved`, a training.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    AccountId, Aggregate, Date, Instant, PatientId, Reservation, Subject, Text, choices::choices, events::events, redact::redacted, refusal::refusals,
};

mod payloads;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use payloads::*;

events! {
    /// What can have happened in a compliance matter.
    pub enum ComplianceEvent {
        FindingRaised(FindingRaised) = 1,
        FindingNoted(FindingNoted) = 1,
        FindingResolved(FindingResolved) = 1,
        FindingReopened(FindingReopened) = 1,
        LegalHoldPlaced(LegalHoldPlaced) = 1,
        LegalHoldWidened(LegalHoldWidened) = 1,
        LegalHoldReleased(LegalHoldReleased) = 1,
        OfficerDesignated(OfficerDesignated) = 1,
        OfficerRelieved(OfficerRelieved) = 1,
        TrainingRecorded(TrainingRecorded) = 1,
        TrainingEnteredInError(TrainingEnteredInError) = 1,
    }
}

choices! {
    /// What kind of finding, in the terms of 45 CFR part 164.
    pub enum FindingType {
        /// An attempted or successful interference with an information system (164.304).
        SecurityIncident = "SECURITY_INCIDENT",
        /// Acquisition, access, use or disclosure that compromises data (164.402).
        Breach = "BREACH",
        /// A use or disclosure that the privacy rule doesn't permit (164.502(a)).
        ImpermissibleUse = "IMPERMISSIBLE_USE",
        /// Something out of the ordinary in the review of system activity (164.308(a)(1)(ii)(D)).
        UnusualAccess = "UNUSUAL_ACCESS",
        /// A member of the workforce didn't keep to a policy (164.530(e)).
        PolicyViolation = "POLICY_VIOLATION",
        /// A risk or vulnerability found by an analysis (164.308(a)(1)(ii)(A)).
        Risk = "RISK",
        /// Somebody complained (164.530(d)).
        Complaint = "COMPLAINT",
        /// None of these.
        Other = "OTHER",
    }
}

choices! {
    /// How much a finding matters.
    pub enum FindingSeverity {
        Info = "INFO",
        Warning = "WARNING",
        Critical = "CRITICAL",
    }
}

choices! {
    /// What a finding turned out to be.
    pub enum FindingOutcome {
        /// A rule was broken.
        Confirmed = "CONFIRMED",
        /// None was.
        Unfounded = "UNFOUNDED",
        /// There is a risk, and it is taken.
        RiskAccepted = "RISK_ACCEPTED",
    }
}

choices! {
    /// Whether a finding still has to be dealt with.
    pub enum FindingStatus {
        Open = "OPEN",
        Resolved = "RESOLVED",
    }
}

choices! {
    /// What somebody answers for.
    pub enum Office {
        /// The security rule's policies and procedures (45 CFR 164.308(a)(2)).
        SecurityOfficer = "SECURITY_OFFICER",
        /// The privacy rule's policies and procedures (45 CFR 164.530(a)(1)(i)).
        PrivacyOfficer = "PRIVACY_OFFICER",
        /// Receiving complaints (45 CFR 164.530(a)(1)(ii)).
        ContactPerson = "CONTACT_PERSON",
    }
}

choices! {
    /// What a training was about.
    pub enum TrainingTopic {
        /// The privacy policies (45 CFR 164.530(b)).
        Privacy = "PRIVACY",
        /// Security awareness (45 CFR 164.308(a)(5)(i)).
        SecurityAwareness = "SECURITY_AWARENESS",
        /// Protection from malicious software (45 CFR 164.308(a)(5)(ii)(B)).
        MaliciousSoftware = "MALICIOUS_SOFTWARE",
        /// Attempts to log in (45 CFR 164.308(a)(5)(ii)(C)).
        LoginMonitoring = "LOGIN_MONITORING",
        /// Passwords (45 CFR 164.308(a)(5)(ii)(D)).
        Passwords = "PASSWORDS",
        /// What to do when data was breached (45 CFR 164.414(a)).
        BreachResponse = "BREACH_RESPONSE",
        /// Something else.
        Other = "OTHER",
    }
}

/// A compliance matter's state.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Compliance {
    /// There is no matter yet.
    #[default]
    Absent,
    /// Something was found.
    Finding {
        /// Whether it still has to be dealt with.
        status: FindingStatus,
        /// What was noted last: the same twice is once.
        note: Option<Text>,
        /// How often something was noted.
        notes: u32,
    },
    /// Data is kept.
    LegalHold {
        /// Whose.
        patient_ids: BTreeSet<PatientId>,
        /// Whether it has ended.
        is_released: bool,
    },
    /// Somebody was made responsible.
    Designation {
        /// For what.
        office: Office,
        /// Whether they no longer are.
        is_relieved: bool,
    },
    /// Somebody was trained.
    Training {
        /// Whether that was wrong.
        is_in_error: bool,
    },
}

redacted!(Compliance);

/// What can be asked of a compliance matter. `now` is the moment of the command, `account_id` who asks.
#[derive(Clone)]
#[expect(missing_docs, reason = "the fields are named as in the events, which explain them")]
pub enum ComplianceCommand {
    /// Write down what was found.
    RaiseFinding { now: Instant, account_id: AccountId, finding: Box<NewFinding> },
    /// Write down what was learnt about it.
    NoteFinding { now: Instant, account_id: AccountId, note: Text },
    /// Decide what it was.
    ResolveFinding { now: Instant, account_id: AccountId, outcome: FindingOutcome, measures: Text },
    /// Look at it again.
    ReopenFinding { now: Instant, account_id: AccountId, reason: Text },
    /// Keep patients' data.
    PlaceLegalHold { now: Instant, account_id: AccountId, hold: NewLegalHold },
    /// Keep more patients' data for the same matter.
    WidenLegalHold { now: Instant, account_id: AccountId, patient_ids: Vec<PatientId> },
    /// Keep it no longer for this matter.
    ReleaseLegalHold { now: Instant, account_id: AccountId, reason: Text },
    /// Make somebody responsible.
    DesignateOfficer { now: Instant, account_id: AccountId, designation: NewDesignation },
    /// Make them so no longer.
    RelieveOfficer { now: Instant, account_id: AccountId, reason: Option<Text> },
    /// Write down a training.
    RecordTraining { now: Instant, account_id: AccountId, training: NewTraining },
    /// Say that it didn't happen so.
    MarkTrainingInError { now: Instant, account_id: AccountId, reason: Text },
}

redacted!(ComplianceCommand);

refusals! {
    /// Which rule on compliance matters says no.
    pub enum ComplianceError {
        AlreadyThere = "already_there", State, "there is a matter with this id already";
        NotAFinding = "not_a_finding", State, "this is no finding";
        NotALegalHold = "not_a_legal_hold", State, "this is no legal hold";
        NotADesignation = "not_a_designation", State, "this is no designation";
        NotATraining = "not_a_training", State, "this is no training";
        FindingResolved = "finding_resolved", State, "this finding was resolved; reopen it first";
        HoldReleased = "hold_released", State, "this legal hold has ended; place another";
        NoteTooLong = "note_too_long", Request(note), "note must be at most 10,000 characters long";
        TooManyNotes = "too_many_notes", State, "a finding takes at most 200 notes; raise another for what is new";
        DiscoveredLater = "discovered_later", Request(discovered_at), "discovered_at must not lie in the future";
        CompletedLater = "completed_later", Request(completed_on), "completed_on must not lie in the future";
        ValidBeforeCompleted = "valid_before_completed", Request(valid_until), "valid_until must be later than completed_on";
        TooMany = "too_many", Request(account_ids), "account_ids and patient_ids may name at most 100 each";
        NobodyHeld = "nobody_held", Request(patient_ids), "patient_ids must name at least one patient";
        HoldTooWide = "hold_too_wide", Request(patient_ids), "a legal hold covers at most 1000 patients; place another for the rest";
    }
}

/// The most accounts or patients that a command may name.
pub(crate) const MOST_NAMED: usize = 100;
/// The most notes on a finding.
const MOST_NOTES: u32 = 200;
/// The most characters in one: they stand together in a row.
const LONGEST_NOTE: usize = 10_000;
/// The most patients that a legal hold covers: who reads it reads of them all, and that is one access event.
const MOST_HELD: usize = 1_000;

type Decision = Result<Vec<ComplianceEvent>, ComplianceError>;

impl Aggregate for Compliance {
    const TYPE: &'static str = "compliance";
    const TOPIC: &'static str = "audit-events";
    type Command = ComplianceCommand;
    type Event = ComplianceEvent;
    type Error = ComplianceError;

    fn decide(&self, command: ComplianceCommand) -> Decision {
        use ComplianceCommand::{
            DesignateOfficer, MarkTrainingInError, NoteFinding, PlaceLegalHold, RaiseFinding, RecordTraining, ReleaseLegalHold, RelieveOfficer,
            ReopenFinding, ResolveFinding, WidenLegalHold,
        };
        match command {
            RaiseFinding { now, account_id, finding } => self.raise(now, account_id, *finding),
            NoteFinding { now, account_id, note } => self.note(now, account_id, note),
            ResolveFinding { now, account_id, outcome, measures } => self.resolve(now, account_id, outcome, measures),
            ReopenFinding { now, account_id, reason } => self.reopen(now, account_id, reason),
            PlaceLegalHold { now, account_id, hold } => self.place(now, account_id, hold),
            WidenLegalHold { now, account_id, patient_ids } => self.widen(now, account_id, &patient_ids),
            ReleaseLegalHold { now, account_id, reason } => self.release(now, account_id, reason),
            DesignateOfficer { now, account_id, designation } => self.designate(now, account_id, designation),
            RelieveOfficer { now, account_id, reason } => self.relieve(now, account_id, reason),
            RecordTraining { now, account_id, training } => self.record(now, account_id, training),
            MarkTrainingInError { now, account_id, reason } => self.mark_in_error(now, account_id, reason),
        }
    }

    fn evolve(self, event: &ComplianceEvent) -> Self {
        match (event, self) {
            (ComplianceEvent::FindingRaised(_), _) => Self::Finding { status: FindingStatus::Open, note: None, notes: 0 },
            (ComplianceEvent::FindingReopened(_), Self::Finding { note, notes, .. }) => Self::Finding { status: FindingStatus::Open, note, notes },
            (ComplianceEvent::FindingResolved(_), Self::Finding { note, notes, .. }) => {
                Self::Finding { status: FindingStatus::Resolved, note, notes }
            }
            (ComplianceEvent::FindingNoted(noted), Self::Finding { status, notes, .. }) => {
                Self::Finding { status, note: Some(noted.note.clone()), notes: notes + 1 }
            }
            (ComplianceEvent::LegalHoldPlaced(placed), _) => {
                Self::LegalHold { patient_ids: placed.hold.patient_ids.iter().copied().collect(), is_released: false }
            }
            (ComplianceEvent::LegalHoldWidened(widened), Self::LegalHold { mut patient_ids, is_released }) => {
                patient_ids.extend(&widened.patient_ids);
                Self::LegalHold { patient_ids, is_released }
            }
            (ComplianceEvent::LegalHoldReleased(_), Self::LegalHold { patient_ids, .. }) => Self::LegalHold { patient_ids, is_released: true },
            (ComplianceEvent::OfficerDesignated(designated), _) => Self::Designation { office: designated.designation.office, is_relieved: false },
            (ComplianceEvent::OfficerRelieved(_), Self::Designation { office, .. }) => Self::Designation { office, is_relieved: true },
            (ComplianceEvent::TrainingRecorded(_), _) => Self::Training { is_in_error: false },
            (ComplianceEvent::TrainingEnteredInError(_), _) => Self::Training { is_in_error: true },
            // what goes on with something that never began
            (
                ComplianceEvent::FindingReopened(_)
                | ComplianceEvent::FindingResolved(_)
                | ComplianceEvent::FindingNoted(_)
                | ComplianceEvent::LegalHoldWidened(_)
                | ComplianceEvent::LegalHoldReleased(_)
                | ComplianceEvent::OfficerRelieved(_),
                state,
            ) => state,
        }
    }

    fn subject(&self, _id: Uuid, _event: &ComplianceEvent) -> Subject {
        Subject::Audit
    }

    /// An office is held by one at a time: the rules want one official, not several (45 CFR 164.308(a)(2)).
    fn reservations(&self, _id: Uuid, event: &ComplianceEvent) -> Vec<Reservation> {
        match (event, self) {
            (ComplianceEvent::OfficerDesignated(designated), _) => {
                vec![Reservation::Claim { kind: "office", value: designated.designation.office.to_string() }]
            }
            (ComplianceEvent::OfficerRelieved(_), Self::Designation { office, .. }) => {
                vec![Reservation::Release { kind: "office", value: office.to_string() }]
            }
            _ => vec![],
        }
    }
}

impl Compliance {
    /// Whether it makes the organization keep that patient's data.
    pub fn holds(&self, patient: PatientId) -> bool {
        matches!(self, Self::LegalHold { patient_ids, is_released: false } if patient_ids.contains(&patient))
    }

    fn must_be_new(&self) -> Result<(), ComplianceError> {
        if *self == Self::Absent { Ok(()) } else { Err(ComplianceError::AlreadyThere) }
    }

    fn finding(&self) -> Result<FindingStatus, ComplianceError> {
        if let Self::Finding { status, .. } = self { Ok(*status) } else { Err(ComplianceError::NotAFinding) }
    }

    fn raise(&self, now: Instant, raised_by: AccountId, finding: NewFinding) -> Decision {
        self.must_be_new()?;
        if finding.discovered_at > now {
            return Err(ComplianceError::DiscoveredLater);
        }
        if finding.account_ids.len().max(finding.patient_ids.len()) > MOST_NAMED {
            return Err(ComplianceError::TooMany);
        }
        Ok(vec![FindingRaised { finding, raised_by, raised_at: now }.into()])
    }

    fn note(&self, now: Instant, noted_by: AccountId, note: Text) -> Decision {
        match self.finding()? {
            FindingStatus::Open if matches!(self, Self::Finding { note: Some(last), .. } if *last == note) => Ok(vec![]),
            FindingStatus::Open if matches!(self, Self::Finding { notes: MOST_NOTES.., .. }) => Err(ComplianceError::TooManyNotes),
            FindingStatus::Open if note.as_str().chars().count() > LONGEST_NOTE => Err(ComplianceError::NoteTooLong),
            FindingStatus::Open => Ok(vec![FindingNoted { note, noted_by, noted_at: now }.into()]),
            FindingStatus::Resolved => Err(ComplianceError::FindingResolved),
        }
    }

    fn resolve(&self, now: Instant, resolved_by: AccountId, outcome: FindingOutcome, measures: Text) -> Decision {
        match self.finding()? {
            FindingStatus::Open => Ok(vec![FindingResolved { outcome, measures, resolved_by, resolved_at: now }.into()]),
            FindingStatus::Resolved => Err(ComplianceError::FindingResolved),
        }
    }

    fn reopen(&self, now: Instant, reopened_by: AccountId, reason: Text) -> Decision {
        match self.finding()? {
            FindingStatus::Open => Ok(vec![]),
            FindingStatus::Resolved => Ok(vec![FindingReopened { reason, reopened_by, reopened_at: now }.into()]),
        }
    }

    fn place(&self, now: Instant, placed_by: AccountId, hold: NewLegalHold) -> Decision {
        self.must_be_new()?;
        if hold.patient_ids.is_empty() {
            return Err(ComplianceError::NobodyHeld);
        }
        if hold.patient_ids.len() > MOST_NAMED {
            return Err(ComplianceError::TooMany);
        }
        let hold = NewLegalHold { patient_ids: distinct(&hold.patient_ids), ..hold };
        Ok(vec![LegalHoldPlaced { hold, placed_by, placed_at: now }.into()])
    }

    fn widen(&self, now: Instant, widened_by: AccountId, more: &[PatientId]) -> Decision {
        let Self::LegalHold { patient_ids, is_released } = self else { return Err(ComplianceError::NotALegalHold) };
        if *is_released {
            return Err(ComplianceError::HoldReleased);
        }
        if more.len() > MOST_NAMED {
            return Err(ComplianceError::TooMany);
        }
        let new: Vec<_> = distinct(more).into_iter().filter(|patient| !patient_ids.contains(patient)).collect();
        if patient_ids.len() + new.len() > MOST_HELD {
            return Err(ComplianceError::HoldTooWide);
        }
        Ok(if new.is_empty() { vec![] } else { vec![LegalHoldWidened { patient_ids: new, widened_by, widened_at: now }.into()] })
    }

    fn release(&self, now: Instant, released_by: AccountId, reason: Text) -> Decision {
        match self {
            Self::LegalHold { is_released: false, .. } => Ok(vec![LegalHoldReleased { reason, released_by, released_at: now }.into()]),
            Self::LegalHold { is_released: true, .. } => Ok(vec![]),
            Self::Absent | Self::Finding { .. } | Self::Designation { .. } | Self::Training { .. } => Err(ComplianceError::NotALegalHold),
        }
    }

    fn designate(&self, now: Instant, designated_by: AccountId, designation: NewDesignation) -> Decision {
        self.must_be_new()?;
        Ok(vec![OfficerDesignated { designation, designated_by, designated_at: now }.into()])
    }

    fn relieve(&self, now: Instant, relieved_by: AccountId, reason: Option<Text>) -> Decision {
        match self {
            Self::Designation { is_relieved: false, .. } => Ok(vec![OfficerRelieved { reason, relieved_by, relieved_at: now }.into()]),
            Self::Designation { is_relieved: true, .. } => Ok(vec![]),
            Self::Absent | Self::Finding { .. } | Self::LegalHold { .. } | Self::Training { .. } => Err(ComplianceError::NotADesignation),
        }
    }

    fn record(&self, now: Instant, recorded_by: AccountId, training: NewTraining) -> Decision {
        self.must_be_new()?;
        // somewhere it is tomorrow already
        if training.completed_on.start() > now.plus_minutes(DAY_AHEAD_MINUTES) {
            return Err(ComplianceError::CompletedLater);
        }
        if training.valid_until.is_some_and(|until: Date| until <= training.completed_on) {
            return Err(ComplianceError::ValidBeforeCompleted);
        }
        Ok(vec![TrainingRecorded { training, recorded_by, recorded_at: now }.into()])
    }

    fn mark_in_error(&self, now: Instant, marked_by: AccountId, reason: Text) -> Decision {
        match self {
            Self::Training { is_in_error: false } => Ok(vec![TrainingEnteredInError { reason, marked_by, marked_at: now }.into()]),
            Self::Training { is_in_error: true } => Ok(vec![]),
            Self::Absent | Self::Finding { .. } | Self::LegalHold { .. } | Self::Designation { .. } => Err(ComplianceError::NotATraining),
        }
    }
}

/// Local days begin up to 14 hours before those of UTC.
const DAY_AHEAD_MINUTES: u32 = 14 * 60;

fn distinct(patients: &[PatientId]) -> Vec<PatientId> {
    patients.iter().copied().collect::<BTreeSet<_>>().into_iter().collect()
}
