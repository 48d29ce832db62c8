//! How is a moment or a day written? RFC 3339 for people, numbers for Avro.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, SubsecRound, TimeDelta, TimeZone as _, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::InvalidValue;

const MICROS_PER_HOUR: i64 = 3_600_000_000;
/// The years that people may write. Others are typing errors, and not every store could hold them.
pub(super) const YEARS: std::ops::RangeInclusive<i32> = 1..=9999;

/// A moment, in whole microseconds UTC. JSON: RFC 3339; Avro: `timestamp-micros`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = DateTime<Utc>))]
pub struct Instant(DateTime<Utc>);

impl Instant {
    /// The moment that many microseconds after 1970 (UTC); the nearest one that exists if out of range.
    pub fn from_micros(micros: i64) -> Self {
        Self(DateTime::from_timestamp_micros(micros).unwrap_or(if micros < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC }))
    }

    /// Microseconds since 1970 (UTC).
    pub fn micros(self) -> i64 {
        self.0.timestamp_micros()
    }

    /// The moment that many minutes later.
    #[must_use]
    pub fn plus_minutes(self, minutes: u32) -> Self {
        Self(self.0.checked_add_signed(TimeDelta::minutes(i64::from(minutes))).unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    /// The moment that many minutes earlier.
    #[must_use]
    pub fn minus_minutes(self, minutes: u32) -> Self {
        Self(self.0.checked_sub_signed(TimeDelta::minutes(i64::from(minutes))).unwrap_or(DateTime::<Utc>::MIN_UTC))
    }

    /// The day in UTC.
    pub fn date(self) -> Date {
        Date(self.0.date_naive())
    }

    /// The day where it comes first (UTC+14): what lies after it is in the future everywhere.
    pub fn date_furthest_east(self) -> Date {
        Self::from_micros(self.micros().saturating_add(14 * MICROS_PER_HOUR)).date()
    }

    /// The day where it comes last (UTC−12): what lies before it is in the past everywhere.
    pub fn date_furthest_west(self) -> Date {
        Self::from_micros(self.micros().saturating_sub(12 * MICROS_PER_HOUR)).date()
    }
}

impl From<DateTime<Utc>> for Instant {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.trunc_subsecs(6))
    }
}

impl From<Instant> for DateTime<Utc> {
    fn from(instant: Instant) -> Self {
        instant.0
    }
}

impl std::fmt::Display for Instant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i64(self.micros()) }
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            parsed(deserializer, "must be a time in RFC 3339, such as 2026-01-31T09:30:00Z", |text| {
                DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc()).filter(|time| YEARS.contains(&time.year())).map(Self::from)
            })
        } else {
            i64::deserialize(deserializer).map(Self::from_micros)
        }
    }
}

/// A day without a time. JSON: `2026-01-31`; Avro: `date` (days since 1970).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = NaiveDate))]
pub struct Date(NaiveDate);

impl Date {
    /// The first moment of the day, UTC.
    pub fn start(self) -> Instant {
        Instant(self.0.and_time(chrono::NaiveTime::MIN).and_utc())
    }

    /// The day after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.succ_opt().unwrap_or(self.0))
    }

    fn days(self) -> i32 {
        i32::try_from(self.0.signed_duration_since(NaiveDate::default()).num_days()).expect("chrono's years fit into 32-bit days")
    }

    fn from_days(days: i32) -> Option<Self> {
        let magnitude = Days::new(u64::from(days.unsigned_abs()));
        let day = if days < 0 { NaiveDate::default().checked_sub_days(magnitude) } else { NaiveDate::default().checked_add_days(magnitude) };
        day.map(Self)
    }
}

impl From<NaiveDate> for Date {
    fn from(date: NaiveDate) -> Self {
        Self(date)
    }
}

impl From<Date> for NaiveDate {
    fn from(date: Date) -> Self {
        date.0
    }
}

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i32(self.days()) }
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return parsed(deserializer, "must be a date, such as 2026-01-31", |text| {
                // chrono would also take `2026-1-31`
                text.parse::<NaiveDate>().ok().filter(|day| YEARS.contains(&day.year()) && day.to_string() == text).map(Self)
            });
        }
        Self::from_days(i32::deserialize(deserializer)?).ok_or_else(|| de::Error::custom("a day out of range"))
    }
}

/// A span of time; an open end is unknown or not over yet.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Period {
    /// From when on.
    pub start: Option<Instant>,
    /// Until when.
    pub end: Option<Instant>,
}

impl Period {
    /// Whether that moment is in it.
    pub fn holds(self, now: Instant) -> bool {
        self.start.is_none_or(|start| start <= now) && self.end.is_none_or(|end| now < end)
    }

    /// Whether it ends before it starts.
    pub fn is_reversed(self) -> bool {
        matches!((self.start, self.end), (Some(start), Some(end)) if end < start)
    }
}

/// A time zone of the IANA database: `America/New_York`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
#[serde(try_from = "String", into = "String")]
pub struct TimeZone(chrono_tz::Tz);

impl TimeZone {
    /// Universal time.
    pub const UTC: Self = Self(chrono_tz::Tz::UTC);

    /// The zone's name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The first moment of a day there. Where clocks are put forward at midnight it isn't midnight.
    pub fn start(self, day: Date) -> Instant {
        let midnight = day.0.and_time(NaiveTime::MIN);
        let quarters = (0..24).map(|quarter| midnight + TimeDelta::minutes(15 * quarter));
        let first = quarters.into_iter().find_map(|time| self.0.from_local_datetime(&time).earliest());
        first.map_or(Instant(midnight.and_utc()), |first| Instant(first.to_utc()))
    }

    /// The day it is there at that moment.
    pub fn date(self, instant: Instant) -> Date {
        Date(instant.0.with_timezone(&self.0).date_naive())
    }
}

impl Default for TimeZone {
    fn default() -> Self {
        Self::UTC
    }
}

impl TryFrom<String> for TimeZone {
    type Error = InvalidValue;

    fn try_from(name: String) -> Result<Self, InvalidValue> {
        Self::try_from(name.as_str())
    }
}

impl TryFrom<&str> for TimeZone {
    type Error = InvalidValue;

    fn try_from(name: &str) -> Result<Self, InvalidValue> {
        name.parse().map(Self).map_err(|_| InvalidValue("must be a time zone of the IANA database, such as America/New_York"))
    }
}

impl From<TimeZone> for String {
    fn from(zone: TimeZone) -> Self {
        zone.name().to_owned()
    }
}

impl From<TimeZone> for chrono_tz::Tz {
    fn from(zone: TimeZone) -> Self {
        zone.0
    }
}

/// Reads a text by `parse`; the error says what it should be and never what it was.
fn parsed<'de, D: Deserializer<'de>, T>(deserializer: D, expected: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<T, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| de::Error::custom(expected))
}
