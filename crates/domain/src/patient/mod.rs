//! Who is the patient, what is known of them, who looks after them?
//! `Absent → Active ⇄ Deactivated`, from both `⇄ Merged` into another

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    AccountId, Aggregate, AmendmentRequestId, Date, EntryId, Identifier, Instant, PatientId, ProviderId, Reservation, Subject, Text, events::events,
    redact::redacted, refusal::refusals,
};

mod amendments;
mod details;
mod history;
mod merging;
mod payloads;
#[cfg(test)]
mod properties;
mod rules;
#[cfg(test)]
mod tests;

pub use amendments::{
    Amendment, AmendmentAccepted, AmendmentCommand, AmendmentDeadlineExtended, AmendmentDenialDisputed, AmendmentDenied, AmendmentDisputeRebutted,
    AmendmentEvent, AmendmentRecipientTold, AmendmentRequested, AmendmentStatus, AmendmentStep, DenialGround,
};
pub use details::{BirthSex, CareTeamMember, Contact, Demographics, EmergencyContact, Insurance, NewPatient};
pub use history::{Allergy, AllergyCategory, AllergyStatus, Condition, ConditionStatus, Criticality, HistoryList, Medication, MedicationStatus};
pub use merging::{PatientDuplicateAbsorbed, PatientDuplicateReleased, PatientMergeUndone, PatientMerged};
pub use payloads::*;

events! {
    /// What can have happened to a patient.
    pub enum PatientEvent {
        PatientRegistered(PatientRegistered) = 1,
        PatientDemographicsCorrected(PatientDemographicsCorrected) = 1,
        PatientContactChanged(PatientContactChanged) = 1,
        PatientInsuranceChanged(PatientInsuranceChanged) = 1,
        PatientEmergencyContactsChanged(PatientEmergencyContactsChanged) = 1,
        PatientIdentifierAdded(PatientIdentifierAdded) = 1,
        PatientIdentifierRemoved(PatientIdentifierRemoved) = 1,
        ConditionRecorded(ConditionRecorded) = 1,
        AllergyRecorded(AllergyRecorded) = 1,
        MedicationRecorded(MedicationRecorded) = 1,
        HistoryEntryEnded(HistoryEntryEnded) = 1,
        HistoryEntryEnteredInError(HistoryEntryEnteredInError) = 1,
        PrimaryCareProviderAssigned(PrimaryCareProviderAssigned) = 1,
        PatientCareTeamChanged(PatientCareTeamChanged) = 1,
        PatientHealthGoalsChanged(PatientHealthGoalsChanged) = 1,
        PatientRiskFactorsChanged(PatientRiskFactorsChanged) = 1,
        PatientAccountLinked(PatientAccountLinked) = 1,
        AmendmentRequested(AmendmentRequested) = 1,
        AmendmentDeadlineExtended(AmendmentDeadlineExtended) = 1,
        AmendmentAccepted(AmendmentAccepted) = 1,
        AmendmentDenied(AmendmentDenied) = 1,
        AmendmentDenialDisputed(AmendmentDenialDisputed) = 1,
        AmendmentDisputeRebutted(AmendmentDisputeRebutted) = 1,
        AmendmentRecipientTold(AmendmentRecipientTold) = 1,
        PatientDied(PatientDied) = 1,
        PatientDeactivated(PatientDeactivated) = 1,
        PatientReactivated(PatientReactivated) = 1,
        PatientMerged(PatientMerged) = 1,
        PatientDuplicateAbsorbed(PatientDuplicateAbsorbed) = 1,
        PatientMergeUndone(PatientMergeUndone) = 1,
        PatientDuplicateReleased(PatientDuplicateReleased) = 1,
    }
}

/// A patient's state.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Patient {
    /// Not registered yet.
    #[default]
    Absent,
    /// Looked after here.
    Active(Box<Chart>),
    /// No longer looked after here.
    Deactivated(Box<Chart>),
    /// Another one who is there too.
    Merged {
        /// What was known until then.
        chart: Box<Chart>,
        /// The other one.
        into: PatientId,
        /// Whether they were looked after until then.
        was_active: bool,
    },
}

/// What is known of a patient.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    /// Who they are and how they are reached, as of now.
    pub patient: NewPatient,
    /// What they suffer from.
    pub conditions: BTreeMap<EntryId, Condition>,
    /// What they react to.
    pub allergies: BTreeMap<EntryId, Allergy>,
    /// What they take.
    pub medications: BTreeMap<EntryId, Medication>,
    /// What they want amended.
    pub amendments: BTreeMap<AmendmentRequestId, Amendment>,
    /// Who was merged into them.
    pub duplicates: BTreeSet<PatientId>,
}

redacted!(Patient, Chart);

/// What can be asked of a patient. `now` is the moment of the command.
#[derive(Clone)]
#[expect(missing_docs, reason = "the fields are named as in the events, which explain them")]
pub enum PatientCommand {
    /// Register them.
    Register { now: Instant, patient: Box<NewPatient> },
    /// Correct who they are.
    CorrectDemographics { now: Instant, demographics: Box<Demographics> },
    /// Change how they are reached.
    ChangeContact { now: Instant, contact: Contact },
    /// Change who pays.
    ChangeInsurance { now: Instant, insurance: Vec<Insurance> },
    /// Change whom to call.
    ChangeEmergencyContacts { now: Instant, emergency_contacts: Vec<EmergencyContact> },
    /// Add a number that others gave them.
    AddIdentifier { now: Instant, identifier: Identifier },
    /// Remove such a number.
    RemoveIdentifier { now: Instant, identifier: Identifier },
    /// Add or change a condition.
    RecordCondition { now: Instant, entry_id: EntryId, condition: Condition },
    /// Add or change an allergy.
    RecordAllergy { now: Instant, entry_id: EntryId, allergy: Allergy },
    /// Add or change a medication.
    RecordMedication { now: Instant, entry_id: EntryId, medication: Medication },
    /// Say that a condition or allergy is over, or that a medication isn't taken any more.
    EndHistoryEntry { now: Instant, list: HistoryList, entry_id: EntryId, ended: Date, reason: Option<Text> },
    /// Say that an entry never was true.
    MarkHistoryEntryInError { now: Instant, list: HistoryList, entry_id: EntryId, reason: Text },
    /// Say who looks after them in general.
    AssignPrimaryCareProvider { now: Instant, provider_id: Option<ProviderId> },
    /// Say who else looks after them.
    ChangeCareTeam { now: Instant, care_team: Vec<CareTeamMember> },
    /// Say what they want to reach.
    ChangeHealthGoals { now: Instant, health_goals: Vec<Text> },
    /// Say what may make them ill.
    ChangeRiskFactors { now: Instant, risk_factors: Vec<Text> },
    /// Link the account with which they sign in.
    LinkAccount { now: Instant, account_id: AccountId },
    /// Ask for an amendment of the record, or act on such a request.
    Amendment { now: Instant, request_id: AmendmentRequestId, command: AmendmentCommand },
    /// Write down that they died.
    RecordDeath { now: Instant, deceased_at: Instant },
    /// Look after them no longer.
    Deactivate { now: Instant, reason: Option<Text> },
    /// Look after them again.
    Reactivate { now: Instant },
    /// Say that this one, which is `id`, is another one; in a group with that one's `AbsorbDuplicate`.
    MergeInto { now: Instant, id: Uuid, survivor_id: PatientId, reason: Text, account_id: AccountId },
    /// Take in a duplicate; in a group with its `MergeInto`.
    AbsorbDuplicate { now: Instant, duplicate_id: PatientId, account_id: AccountId },
    /// Say that this one isn't the other one after all; in a group with that one's `ReleaseDuplicate`.
    UndoMerge { now: Instant, survivor_id: PatientId, reason: Text, account_id: AccountId },
    /// Let a duplicate go; in a group with its `UndoMerge`.
    ReleaseDuplicate { now: Instant, duplicate_id: PatientId, account_id: AccountId },
}

redacted!(PatientCommand);

refusals! {
    /// Which rule on patients says no.
    pub enum PatientError {
        AlreadyRegistered = "already_registered", State, "this patient is already registered";
        NotRegistered = "not_registered", State, "this patient is not registered";
        Deactivated = "deactivated", State, "this patient is deactivated; reactivate them first";
        Merged = "merged", State, "this patient was merged into another; go on with that one, or undo the merge";
        NotMerged = "not_merged", State, "this patient isn't merged into another";
        HasDuplicates = "has_duplicates", State, "others were merged into this patient; undo that first, then merge each of them";
        OwnSurvivor = "own_survivor", Request(survivor_id), "survivor_id must name another patient";
        OtherSurvivor = "other_survivor", Request(survivor_id), "survivor_id must name the patient into whom this one was merged";
        NameMissing = "name_missing", Request(name), "name must have a family name, a given name or a text; so must every other name";
        BornInTheFuture = "born_in_the_future", Request(birth_date), "birth_date must not lie in the future";
        BornTooLongAgo = "born_too_long_ago", Request(birth_date), "birth_date must not lie before 1850";
        DiedInTheFuture = "died_in_the_future", Request(deceased_at), "deceased_at must not lie in the future";
        DiedBeforeBirth = "died_before_birth", Request(deceased_at), "deceased_at must not lie before birth_date";
        EndsBeforeItBegins = "ends_before_it_begins", Request, "an end must not lie before its beginning (period, onset and ended, valid_from and valid_to)";
        EndsInTheFuture = "ends_in_the_future", Request(ended), "ended must not lie in the future";
        NoSuchEntry = "no_such_entry", Request(entry_id), "entry_id must be an entry of that list";
        EnteredInError = "entered_in_error", State, "this entry was entered in error; if it is true after all, record it again whole";
        CodeMissing = "code_missing", Request(code), "code must have a coding or a text";
        NotSuchANumber = "not_such_a_number", Request(value), "value can't be a number of that identifier_type";
        ReceivedAtWrong = "received_at_wrong", Request(received_at), "received_at must lie within the last year";
        NoSuchRequest = "no_such_request", Request(request_id), "request_id must be a request for amendment of this patient";
        RequestedAlready = "requested_already", State, "this request was made already, and said something else";
        DecidedAlready = "decided_already", State, "this request was accepted or denied already";
        ExtendedAlready = "extended_already", State, "the deadline of this request was extended already";
        DeadlineMissed = "deadline_missed", State, "the deadline has passed: it can't be extended any more";
        NotThirtyDays = "not_thirty_days", Request(due_at), "due_at must lie after the deadline, and at most 30 days";
        NotDenied = "not_denied", State, "this request wasn't denied";
        DisputedAlready = "disputed_already", State, "the patient's disagreement was written down already";
        NotDisputed = "not_disputed", State, "there is no statement of disagreement that waits for an answer";
        NotAccepted = "not_accepted", State, "this request wasn't accepted: there is nothing to tell";
        SameMemberTwice = "same_member_twice", Request(care_team), "care_team must name each provider once";
        TooMany = "too_many", Request, "at most 100 entries in a list, 2,000 characters in a code and 1,000 entries in a patient's history";
    }
}

impl Aggregate for Patient {
    const TYPE: &'static str = "patient";
    const TOPIC: &'static str = "patient-events";
    const SNAPSHOT_VERSION: u32 = 4;
    type Command = PatientCommand;
    type Event = PatientEvent;
    type Error = PatientError;

    fn decide(&self, command: PatientCommand) -> Result<Vec<PatientEvent>, PatientError> {
        match command {
            PatientCommand::Register { now, patient } => self.register(now, patient),
            PatientCommand::Deactivate { now, reason } => self.deactivate(now, reason),
            PatientCommand::Reactivate { now } => self.reactivate(now),
            PatientCommand::CorrectDemographics { now, demographics } => self.active()?.correct_demographics(now, *demographics),
            PatientCommand::ChangeContact { now, contact } => self.active()?.change_contact(now, contact),
            PatientCommand::ChangeInsurance { now, insurance } => self.active()?.change_insurance(now, insurance),
            PatientCommand::ChangeEmergencyContacts { now, emergency_contacts } => self.active()?.change_emergency_contacts(now, emergency_contacts),
            PatientCommand::AddIdentifier { now, identifier } => self.active()?.add_identifier(now, identifier),
            PatientCommand::RemoveIdentifier { now, identifier } => Ok(self.active()?.remove_identifier(now, identifier)),
            PatientCommand::RecordCondition { now, entry_id, condition } => self.active()?.record_condition(now, entry_id, condition),
            PatientCommand::RecordAllergy { now, entry_id, allergy } => self.active()?.record_allergy(now, entry_id, allergy),
            PatientCommand::RecordMedication { now, entry_id, medication } => self.active()?.record_medication(now, entry_id, medication),
            PatientCommand::EndHistoryEntry { now, list, entry_id, ended, reason } => {
                self.active()?.end_history_entry(HistoryEntryEnded { list, entry_id, ended, reason, recorded_at: now })
            }
            PatientCommand::MarkHistoryEntryInError { now, list, entry_id, reason } => {
                self.active()?.mark_history_entry_in_error(HistoryEntryEnteredInError { list, entry_id, reason, marked_at: now })
            }
            PatientCommand::AssignPrimaryCareProvider { now, provider_id } => Ok(self.active()?.assign_primary_care_provider(now, provider_id)),
            PatientCommand::ChangeCareTeam { now, care_team } => self.active()?.change_care_team(now, care_team),
            PatientCommand::ChangeHealthGoals { now, health_goals } => self.active()?.change_health_goals(now, health_goals),
            PatientCommand::ChangeRiskFactors { now, risk_factors } => self.active()?.change_risk_factors(now, risk_factors),
            PatientCommand::LinkAccount { now, account_id } => Ok(self.active()?.link_account(now, account_id)),
            // whoever is looked after no longer still has the right to a true record
            PatientCommand::Amendment { now, request_id, command } => {
                self.chart().ok_or(PatientError::NotRegistered)?.decide_amendment(now, request_id, command)
            }
            PatientCommand::RecordDeath { now, deceased_at } => self.active()?.record_death(now, deceased_at),
            PatientCommand::MergeInto { now, id, survivor_id, reason, account_id } => {
                self.merge_into(id, PatientMerged { survivor_id, reason, merged_by: account_id, merged_at: now })
            }
            PatientCommand::AbsorbDuplicate { now, duplicate_id, account_id } => {
                self.absorb(PatientDuplicateAbsorbed { duplicate_id, absorbed_by: account_id, absorbed_at: now })
            }
            PatientCommand::UndoMerge { now, survivor_id, reason, account_id } => {
                self.undo_merge(PatientMergeUndone { survivor_id, reason, undone_by: account_id, undone_at: now })
            }
            PatientCommand::ReleaseDuplicate { now, duplicate_id, account_id } => {
                self.release_duplicate(PatientDuplicateReleased { duplicate_id, released_by: account_id, released_at: now })
            }
        }
    }

    fn evolve(self, event: &PatientEvent) -> Self {
        match (self, event) {
            (_, PatientEvent::PatientRegistered(registered)) => Self::Active(Box::new(Chart::of((*registered.patient).clone()))),
            (Self::Absent, _) => Self::Absent,
            (Self::Active(chart) | Self::Deactivated(chart), PatientEvent::PatientDeactivated(_))
            | (Self::Merged { chart, was_active: false, .. }, PatientEvent::PatientMergeUndone(_)) => Self::Deactivated(chart),
            (Self::Active(chart) | Self::Deactivated(chart), PatientEvent::PatientReactivated(_))
            | (Self::Merged { chart, was_active: true, .. }, PatientEvent::PatientMergeUndone(_)) => Self::Active(chart),
            (Self::Active(chart), PatientEvent::PatientMerged(merged)) => Self::Merged { chart, into: merged.survivor_id, was_active: true },
            (Self::Deactivated(chart), PatientEvent::PatientMerged(merged)) => Self::Merged { chart, into: merged.survivor_id, was_active: false },
            (Self::Merged { mut chart, into, was_active }, event) => {
                chart.evolve(event);
                Self::Merged { chart, into, was_active }
            }
            (Self::Active(mut chart), event) => {
                chart.evolve(event);
                Self::Active(chart)
            }
            (Self::Deactivated(mut chart), event) => {
                chart.evolve(event);
                Self::Deactivated(chart)
            }
        }
    }

    fn subject(&self, id: Uuid, _event: &PatientEvent) -> Subject {
        Subject::Person(id)
    }

    fn reservations(&self, _id: Uuid, event: &PatientEvent) -> Vec<Reservation> {
        if let PatientEvent::PatientRegistered(PatientRegistered { patient, .. }) = event {
            let number = Reservation::Claim { kind: "patient-number", value: patient.patient_number.normalised() };
            return std::iter::once(number).chain(patient.account_id.map(claim_account)).collect();
        }
        if let PatientEvent::PatientAccountLinked(PatientAccountLinked { account_id, .. }) = event {
            let before = self.chart().and_then(|chart| chart.patient.account_id).map(release_account);
            return before.into_iter().chain([claim_account(*account_id)]).collect();
        }
        Vec::new()
    }
}

fn claim_account(account_id: AccountId) -> Reservation {
    Reservation::Claim { kind: "patient-account", value: account_id.to_string() }
}

fn release_account(account_id: AccountId) -> Reservation {
    Reservation::Release { kind: "patient-account", value: account_id.to_string() }
}
