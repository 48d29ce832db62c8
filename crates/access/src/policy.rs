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
    /// See health insights.
    ReadInsights,
    /// Generate health insights.
    WriteInsights,
    /// Review, act on and dismiss insights.
    ReviewInsights,
    /// See consents.
    ReadConsents,
    /// Grant and revoke consents.
    WriteConsents,
    /// See a patient's history, whole, at any time.
    ReadHistory,
    /// See providers, organizations and facilities: no person's health data.
    ReadDirectory,
    /// Change providers, organizations and facilities.
    WriteDirectory,
    /// See and change accounts.
    ManageAccounts,
    /// Rate a provider.
    RateProviders,
    /// See the audit log.
    ReadAudit,
    /// See the log's entries and proofs.
    ReadLog,
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

impl Permission {
    /// Every permission.
    pub const ALL: &'static [Self] = &[
        Self::ReadPatients,
        Self::WritePatients,
        Self::ReadAppointments,
        Self::WriteAppointments,
        Self::ConductAppointments,
        Self::ReadRecords,
        Self::WriteRecords,
        Self::ReadInsights,
        Self::WriteInsights,
        Self::ReviewInsights,
        Self::ReadConsents,
        Self::WriteConsents,
        Self::ReadHistory,
        Self::ReadDirectory,
        Self::WriteDirectory,
        Self::ManageAccounts,
        Self::RateProviders,
        Self::ReadAudit,
        Self::ReadLog,
    ];

    /// What `role` gives of this permission. The whole table; whose own data `Own` means is filled in by the actor.
    pub(crate) fn given_to(self, role: Role) -> Option<Scope> {
        use Permission as P;
        const OWN: Scope = Scope::Own(PatientId(Uuid::nil()));
        const ALL: Scope = Scope::Organization;
        match role {
            Role::Patient => match self {
                P::ReadPatients | P::ReadAppointments | P::ReadRecords | P::ReadInsights | P::ReadConsents | P::WriteConsents | P::ReadHistory => {
                    Some(OWN)
                }
                P::ReadDirectory | P::RateProviders => Some(ALL),
                P::WritePatients | P::WriteAppointments | P::ConductAppointments | P::WriteRecords | P::WriteInsights | P::ReviewInsights => None,
                P::WriteDirectory | P::ManageAccounts | P::ReadAudit | P::ReadLog => None,
            },
            Role::Provider => match self {
                P::ReadPatients | P::WritePatients | P::ReadAppointments | P::WriteAppointments | P::ConductAppointments => Some(ALL),
                P::ReadRecords | P::WriteRecords | P::ReadInsights | P::WriteInsights | P::ReviewInsights => Some(ALL),
                P::ReadConsents | P::WriteConsents | P::ReadHistory | P::ReadDirectory => Some(ALL),
                P::WriteDirectory | P::ManageAccounts | P::RateProviders | P::ReadAudit | P::ReadLog => None,
            },
            Role::Staff => match self {
                P::ReadPatients | P::WritePatients | P::ReadAppointments | P::WriteAppointments | P::ConductAppointments => Some(ALL),
                P::ReadConsents | P::WriteConsents | P::ReadDirectory => Some(ALL),
                P::ReadRecords | P::WriteRecords | P::ReadInsights | P::WriteInsights | P::ReviewInsights | P::ReadHistory => None,
                P::WriteDirectory | P::ManageAccounts | P::RateProviders | P::ReadAudit | P::ReadLog => None,
            },
            Role::Admin => match self {
                P::ReadDirectory | P::WriteDirectory | P::ManageAccounts | P::ReadLog => Some(ALL),
                P::ReadPatients | P::WritePatients | P::ReadAppointments | P::WriteAppointments | P::ConductAppointments => None,
                P::ReadRecords | P::WriteRecords | P::ReadInsights | P::WriteInsights | P::ReviewInsights | P::ReadHistory => None,
                P::ReadConsents | P::WriteConsents | P::RateProviders | P::ReadAudit => None,
            },
            Role::PrivacyOfficer | Role::Auditor => match self {
                P::ReadPatients | P::ReadAppointments | P::ReadRecords | P::ReadInsights | P::ReadConsents | P::ReadHistory => Some(ALL),
                P::ReadDirectory | P::ReadAudit | P::ReadLog => Some(ALL),
                P::WritePatients | P::WriteAppointments | P::ConductAppointments | P::WriteRecords | P::WriteInsights | P::ReviewInsights => None,
                P::WriteConsents | P::WriteDirectory | P::ManageAccounts | P::RateProviders => None,
            },
            Role::Analyst => (self == P::ReadDirectory).then_some(ALL),
            Role::System => None,
        }
    }
}
