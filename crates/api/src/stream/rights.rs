//! Which events may a caller be given?

use std::collections::BTreeMap;

use anamnesis_access::{Actor, Permission, Reach};
use anamnesis_codec::{Deidentifier, Telling};
use anamnesis_domain::access::{AccessAction, AccessEvent};
use anamnesis_domain::consent::DataCategory;
use anamnesis_domain::patient::PatientEvent;
use anamnesis_domain::{AnyEvent, PatientId, REGISTRY, Recorded};
use anamnesis_projector::history::AGGREGATES;
use anamnesis_stream::Topic;
use axum::http::Method;
use uuid::Uuid;

use crate::App;
use crate::edge::{Call, Problem, record_denial};

/// In which form a caller is told events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// With whom they are about: only those that the caller may see.
    Identified,
    /// Without: all of the organization's.
    Deidentified,
}

impl Form {
    /// What the caller wants, if their roles allow it; without a wish, what tells least of what they allow.
    pub(super) async fn chosen(app: &App, call: &Call, topic: Topic, identified: Option<bool>) -> Result<Self, Problem> {
        let least = if call.actor.scope(Permission::ReadDeidentified).is_some() { Self::Deidentified } else { Self::Identified };
        let form = identified.map_or(least, |identified| if identified { Self::Identified } else { Self::Deidentified });
        if Rights::of(&call.actor, topic, form).is_nothing() {
            record_denial(app, call, &Method::GET, "role_missing").await?;
            return Err(Problem::forbidden());
        }
        Ok(form)
    }

    /// The pseudonyms are the account's own: the same in all of its streams, and nobody else's.
    pub(super) async fn telling(self, app: &App, call: &Call) -> Result<Telling, Problem> {
        match self {
            Self::Identified => Ok(Telling::Identified),
            Self::Deidentified => {
                let keys = app.vault.index(call.actor.organization_id).await?;
                Ok(Telling::Deidentified(Deidentifier::new(keys.pseudonyms(call.actor.account_id), call.now.into())))
            }
        }
    }
}

/// What a caller's roles reach in a topic at this moment: whose events, by aggregate.
pub(super) struct Rights {
    organization: Uuid,
    reaches: BTreeMap<&'static str, Reach>,
}

/// Whether an event may be given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Allowed {
    /// In any case.
    Always,
    /// If that patient consents to that part of their data being used.
    IfConsented(PatientId, DataCategory),
    /// In no case.
    Never,
}

impl Rights {
    pub(super) fn of(actor: &Actor, topic: Topic, form: Form) -> Self {
        let reach = |aggregate| match form {
            Form::Identified => reach_of(actor, aggregate),
            Form::Deidentified => Reach { everybody: actor.scope(Permission::ReadDeidentified).is_some(), ..Reach::NOBODY },
        };
        let reaches = REGISTRY.iter().filter(|aggregate| aggregate.topic == topic.name()).map(|aggregate| (aggregate.name, reach(aggregate.name)));
        Self { organization: actor.organization_id, reaches: reaches.collect() }
    }

    /// True if no event of the topic could ever be given. A topic of which nobody writes yet is empty, not forbidden.
    pub(super) fn is_nothing(&self) -> bool {
        !self.reaches.is_empty() && self.reaches.values().all(|reach| *reach == Reach::NOBODY)
    }

    /// Whether an event there could be given, as far as that is known without opening it.
    pub(super) fn may_cover(&self, organization: Uuid, aggregate: &str, subject: Uuid) -> bool {
        let Some(reach) = self.reaches.get(aggregate).filter(|_| organization == self.organization) else { return false };
        reach.everybody || reach.consented || reach.own == Some(PatientId(subject))
    }

    /// Whether an event may be given.
    pub(super) fn may(&self, event: &Recorded) -> Allowed {
        if !self.may_cover(event.organization_id, event.aggregate_type, event.subject_id) {
            return Allowed::Never;
        }
        let patient = PatientId(event.subject_id);
        match self.reaches.get(event.aggregate_type) {
            Some(reach) if reach.everybody || reach.own == Some(patient) => Allowed::Always,
            Some(reach) if reach.consented && AGGREGATES.contains(&event.aggregate_type) => Allowed::IfConsented(patient, category(event)),
            Some(_) | None => Allowed::Never,
        }
    }
}

/// Whose events of an aggregate are within reach: what shows an aggregate's past is more than what shows it as it is.
fn reach_of(actor: &Actor, aggregate: &str) -> Reach {
    use Permission::{ReadAppointments, ReadAudit, ReadConsents, ReadHistory, ReadInsights, ReadPatients, ReadRecords, WriteDirectory, WriteModels};
    match aggregate {
        "patient" => actor.reach(&[ReadHistory, ReadPatients]),
        "consent" => actor.reach(&[ReadHistory, ReadConsents]),
        "appointment" => actor.reach(&[ReadHistory, ReadAppointments]),
        "record" | "document" => actor.reach(&[ReadHistory, ReadRecords]),
        "insight" | "prediction" => actor.reach(&[ReadHistory, ReadInsights]),
        // tells more than the directory does: why somebody was suspended, after which appointment they were rated
        "provider" | "organization" | "facility" => whole(actor, &[ReadAudit, WriteDirectory]),
        "model" => whole(actor, &[ReadAudit, WriteModels]),
        "account" | "access" | "system" | "compliance" => actor.reach(&[ReadAudit]),
        // a new aggregate is nobody's until somebody says here whose it is
        _ => Reach::NOBODY,
    }
}

/// What is about no patient is told whole, to whom one of these permissions reaches everybody.
fn whole(actor: &Actor, permissions: &[Permission]) -> Reach {
    let everybody = permissions.iter().any(|permission| actor.reach(&[*permission]).everybody);
    Reach { everybody, ..Reach::NOBODY }
}

/// Which part of a patient's data an event tells of. What can't be opened may have been of any.
pub(super) fn category(event: &Recorded) -> DataCategory {
    match event.event.value() {
        Some(AnyEvent::Patient(happened)) => of_patient(happened),
        Some(AnyEvent::Consent(_)) => DataCategory::Demographics,
        Some(AnyEvent::Appointment(_)) => DataCategory::Appointments,
        Some(AnyEvent::Record(_) | AnyEvent::Document(_)) => DataCategory::Records,
        Some(AnyEvent::Insight(_) | AnyEvent::Prediction(_)) => DataCategory::Insights,
        Some(
            AnyEvent::Provider(_)
            | AnyEvent::Organization(_)
            | AnyEvent::Facility(_)
            | AnyEvent::Model(_)
            | AnyEvent::Account(_)
            | AnyEvent::Access(_)
            | AnyEvent::System(_)
            | AnyEvent::Compliance(_),
        )
        | None => DataCategory::All,
    }
}

fn of_patient(happened: &PatientEvent) -> DataCategory {
    match happened {
        PatientEvent::ConditionRecorded(_)
        | PatientEvent::AllergyRecorded(_)
        | PatientEvent::MedicationRecorded(_)
        | PatientEvent::HistoryEntryEnded(_)
        | PatientEvent::HistoryEntryEnteredInError(_)
        | PatientEvent::AmendmentRequested(_)
        | PatientEvent::AmendmentDeadlineExtended(_)
        | PatientEvent::AmendmentAccepted(_)
        | PatientEvent::AmendmentDenied(_)
        | PatientEvent::AmendmentDenialDisputed(_)
        | PatientEvent::AmendmentDisputeRebutted(_)
        | PatientEvent::AmendmentRecipientTold(_)
        | PatientEvent::PatientHealthGoalsChanged(_)
        | PatientEvent::PatientRiskFactorsChanged(_) => DataCategory::Records,
        PatientEvent::PatientRegistered(_)
        | PatientEvent::PatientDemographicsCorrected(_)
        | PatientEvent::PatientContactChanged(_)
        | PatientEvent::PatientInsuranceChanged(_)
        | PatientEvent::PatientEmergencyContactsChanged(_)
        | PatientEvent::PatientIdentifierAdded(_)
        | PatientEvent::PatientIdentifierRemoved(_)
        | PatientEvent::PrimaryCareProviderAssigned(_)
        | PatientEvent::PatientCareTeamChanged(_)
        | PatientEvent::PatientAccountLinked(_)
        | PatientEvent::PatientDied(_)
        | PatientEvent::PatientDeactivated(_)
        | PatientEvent::PatientMerged(_)
        | PatientEvent::PatientDuplicateAbsorbed(_)
        | PatientEvent::PatientMergeUndone(_)
        | PatientEvent::PatientDuplicateReleased(_)
        | PatientEvent::PatientReactivated(_) => DataCategory::Demographics,
    }
}

/// What is recorded as asked for.
pub(super) fn resource_type(topic: Topic) -> String {
    format!("streams/{}", topic.name())
}

/// Whether an event only records that the audit topic was streamed with names. Telling it there would have to be recorded
/// in turn, and so on for ever; the audit tables have it.
pub(super) fn records_streaming_of_records(event: &Recorded) -> bool {
    let Some(AnyEvent::Access(AccessEvent::DataAccessed(accessed))) = event.event.value() else { return false };
    accessed.action == AccessAction::Replay && accessed.resource_type.as_str() == resource_type(Topic::Audit)
}

#[cfg(test)]
mod tests {
    use anamnesis_domain::account::Role;
    use anamnesis_stream::EVENT_TOPICS;

    use super::*;

    fn actor(role: Role) -> Actor {
        let (id, patient_id) = (Uuid::nil(), Some(PatientId(Uuid::from_u128(7))));
        Actor { account_id: id, organization_id: id, session_id: id, roles: vec![role], patient_id, provider_id: None }
    }

    fn topics(role: Role, form: Form) -> Vec<&'static str> {
        let readable = EVENT_TOPICS.into_iter().filter(|topic| !Rights::of(&actor(role), *topic, form).is_nothing());
        readable.map(Topic::name).filter(|name| *name != "notification-events").collect()
    }

    #[test]
    fn every_aggregate_is_within_somebodys_reach() {
        for aggregate in REGISTRY {
            let anybody = Role::ALL.iter().any(|role| reach_of(&actor(*role), aggregate.name) != Reach::NOBODY);
            assert!(anybody, "say in reach_of who may be given the events of {}", aggregate.name);
        }
    }

    #[test]
    fn each_role_has_its_topics() {
        let clinical = ["patient-events", "appointment-events", "document-events", "ai-events"];
        let all = ["patient-events", "appointment-events", "document-events", "audit-events", "ai-events"];
        for (role, identified, deidentified) in [
            (Role::Patient, &clinical[..], &[][..]),
            (Role::Provider, &clinical, &[]),
            (Role::Staff, &[], &[]),
            (Role::Admin, &["patient-events", "ai-events"], &all),
            (Role::PrivacyOfficer, &all, &all),
            (Role::Auditor, &all, &all),
            (Role::Analyst, &["ai-events"], &all),
            (Role::System, &[], &[]),
        ] {
            assert_eq!(topics(role, Form::Identified), identified, "{role:?}");
            assert_eq!(topics(role, Form::Deidentified), deidentified, "{role:?}");
        }
    }

    #[test]
    fn another_organizations_event_is_never_covered() {
        for form in [Form::Identified, Form::Deidentified] {
            let rights = Rights::of(&actor(Role::Auditor), Topic::Patient, form);
            assert!(rights.may_cover(Uuid::nil(), "patient", Uuid::from_u128(1)));
            assert!(!rights.may_cover(Uuid::from_u128(9), "patient", Uuid::from_u128(1)));
            assert!(!rights.may_cover(Uuid::nil(), "record", Uuid::from_u128(1)), "of another topic");
        }
    }

    #[test]
    fn who_runs_the_system_is_given_no_patient_with_a_name() {
        let rights = Rights::of(&actor(Role::Admin), Topic::Patient, Form::Identified);
        assert!(!rights.may_cover(Uuid::nil(), "patient", Uuid::from_u128(1)) && rights.may_cover(Uuid::nil(), "facility", Uuid::from_u128(1)));
    }
}
