//! Which moment is meant by a time on a clock?

use chrono::{DateTime, Datelike, LocalResult, NaiveDateTime, TimeZone as _};
use serde::{Deserialize, Deserializer, de};

use super::InvalidValue;
use super::time::{Instant, TimeZone, YEARS};

/// A time as people write it: with an offset it is a moment, without one what the clocks of some time zone show. JSON: `2026-01-31T09:30:00Z`,
/// `2026-01-31T09:30:00-05:00`, or `2026-01-31T09:30`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WrittenTime {
    /// A moment, whatever the clocks show.
    Moment(Instant),
    /// What the clocks show there.
    Local(LocalTime),
}

/// What a clock shows: a day and a time, in whole seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocalTime(NaiveDateTime);

impl TimeZone {
    /// When the clocks there show that time. Of two such moments, as when the clocks go back, the first: who means the second writes the
    /// offset. None, as when the clocks go forward, is an error.
    pub fn moment(self, time: LocalTime) -> Result<Instant, InvalidValue> {
        match chrono_tz::Tz::from(self).from_local_datetime(&time.0) {
            LocalResult::Single(moment) | LocalResult::Ambiguous(moment, _) => Ok(moment.to_utc().into()),
            LocalResult::None => Err(InvalidValue("must be a time that the clocks in time_zone show: they go forward over this one")),
        }
    }
}

impl TryFrom<&str> for WrittenTime {
    type Error = InvalidValue;

    fn try_from(text: &str) -> Result<Self, InvalidValue> {
        let moment = || DateTime::parse_from_rfc3339(text).ok().map(|time| Self::Moment(time.to_utc().into()));
        let local = || ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"].iter().find_map(|form| LocalTime::parse(text, form)).map(Self::Local);
        let in_range = |time: &Self| match time {
            Self::Moment(moment) => YEARS.contains(&DateTime::from(*moment).year()),
            Self::Local(time) => YEARS.contains(&time.0.year()),
        };
        moment().or_else(local).filter(in_range).ok_or(InvalidValue(EXPECTED))
    }
}

const EXPECTED: &str = "must be a time in RFC 3339, such as 2026-01-31T09:30:00Z, or without an offset as the clocks in time_zone show it";

impl LocalTime {
    /// chrono would also take `2026-1-31`.
    fn parse(text: &str, form: &str) -> Option<Self> {
        NaiveDateTime::parse_from_str(text, form).ok().filter(|time| time.format(form).to_string() == text).map(Self)
    }
}

impl<'de> Deserialize<'de> for WrittenTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::try_from(text.as_ref()).map_err(de::Error::custom)
    }
}
