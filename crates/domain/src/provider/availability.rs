//! When does a provider see patients?

use chrono::{DateTime, Datelike, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Date, Instant, InvalidValue, Line, TimeZone, choices::choices, redact::redacted};

/// How many spans of hours a week or a day may have.
pub const MAX_HOURS: usize = 100;
/// How many exceptions there may be.
pub const MAX_EXCEPTIONS: usize = 1_000;

/// The hours in which a provider can be booked: the same every week, but for the exceptions.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Availability {
    /// Where the provider's clock stands; it keeps to the daylight-saving time there.
    pub time_zone: TimeZone,
    /// The hours of each week.
    #[serde(default)]
    pub weekly: Vec<WeeklyHours>,
    /// Days that differ; they take the place of the weekly hours.
    #[serde(default)]
    pub exceptions: Vec<AvailabilityException>,
}

/// One span of hours on one day of every week.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WeeklyHours {
    /// Which day.
    pub weekday: Weekday,
    /// The first minute.
    pub from: TimeOfDay,
    /// The end, exclusive.
    pub until: TimeOfDay,
}

/// Days that differ from the weekly hours; where two name the same day, the first counts.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AvailabilityException {
    /// The first day.
    pub first_day: Date,
    /// The last day, inclusive.
    pub last_day: Date,
    /// The hours of each of them; empty: away.
    #[serde(default)]
    pub hours: Vec<Hours>,
    /// Why, for colleagues.
    #[serde(default)]
    pub reason: Option<Line>,
}

/// One span of hours on one day.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// The first minute.
    pub from: TimeOfDay,
    /// The end, exclusive.
    pub until: TimeOfDay,
}

choices! {
    /// A day of the week.
    pub enum Weekday {
        Monday = "MONDAY",
        Tuesday = "TUESDAY",
        Wednesday = "WEDNESDAY",
        Thursday = "THURSDAY",
        Friday = "FRIDAY",
        Saturday = "SATURDAY",
        Sunday = "SUNDAY",
    }
}

redacted!(Availability, WeeklyHours, AvailabilityException, Hours);

/// A time on a clock, in whole minutes: `00:00` to `24:00`, the end of the day. JSON: `09:30`; Avro: `time-millis`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$"))]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    /// Minutes since midnight.
    pub fn minutes(self) -> u16 {
        self.0
    }

    /// That hour and minute, if there is such a time.
    pub fn new(hour: u16, minute: u16) -> Option<Self> {
        let exists = hour < 24 && minute < 60 || hour == 24 && minute == 0;
        exists.then_some(Self(hour * 60 + minute))
    }

    fn on(self, day: Date) -> NaiveDateTime {
        NaiveDate::from(day).and_time(NaiveTime::MIN) + TimeDelta::minutes(self.0.into())
    }
}

impl TryFrom<&str> for TimeOfDay {
    type Error = InvalidValue;

    fn try_from(text: &str) -> Result<Self, InvalidValue> {
        let digits = |part: &str| (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok()).flatten();
        text.split_once(':')
            .and_then(|(hour, minute)| Self::new(digits(hour)?, digits(minute)?))
            .ok_or(InvalidValue("must be a time from 00:00 to 24:00, with two digits each"))
    }
}

impl std::fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

const MILLIS_PER_MINUTE: i32 = 60_000;

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i32(i32::from(self.0) * MILLIS_PER_MINUTE) }
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return Self::try_from(String::deserialize(deserializer)?.as_str()).map_err(de::Error::custom);
        }
        let minutes = u16::try_from(i32::deserialize(deserializer)? / MILLIS_PER_MINUTE).ok();
        minutes.and_then(|minutes| Self::new(minutes / 60, minutes % 60)).ok_or_else(|| de::Error::custom("a time out of range"))
    }
}

impl Availability {
    /// Whether all of the time from `start` to `end` lies in the provider's hours.
    pub fn covers(&self, start: Instant, end: Instant) -> bool {
        let mut at = start;
        while at < end {
            let spans = self.open_on(self.time_zone.date(at));
            match spans.iter().find(|(from, until)| *from <= at && at < *until) {
                Some((_, until)) => at = *until,
                None => return false,
            }
        }
        start < end
    }

    /// The moments between which patients can come on that day there, in order, none touching the next.
    pub fn open_on(&self, day: Date) -> Vec<(Instant, Instant)> {
        let mut spans: Vec<_> = self.hours_on(day).iter().map(|hours| (self.first(day, hours.from), self.last(day, hours.until))).collect();
        spans.retain(|(from, until)| from < until);
        spans.sort_unstable();
        spans.dedup_by(|next, span| {
            let touching = next.0 <= span.1;
            if touching {
                span.1 = span.1.max(next.1);
            }
            touching
        });
        spans
    }

    /// The hours of that day, as given.
    fn hours_on(&self, day: Date) -> Vec<Hours> {
        if let Some(exception) = self.exceptions.iter().find(|exception| (exception.first_day..=exception.last_day).contains(&day)) {
            return exception.hours.clone();
        }
        let weekday = Weekday::of(day);
        self.weekly.iter().filter(|hours| hours.weekday == weekday).map(|hours| Hours { from: hours.from, until: hours.until }).collect()
    }

    /// When the clock first shows that time, or the end of the hour that is left out in spring.
    fn first(&self, day: Date, time: TimeOfDay) -> Instant {
        self.shown(time.on(day), |earlier, _| earlier)
    }

    /// When the clock last shows that time, or the end of the hour that is left out in spring.
    fn last(&self, day: Date, time: TimeOfDay) -> Instant {
        self.shown(time.on(day), |_, later| later)
    }

    fn shown(&self, clock: NaiveDateTime, choose: fn(DateTime<Utc>, DateTime<Utc>) -> DateTime<Utc>) -> Instant {
        let zone = chrono_tz::Tz::from(self.time_zone);
        let shown = (0..=MAX_LEFT_OUT_MINUTES).find_map(|later| match zone.from_local_datetime(&(clock + TimeDelta::minutes(later))) {
            LocalResult::Single(moment) => Some(moment.to_utc()),
            LocalResult::Ambiguous(earlier, later) => Some(choose(earlier.to_utc(), later.to_utc())),
            LocalResult::None => None,
        });
        shown.unwrap_or(clock.and_utc()).into()
    }

    /// Whether it is short enough.
    pub(super) fn is_bounded(&self) -> bool {
        self.weekly.len() <= MAX_HOURS && self.exceptions.len() <= MAX_EXCEPTIONS && self.exceptions.iter().all(|e| e.hours.len() <= MAX_HOURS)
    }

    /// Whether each span of hours and of days ends after it begins.
    pub(super) fn runs_forward(&self) -> bool {
        let weekly = self.weekly.iter().all(|hours| hours.from < hours.until);
        weekly && self.exceptions.iter().all(|e| e.first_day <= e.last_day && e.hours.iter().all(|hours| hours.from < hours.until))
    }
}

/// The longest time a clock ever left out: a day, where the date line moved.
const MAX_LEFT_OUT_MINUTES: i64 = 24 * 60;

impl Weekday {
    /// The day of the week of a date.
    pub fn of(day: Date) -> Self {
        match NaiveDate::from(day).weekday() {
            chrono::Weekday::Mon => Self::Monday,
            chrono::Weekday::Tue => Self::Tuesday,
            chrono::Weekday::Wed => Self::Wednesday,
            chrono::Weekday::Thu => Self::Thursday,
            chrono::Weekday::Fri => Self::Friday,
            chrono::Weekday::Sat => Self::Saturday,
            chrono::Weekday::Sun => Self::Sunday,
        }
    }
}
