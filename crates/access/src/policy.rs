//! Which role may do what, and to whose data?

use anamnesis_domain::PatientId;
use anamnesis_domain::account::Role;
use uuid::Uuid;

/// What an operation needs. Every route names one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Permission {
    /// See a patient's demographics, contacts and history lists.
    ReadPatients,
    /// Register patients and change what is known of them.
    WritePatients,
    /// See the numbers that others gave a patient unmasked: SSN, passport, … (45 CFR 164.502(b): who has to deal with them).
    RevealIdentifiers,
    /// See appointments.
    ReadAppointments,
    /// Book and change appointments.
    WriteAppointments,
    /// Tell what happened in an appointment: check in, start, complete, no-show.
    ConductAppointments,
    /// See medical records.
    ReadRecords,
    /// Write medical records.
    WriteRecords,
    /// See health insights, and what models predicted of patients.
    ReadInsights,
    /// Generate health insights, and log predictions.
    WriteInsights,
    /// Review, act on and dismiss insights, and tell what came of predictions.
    ReviewInsights,
    /// See which AI models there are: no person's health data.
    ReadModels,
    /// Register, evaluate, activate and retire AI models.
    WriteModels,
    /// See consents.
    ReadConsents,
    /// Grant and revoke consents.
    WriteConsents,
    /// Ask for an amendment of a patient's record, and disagree with a denial (45 CFR 164.526).
    RequestAmendments,
    /// Accept and deny such requests, and answer disagreement.
    DecideAmendments,
    /// See a patient's history, whole, at any time.
    ReadHistory,
    /// See providers, organizations and facilities: no person's health data.
    ReadDirectory,
    /// Change providers, organizations and facilities.
    WriteDirectory,
    /// See and change accounts.
    ManageAccounts,
    /// Rate a provider whom one has seen.
    RateProviders,
    /// See who has looked at a patient's data, and why (45 CFR 164.528).
    ReadDisclosures,
    /// See the audit log.
    ReadAudit,
    /// Raise and resolve findings, place and release legal holds, designate officers, record trainings.
    ManageCompliance,
    /// See the log's entries and proofs.
    ReadLog,
    /// Follow the organization's events; which of them, the other permissions say.
    ReadStreams,
    /// See events without what identifies a person.
    ReadDeidentified,
}

/// How far a permission reaches. Ordered: wider is greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scope {
    /// The account owner's own data as a patient.
    Own(PatientId),
    /// All data of the organization.
    Organization,
}

impl Scope {
    /// True if data of that patient is within reach.
    pub fn covers(self, patient: PatientId) -> bool {
        match self {
            Self::Own(own) => own == patient,
            Self::Organization => true,
        }
    }
}

/// Whose data may be given, where that is decided at the moment of giving: for each event of a stream.
///
/// The reach of several roles together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reach {
    /// Everybody's.
    pub everybody: bool,
    /// The account owner's own.
    pub own: Option<PatientId>,
    /// That of patients who consented, while they do.
    pub consented: bool,
}

impl Reach {
    /// Nobody's.
    pub const NOBODY: Self = Self { everybody: false, own: None, consented: false };

    /// What one role adds that gives a permission so far.
    pub(crate) fn with(self, role: Role, scope: Scope) -> Self {
        match scope {
            Scope::Own(own) => Self { own: Some(own), ..self },
            Scope::Organization if needs_consent(role) => Self { consented: true, ..self },
            Scope::Organization => Self { everybody: true, ..self },
        }
    }
}

/// Whether a role sees a patient's events only while that patient consents. Who oversees needs none; who is overseen does.
fn needs_consent(role: Role) -> bool {
    match role {
        Role::Provider => true,
        Role::Patient | Role::Staff | Role::Admin | Role::PrivacyOfficer | Role::Auditor | Role::Analyst | Role::System => false,
    }
}

impl Permission {
    /// Every permission.
    pub const ALL: &'static [Self] = &[
        Self::ReadPatients,
        Self::WritePatients,
        Self::RevealIdentifiers,
        Self::ReadAppointments,
        Self::WriteAppointments,
        Self::ConductAppointments,
        Self::ReadRecords,
        Self::WriteRecords,
        Self::ReadInsights,
        Self::WriteInsights,
        Self::ReviewInsights,
        Self::ReadModels,
        Self::WriteModels,
        Self::ReadConsents,
        Self::WriteConsents,
        Self::RequestAmendments,
        Self::DecideAmendments,
        Self::ReadHistory,
        Self::ReadDirectory,
        Self::WriteDirectory,
        Self::ManageAccounts,
        Self::RateProviders,
        Self::ReadDisclosures,
        Self::ReadAudit,
        Self::ManageCompliance,
        Self::ReadLog,
        Self::ReadStreams,
        Self::ReadDeidentified,
    ];

    /// What `role` gives of this permission; whose own data `Own` means is filled in by the actor.
    pub(crate) fn given_to(self, role: Role) -> Option<Scope> {
        let Rights { own, organization } = Rights::of(role);
        match (organization.contains(&self), own.contains(&self)) {
            (true, _) => Some(Scope::Organization),
            (false, true) => Some(Scope::Own(PatientId(Uuid::nil()))),
            (false, false) => None,
        }
    }
}

/// What a role gives. What isn't listed isn't given.
struct Rights {
    /// Over the account owner's own data.
    own: &'static [Permission],
    /// Over all data of the organization.
    organization: &'static [Permission],
}

impl Rights {
    #[rustfmt::skip]
    fn of(role: Role) -> Self {
        use Permission::{
            ConductAppointments, DecideAmendments, ManageAccounts, ManageCompliance, RateProviders, ReadAppointments, ReadAudit, ReadConsents, ReadDeidentified, ReadDirectory, ReadDisclosures,
            ReadHistory, ReadInsights, ReadLog, ReadModels, ReadPatients, ReadRecords, ReadStreams, RequestAmendments, RevealIdentifiers, ReviewInsights, WriteAppointments, WriteConsents, WriteDirectory, WriteInsights, WritePatients,
            WriteModels, WriteRecords,
        };
        let (own, organization): (&[_], &[_]) = match role {
            Role::Patient => (
                &[
                    ReadPatients, ReadAppointments, ReadRecords, ReadInsights, ReadConsents, WriteConsents, ReadHistory, ReadDisclosures, ReadStreams,
                    RateProviders, RevealIdentifiers, RequestAmendments,
                ],
                &[ReadDirectory],
            ),
            Role::Provider => (&[], &[
                ReadPatients, WritePatients, ReadAppointments, WriteAppointments, ConductAppointments, ReadRecords, WriteRecords,
                ReadInsights, WriteInsights, ReviewInsights, ReadModels, ReadConsents, WriteConsents, ReadHistory, ReadDirectory, ReadStreams,
            ]),
            Role::Staff => (&[], &[
                ReadPatients, WritePatients, RevealIdentifiers, RequestAmendments, ReadAppointments, WriteAppointments, ConductAppointments, ReadConsents,
                WriteConsents, ReadDirectory,
            ]),
            Role::Admin => (&[], &[ReadDirectory, WriteDirectory, ReadModels, WriteModels, ManageAccounts, ReadLog, ReadStreams, ReadDeidentified]),
            Role::PrivacyOfficer => (&[], &[
                ReadPatients, ReadAppointments, ReadRecords, ReadInsights, ReadConsents, ReadHistory, ReadDirectory, ReadDisclosures, ReadAudit,
                ReadModels, ReadLog, ReadStreams, ReadDeidentified, RequestAmendments, DecideAmendments, ManageCompliance,
            ]),
            Role::Auditor => (&[], &[
                ReadPatients, ReadAppointments, ReadRecords, ReadInsights, ReadConsents, ReadHistory, ReadDirectory, ReadDisclosures, ReadAudit,
                ReadModels, ReadLog, ReadStreams, ReadDeidentified,
            ]),
            Role::Analyst => (&[], &[ReadDirectory, ReadModels, WriteModels, ReadStreams, ReadDeidentified]),
            Role::System => (&[], &[]),
        };
        Self { own, organization }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_is_given_by_some_role_and_none_by_the_system() {
        for permission in Permission::ALL {
            assert!(Role::ALL.iter().any(|role| permission.given_to(*role).is_some()), "{permission:?} is given by no role");
            assert_eq!(permission.given_to(Role::System), None);
        }
    }

    #[test]
    fn a_patient_reaches_only_their_own_data() {
        let patient = PatientId(Uuid::from_u128(7));
        assert!(matches!(Permission::ReadRecords.given_to(Role::Patient), Some(Scope::Own(_))));
        assert!(Scope::Own(patient).covers(patient));
        assert!(!Scope::Own(patient).covers(PatientId(Uuid::from_u128(8))));
        assert_eq!(Permission::WriteRecords.given_to(Role::Patient), None);
    }

    #[test]
    fn numbers_are_revealed_to_who_deals_with_them_and_to_whom_they_belong() {
        let given: Vec<_> = Role::ALL.iter().copied().filter(|role| Permission::RevealIdentifiers.given_to(*role).is_some()).collect();
        assert_eq!(given.len(), 2, "{given:?}");
        assert_eq!(Permission::RevealIdentifiers.given_to(Role::Staff), Some(Scope::Organization));
        assert!(matches!(Permission::RevealIdentifiers.given_to(Role::Patient), Some(Scope::Own(_))));
    }

    #[test]
    fn an_analyst_sees_what_happens_and_nobody_it_happens_to() {
        use Permission::{ReadDeidentified, ReadDirectory, ReadModels, ReadStreams, WriteModels};
        let given = |permission: &&Permission| permission.given_to(Role::Analyst).is_some();
        let all: Vec<_> = Permission::ALL.iter().filter(given).collect();
        assert_eq!(all, [&ReadModels, &WriteModels, &ReadDirectory, &ReadStreams, &ReadDeidentified]);
    }

    #[test]
    fn who_runs_the_system_sees_no_patient() {
        for permission in [Permission::ReadPatients, Permission::ReadRecords, Permission::ReadHistory, Permission::ReadAudit] {
            assert_eq!(permission.given_to(Role::Admin), None, "{permission:?}");
        }
    }
}
