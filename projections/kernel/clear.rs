//! Which types stand in the clear?

use anamnesis_domain::{
    AccessId, AccountId, AffiliationId, AmendmentRequestId, AppointmentId, ComplianceId, ConsentId, Date, DocumentId, EntryId, FacilityId, InsightId,
    Instant, ModelId, OrganizationId, PatientId, PredictionId, ProviderId, RecordId, SessionId,
};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Serialize as _, Serializer};
use uuid::Uuid;

use crate::kernel::column::{Column, Place};
use crate::kernel::key::KeyPart;

/// A value that is neither null nor sealed: it may stand in a column of its own or in an array.
pub(crate) trait Clear: Clone + PartialEq + Send + Sync + Sized + 'static {
    /// The Postgres type.
    const SQL: &'static str;
    /// The Postgres type of an array of it.
    const ARRAY: &'static str;
    /// As Postgres reads it.
    fn text(&self) -> String;
    /// Takes back what was selected.
    fn parse(text: &str) -> Option<Self>;
    /// As a client reads it.
    fn show<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text())
    }
    /// As in [`Column::ordinal`].
    fn ordinal(&self) -> Option<i64> {
        None
    }
}

impl<T: Clear> Column for T {
    const SQL: &'static str = <T as Clear>::SQL;

    fn write(&self, _place: &Place<'_>) -> Option<String> {
        Some(self.text())
    }

    fn read(cell: Option<&str>) -> Option<Self> {
        T::parse(cell?)
    }

    fn plain(&self) -> Option<Vec<u8>> {
        Some(self.text().into_bytes())
    }

    fn show<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Clear::show(self, to)
    }

    fn ordinal(&self) -> Option<i64> {
        Clear::ordinal(self)
    }
}

/// For what JSON has a form of its own for, or whose form differs from Postgres's.
macro_rules! as_json {
    () => {
        fn show<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            self.serialize(to)
        }
    };
}

macro_rules! displayed {
    ($($type:ty = $sql:literal),+ $(,)?) => {
        $(impl Clear for $type {
            const SQL: &'static str = $sql;
            const ARRAY: &'static str = concat!($sql, "[]");

            fn text(&self) -> String {
                self.to_string()
            }

            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            as_json!();
        })+
    };
}

displayed!(Uuid = "uuid", i32 = "integer", i64 = "bigint", bool = "boolean");

impl Clear for u64 {
    const SQL: &'static str = "bigint";
    const ARRAY: &'static str = "bigint[]";

    /// Postgres has no unsigned numbers; what counts events never comes near its limit.
    fn text(&self) -> String {
        self.to_string()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    as_json!();

    fn ordinal(&self) -> Option<i64> {
        i64::try_from(*self).ok()
    }
}

impl Clear for u32 {
    const SQL: &'static str = "bigint";
    const ARRAY: &'static str = "bigint[]";

    fn text(&self) -> String {
        self.to_string()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    as_json!();

    fn ordinal(&self) -> Option<i64> {
        Some((*self).into())
    }
}

impl Clear for f64 {
    const SQL: &'static str = "double precision";
    const ARRAY: &'static str = "double precision[]";

    fn text(&self) -> String {
        if self.is_infinite() { if *self > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() } } else { self.to_string() }
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    as_json!();
}

/// Postgres refuses the character NUL in a text; one that came from outside must not stop a projection.
impl Clear for String {
    const SQL: &'static str = "text";
    const ARRAY: &'static str = "text[]";

    fn text(&self) -> String {
        self.replace('\0', "\u{fffd}")
    }

    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Clear for Instant {
    const SQL: &'static str = "timestamptz";
    const ARRAY: &'static str = "timestamptz[]";

    fn text(&self) -> String {
        let time = DateTime::<Utc>::from(*self);
        format!("{} {}+00{}", year_month_day(time.date_naive()), time.format("%H:%M:%S%.6f"), era(time.year()))
    }

    fn parse(micros: &str) -> Option<Self> {
        micros.parse().ok().map(Self::from_micros)
    }

    as_json!();

    fn ordinal(&self) -> Option<i64> {
        Some(self.micros())
    }
}

impl Clear for Date {
    const SQL: &'static str = "date";
    const ARRAY: &'static str = "date[]";

    fn text(&self) -> String {
        let date = NaiveDate::from(*self);
        format!("{}{}", year_month_day(date), era(date.year()))
    }

    /// Days since 1970.
    fn parse(days: &str) -> Option<Self> {
        let days: i64 = days.parse().ok()?;
        NaiveDate::default().checked_add_signed(chrono::TimeDelta::try_days(days)?).map(Self::from)
    }

    as_json!();
}

/// Postgres counts years as people do: 1 BC before AD 1, and no sign before a year of five digits.
fn year_month_day(date: NaiveDate) -> String {
    let year = if date.year() > 0 { date.year() } else { 1 - date.year() };
    format!("{year:04}-{:02}-{:02}", date.month(), date.day())
}

fn era(year: i32) -> &'static str {
    if year > 0 { "" } else { " BC" }
}

macro_rules! ids {
    ($($type:ty),+ $(,)?) => {
        $(impl Clear for $type {
            const SQL: &'static str = "uuid";
            const ARRAY: &'static str = "uuid[]";

            fn text(&self) -> String {
                self.0.to_string()
            }

            fn parse(text: &str) -> Option<Self> {
                text.parse().ok().map(Self)
            }

            fn show<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(to)
            }
        }

        impl From<$type> for KeyPart {
            fn from(id: $type) -> Self {
                Self::Uuid(id.0)
            }
        })+
    };
}

ids!(
    AccessId,
    AccountId,
    AffiliationId,
    AppointmentId,
    ComplianceId,
    ConsentId,
    DocumentId,
    EntryId,
    AmendmentRequestId,
    FacilityId,
    InsightId,
    ModelId,
    PredictionId,
    OrganizationId,
    PatientId,
    ProviderId,
    RecordId,
    SessionId
);

/// Lets enumerations of the domain stand in a column, as the text that they are written as.
macro_rules! text_columns {
    ($($type:ty),+ $(,)?) => {
        $(impl $crate::kernel::Clear for $type {
            const SQL: &'static str = "text";
            const ARRAY: &'static str = "text[]";

            fn text(&self) -> String {
                $crate::kernel::serde_text(self)
            }

            fn parse(text: &str) -> Option<Self> {
                serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
            }

            fn show<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                serde::Serialize::serialize(self, to)
            }
        })+
    };
}
pub(crate) use text_columns;

text_columns!(anamnesis_domain::TimeZone);

/// The text that a value is serialised as.
pub(crate) fn serde_text(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text.text(),
        Ok(_) | Err(_) => unreachable!("only enumerations that are written as text are declared as text columns"),
    }
}
