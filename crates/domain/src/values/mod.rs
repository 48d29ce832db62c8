//! Which values are the payloads made of? Types that can't hold nonsense: parsed at the edge, trusted inside.

mod code;
mod number;
mod text;
mod time;

pub use code::{Code, Coding};
pub use number::{PatientNumber, ProviderNumber};
pub use text::{InvalidValue, Text};
pub use time::{Date, Instant};
