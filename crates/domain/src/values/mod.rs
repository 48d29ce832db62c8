//! Which values are the payloads made of? Types that can't hold nonsense: parsed at the edge, trusted inside.

mod bounds;
mod checked;
mod code;
mod contact;
mod digest;
mod json;
mod line;
mod local;
mod measure;
mod number;
mod person;
#[cfg(test)]
mod tests;
mod text;
mod time;

pub(crate) use bounds::Bounded;
pub use checked::{check_code, check_npi, check_phone};
pub use code::{Code, Coding};
pub use contact::{Address, AddressUse, ContactUse, Email, EmailContact, Phone, PhoneContact};
pub use digest::Sha256;
pub use json::JsonText;
pub use line::Line;
pub use local::{LocalTime, WrittenTime};
pub use measure::{ClinicalValue, ClinicalValueFields, Comparator, Confidence, Quantity};
pub use number::{PatientNumber, ProviderNumber};
pub use person::{Gender, HumanName, Identifier, IdentifierType, Language, NameUse, SocialSecurityNumber};
pub use text::{InvalidValue, Text};
pub use time::{Date, Instant, Period, TimeZone};
