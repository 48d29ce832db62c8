//! Who looked at whose data, and why? One stream an access. `Absent → Told`

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::consent::DataCategory;
use crate::{
    AccountId, Aggregate, Instant, Line, PatientId, SessionId, Subject, Text, choices::choices, events::events, redact::redacted, refusal::refusals,
};

#[cfg(test)]
mod tests;

/// How many persons one access may name; a longer answer is several accesses.
pub const MAX_SUBJECTS: usize = 10_000;
/// How many categories and elements may be named of each person.
pub const MAX_ELEMENTS: usize = 500;

events! {
    /// How an access can have ended.
    pub enum AccessEvent {
        DataAccessed(DataAccessed) = 1,
        AccessDenied(AccessDenied) = 1,
    }
}

/// Somebody was shown persons' data. (IP address and user agent stand in the event's sealed metadata.)
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct DataAccessed {
    /// When.
    pub accessed_at: Instant,
    /// Who; the system and the command line have accounts of their own.
    pub account_id: AccountId,
    /// In which session.
    pub session_id: Option<SessionId>,
    /// In which way the data was used.
    pub kind: AccessKind,
    /// What was done.
    pub action: AccessAction,
    /// Whose data; each person once. Nobody's: a search that found nobody.
    pub subjects: Vec<AccessedSubject>,
    /// What was asked for: `patients`, `Observation`, `history`.
    pub resource_type: Line,
    /// Which one, if one.
    pub resource_id: Option<Uuid>,
    /// Why it is lawful.
    pub purpose_of_use: PurposeOfUse,
    /// Why, in words.
    pub justification: Option<Text>,
    /// By which way.
    pub method: AccessMethod,
    /// Which request.
    pub request_id: Option<Uuid>,
    /// As of which position of the log, if not now.
    #[serde(with = "crate::long::optional")]
    pub as_of_position: Option<u64>,
    /// How many results were shown.
    #[serde(with = "crate::long")]
    pub result_count: u64,
}

/// A person whose data was shown, and which.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessedSubject {
    /// Whose.
    pub patient_id: PatientId,
    /// Which parts.
    pub categories: Vec<DataCategory>,
    /// Which fields: `name`, `birth_date`.
    pub elements: Vec<Line>,
}

/// Somebody asked for persons' data and wasn't shown it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessDenied {
    /// When.
    pub denied_at: Instant,
    /// Who; none: nobody had signed in.
    pub account_id: Option<AccountId>,
    /// In which session.
    pub session_id: Option<SessionId>,
    /// In which way the data would have been used.
    pub kind: AccessKind,
    /// What was tried.
    pub action: AccessAction,
    /// Whose data, as far as it was known; each person once.
    pub patient_ids: Vec<PatientId>,
    /// What was asked for.
    pub resource_type: Line,
    /// Which one, if one.
    pub resource_id: Option<Uuid>,
    /// Why it would be lawful, as the asker said.
    pub purpose_of_use: Option<PurposeOfUse>,
    /// Why, in the asker's words.
    pub justification: Option<Text>,
    /// By which way.
    pub method: AccessMethod,
    /// Which request.
    pub request_id: Option<Uuid>,
    /// The rule that said no: `no_consent`, `role_missing`.
    pub rule: Line,
}

choices! {
    /// In which way data is used.
    pub enum AccessKind {
        View = "VIEW",
        Download = "DOWNLOAD",
        Print = "PRINT",
        Share = "SHARE",
        Export = "EXPORT",
        ApiAccess = "API_ACCESS",
    }
}

choices! {
    /// What is done to see data: one thing by its id, a list by what is in it, one person's past, what a person's data was used for, one
    /// person's data whole, a stream of events, a question to the read models, a change whose answer shows what is there.
    pub enum AccessAction {
        Read = "READ",
        Search = "SEARCH",
        History = "HISTORY",
        Disclosures = "DISCLOSURES",
        Export = "EXPORT",
        Replay = "REPLAY",
        Query = "QUERY",
        Write = "WRITE",
    }
}

choices! {
    /// Why a use is lawful: the uses of 45 CFR 164.502 to 164.512, after HL7 v3's `PurposeOfUse`.
    pub enum PurposeOfUse {
        Treatment = "TREATMENT",
        Payment = "PAYMENT",
        Operations = "OPERATIONS",
        Research = "RESEARCH",
        Ai = "AI",
        PatientRequest = "PATIENT_REQUEST",
        Emergency = "EMERGENCY",
        PublicHealth = "PUBLIC_HEALTH",
        Legal = "LEGAL",
        Oversight = "OVERSIGHT",
    }
}

choices! {
    /// By which way data leaves the system.
    pub enum AccessMethod {
        Api = "API",
        Fhir = "FHIR",
        Console = "CONSOLE",
        Cli = "CLI",
    }
}

redacted!(DataAccessed, AccessedSubject, AccessDenied);

/// An access's state.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Access {
    /// Not told yet.
    #[default]
    Absent,
    /// Told; for good.
    Told,
}

/// What can be told of an access.
#[derive(Clone)]
pub enum AccessCommand {
    /// It took place.
    Tell(DataAccessed),
    /// It was refused.
    Deny(AccessDenied),
}

refusals! {
    /// Which rule on accesses says no.
    pub enum AccessError {
        AlreadyTold = "already_told", State, "this access was already told";
        TooMany = "too_many", Request(subjects), "an access may name at most 10,000 persons, and at most 500 categories and elements of each";
        NoCategory = "no_category", Request(subjects), "each of subjects must name at least one of categories";
        NamedTwice = "named_twice", Request(subjects), "each person must be named once";
        Unjustified = "unjustified", Request(justification), "justification must say why it is an emergency";
    }
}

impl Aggregate for Access {
    const TYPE: &'static str = "access";
    const TOPIC: &'static str = "audit-events";
    type Command = AccessCommand;
    type Event = AccessEvent;
    type Error = AccessError;

    fn decide(&self, command: AccessCommand) -> Result<Vec<AccessEvent>, AccessError> {
        if *self == Self::Told {
            return Err(AccessError::AlreadyTold);
        }
        match command {
            AccessCommand::Tell(accessed) => tell(accessed),
            AccessCommand::Deny(denied) => deny(denied),
        }
    }

    fn evolve(self, event: &AccessEvent) -> Self {
        match event {
            AccessEvent::DataAccessed(_) | AccessEvent::AccessDenied(_) => Self::Told,
        }
    }

    fn subject(&self, _id: Uuid, _event: &AccessEvent) -> Subject {
        Subject::Audit
    }
}

fn tell(accessed: DataAccessed) -> Result<Vec<AccessEvent>, AccessError> {
    let subjects = &accessed.subjects;
    if subjects.len() > MAX_SUBJECTS || subjects.iter().any(|s| s.categories.len() > MAX_ELEMENTS || s.elements.len() > MAX_ELEMENTS) {
        return Err(AccessError::TooMany);
    }
    if subjects.iter().any(|subject| subject.categories.is_empty()) {
        return Err(AccessError::NoCategory);
    }
    each_once(subjects.iter().map(|subject| subject.patient_id))?;
    if accessed.purpose_of_use == PurposeOfUse::Emergency && accessed.justification.is_none() {
        return Err(AccessError::Unjustified);
    }
    Ok(vec![accessed.into()])
}

/// A refused access is told even when the asker gave no good reason: that may be why it was refused.
fn deny(denied: AccessDenied) -> Result<Vec<AccessEvent>, AccessError> {
    if denied.patient_ids.len() > MAX_SUBJECTS {
        return Err(AccessError::TooMany);
    }
    each_once(denied.patient_ids.iter().copied())?;
    Ok(vec![denied.into()])
}

fn each_once(mut patients: impl Iterator<Item = PatientId>) -> Result<(), AccessError> {
    let mut seen = HashSet::new();
    if patients.all(|patient| seen.insert(patient)) { Ok(()) } else { Err(AccessError::NamedTwice) }
}
