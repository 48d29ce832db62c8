//! Who is in the stories? Invented people, each with a name that nobody else has.

use serde_json::{Value, json};
use uuid::Uuid;

/// What an account may act as.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Role {
    Patient,
    Provider,
    Staff,
    Admin,
    PrivacyOfficer,
    Auditor,
    Analyst,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [Self::Patient, Self::Provider, Self::Staff, Self::Admin, Self::PrivacyOfficer, Self::Auditor, Self::Analyst];

    fn as_str(self) -> &'static str {
        match self {
            Self::Patient => "PATIENT",
            Self::Provider => "PROVIDER",
            Self::Staff => "STAFF",
            Self::Admin => "ADMIN",
            Self::PrivacyOfficer => "PRIVACY_OFFICER",
            Self::Auditor => "AUDITOR",
            Self::Analyst => "ANALYST",
        }
    }
}

/// Letters and digits that nobody else uses.
pub fn unique() -> String {
    Uuid::new_v4().simple().to_string()
}

/// A family name that nobody else has, of letters only.
pub fn unique_name(beginning: &str) -> String {
    let letters = unique().bytes().filter(u8::is_ascii_hexdigit).take(12).map(|b| char::from(b'a' + b % 26)).collect::<String>();
    format!("{beginning}{letters}")
}

pub(crate) fn new_account(email: &str, role: Role, links: &Value) -> Value {
    let links = if links.is_null() { json!({}) } else { links.clone() };
    json!({
        "profile": { "email": email, "display_name": format!("Test {}", role.as_str()) },
        "roles": [{ "role": role.as_str() }],
        "links": links,
    })
}

/// The body that registers a patient.
pub fn new_patient(family: &str) -> Value {
    json!({
        "patient_number": format!("P-{}", &unique()[..12]),
        "name": { "family": family, "given": ["Ada", "Maria"] },
        "birth_date": "1984-02-29",
        "gender": "FEMALE",
        "phones": [{ "number": "+1 555 0132477", "use": "MOBILE" }],
        "emails": [{ "address": format!("{}@example.org", family.to_lowercase()) }],
        "addresses": [{ "lines": ["12 Elm Street"], "city": "Springfield", "postal_code": "01101", "country": "US" }],
        "identifiers": [{ "system": "http://hl7.org/fhir/sid/us-ssn", "identifier_type": "SOCIAL_SECURITY", "value": "999-12-6789" }],
    })
}

/// The body that registers a provider.
pub fn new_provider(family: &str) -> Value {
    json!({
        "provider_number": format!("D-{}", &unique()[..12]),
        "name": { "family": family, "given": ["Gregor"], "prefix": ["Dr."] },
        "specialties": ["FAMILY_MEDICINE"],
    })
}

/// The body that books an appointment.
pub fn appointment(patient_id: &str, provider_id: &str, scheduled_at: &str, minutes: u32) -> Value {
    json!({
        "patient_id": patient_id,
        "provider_id": provider_id,
        "appointment_type": "CONSULTATION",
        "scheduled_at": scheduled_at,
        "duration_minutes": minutes,
        "time_zone": "America/New_York",
        "reason": "a cough that doesn't go",
    })
}
