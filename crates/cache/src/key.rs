//! What is each entry called, and how long does it stay? Here, so that nobody can spell one differently.

use std::fmt;
use std::time::Duration;

use chrono::NaiveDate;
use uuid::Uuid;

/// The kinds of entries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// What an account may act as, at a sequence of its stream.
    UserSession,
    /// An answer to a list of the directory.
    ApiResponse,
    /// How often somebody has asked for something.
    RateLimit,
    /// A day's appointments.
    Appointments,
    /// A user's notifications. Nothing fills it yet: there is no read model of them.
    Notifications,
    /// A patient's row.
    PatientProfile,
    /// A provider's appointments, from yesterday on.
    ProviderSchedule,
    /// What a model predicted on the same input.
    AiPrediction,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::UserSession,
        Self::ApiResponse,
        Self::RateLimit,
        Self::Appointments,
        Self::Notifications,
        Self::PatientProfile,
        Self::ProviderSchedule,
        Self::AiPrediction,
    ];

    /// What its keys begin with after the organization; entries are bound to it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserSession => "user:session",
            Self::ApiResponse => "api:response",
            Self::RateLimit => "rate:limit",
            Self::Appointments => "realtime:appointments",
            Self::Notifications => "realtime:notifications",
            Self::PatientProfile => "health:patient",
            Self::ProviderSchedule => "health:provider",
            Self::AiPrediction => "ai:prediction",
        }
    }

    /// How long an entry stays at most.
    pub const fn ttl(self) -> Duration {
        Duration::from_secs(match self {
            Self::UserSession => 3600,
            Self::ApiResponse => 300,
            Self::RateLimit | Self::Notifications => 60,
            Self::Appointments => 30,
            Self::PatientProfile => 1800,
            Self::ProviderSchedule => 900,
            Self::AiPrediction => 600,
        })
    }

    /// Whether an entry holds only until any row of its read model is touched. The others are thrown out by name.
    pub(crate) const fn ends_with_any_change(self) -> bool {
        matches!(self, Self::ApiResponse | Self::AiPrediction)
    }
}

/// The key of an entry. It tells ids and kinds, and nothing that a person would be known by.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key {
    kind: Kind,
    organization: Uuid,
    rest: String,
    ttl: Duration,
}

impl Key {
    /// What an account may act as. Never past the session's own end.
    pub fn user_session(organization: Uuid, user: Uuid, session_ends_in: Duration) -> Self {
        let key = Self::of(Kind::UserSession, organization, user);
        Self { ttl: key.ttl.min(session_ends_in), ..key }
    }

    /// The answer of `endpoint`, a path as it is mounted, to parameters of which `hash` (keyed) covers all, and the caller's rights.
    pub fn api_response(organization: Uuid, endpoint: &str, hash: [u8; 32]) -> Self {
        Self::of(Kind::ApiResponse, organization, format_args!("{}:{}", plain(endpoint), hex(hash)))
    }

    /// How often a user has asked for `endpoint`: a method and a path as it is mounted.
    pub fn rate_limit(organization: Uuid, user: Uuid, endpoint: &str) -> Self {
        Self::of(Kind::RateLimit, organization, format_args!("{user}:{}", plain(endpoint)))
    }

    /// The appointments of a day (UTC).
    pub fn appointments(organization: Uuid, date: NaiveDate) -> Self {
        Self::of(Kind::Appointments, organization, date)
    }

    /// A user's notifications.
    pub fn notifications(organization: Uuid, user: Uuid) -> Self {
        Self::of(Kind::Notifications, organization, user)
    }

    /// A patient's row.
    pub fn patient_profile(organization: Uuid, patient: Uuid) -> Self {
        Self::of(Kind::PatientProfile, organization, format_args!("{patient}:profile"))
    }

    /// A provider's appointments.
    pub fn provider_schedule(organization: Uuid, provider: Uuid) -> Self {
        Self::of(Kind::ProviderSchedule, organization, format_args!("{provider}:schedule"))
    }

    /// A model's predictions for an input, of which `input_hash` (keyed) covers all, and whom it is about.
    pub fn ai_prediction(organization: Uuid, model: Uuid, input_hash: [u8; 32]) -> Self {
        Self::of(Kind::AiPrediction, organization, format_args!("{model}:{}", hex(input_hash)))
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its tenant.
    pub fn organization(&self) -> Uuid {
        self.organization
    }

    /// How long its entry stays at most.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    fn of(kind: Kind, organization: Uuid, rest: impl fmt::Display) -> Self {
        Self { kind, organization, rest: rest.to_string(), ttl: kind.ttl() }
    }
}

/// As it stands in Redis, without the installation's own prefix.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.organization, self.kind.name(), self.rest)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn hex(hash: [u8; 32]) -> String {
    hash.iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"))
}

/// Without what has a meaning in keys: the braces of a path's parameters, colons, blanks.
fn plain(endpoint: &str) -> String {
    endpoint.chars().filter(|c| !matches!(c, '{' | '}' | ':' | ' ')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract with whoever looks into Redis.
    #[test]
    fn every_key_is_spelt_as_promised_and_stays_as_long() {
        let (house, id) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (o, i) = (house.to_string(), id.to_string());
        let hour = Duration::from_hours(1);
        let promised = [
            (Key::user_session(house, id, hour * 12), format!("{o}:user:session:{i}"), 3600),
            (Key::api_response(house, "/v1/facilities", [0xab; 32]), format!("{o}:api:response:/v1/facilities:{}", "ab".repeat(32)), 300),
            (Key::rate_limit(house, id, "GET /v1/patients/{id}"), format!("{o}:rate:limit:{i}:GET/v1/patients/id"), 60),
            (Key::appointments(house, "2026-03-01".parse().unwrap()), format!("{o}:realtime:appointments:2026-03-01"), 30),
            (Key::notifications(house, id), format!("{o}:realtime:notifications:{i}"), 60),
            (Key::patient_profile(house, id), format!("{o}:health:patient:{i}:profile"), 1800),
            (Key::provider_schedule(house, id), format!("{o}:health:provider:{i}:schedule"), 900),
            (Key::ai_prediction(house, id, [0xcd; 32]), format!("{o}:ai:prediction:{i}:{}", "cd".repeat(32)), 600),
        ];
        assert_eq!(promised.each_ref().map(|(key, ..)| key.kind()), Kind::ALL, "every kind, in order");
        for (key, name, seconds) in promised {
            assert_eq!((key.to_string(), key.ttl()), (name, Duration::from_secs(seconds)));
        }
    }

    #[test]
    fn what_is_known_of_a_session_ends_with_it() {
        let key = Key::user_session(Uuid::nil(), Uuid::nil(), Duration::from_secs(7));
        assert_eq!(key.ttl(), Duration::from_secs(7));
    }
}
