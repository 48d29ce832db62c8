//! Which ids are there? Each is a UUID (v7 when made here); the type keeps them apart.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident)+) => {
        $($(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = Uuid))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        })+
    };
}

ids! {
    /// A patient.
    PatientId
    /// A provider of care: a person with a licence. Not an account.
    ProviderId
    /// The tenant: a custodian of records.
    OrganizationId
    /// A hospital, practice or department inside an organization.
    FacilityId
    /// An appointment or a visit.
    AppointmentId
    /// A medical record.
    RecordId
    /// What a model says of a record in short.
    SummaryId
    /// A file about a patient, as it is registered.
    DocumentId
    /// What a file's bytes are stored under: random, so that it tells nothing.
    ObjectId
    /// A health insight.
    InsightId
    /// An AI model, with all of its versions.
    ModelId
    /// What a model predicted of a patient.
    PredictionId
    /// A consent.
    ConsentId
    /// A user's account.
    AccountId
    /// One access to a person's data.
    AccessId
    /// A provider's work at a facility.
    AffiliationId
    /// A signed-in account's session, known by this id and never by its token.
    SessionId
    /// An entry of a patient's history: a condition, an allergy, a medication.
    EntryId
    /// A compliance matter: a finding, a legal hold, a designation, a training.
    ComplianceId
    /// A patient's request for an amendment of their record.
    AmendmentRequestId
}

impl AccountId {
    /// Who acts when the system acts by itself. No account of a person.
    pub const SYSTEM: Self = Self(Uuid::from_u128(0x0000_0000_0000_8000_8000_0000_0000_0001));
    /// Who acts when somebody works on the host, at the command line. No account of a person.
    pub const COMMAND_LINE: Self = Self(Uuid::from_u128(0x0000_0000_0000_8000_8000_0000_0000_0002));
}
