//! When? FHIR's `dateTime`, `date` and `instant`: a moment, a day, a month or a year.

use anamnesis_domain::{Date, Instant, Period};
use chrono::{DateTime, Datelike, NaiveDate};
use serde::{Deserialize, Deserializer, de};

/// A moment, or the day, month or year in which something was. What is less exact stands for its first moment (UTC).
#[derive(Clone, Copy)]
pub(crate) struct When {
    /// The first moment of it.
    pub(crate) start: Instant,
    /// The first day of it, on the calendar of whoever wrote it.
    pub(crate) day: Date,
    precision: Precision,
}

/// How much of it is known, from less to more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    Year,
    Month,
    Day,
    Moment,
}

/// FHIR's `Period`.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, rename = "Period")]
pub(crate) struct Span {
    pub(crate) start: Option<When>,
    pub(crate) end: Option<When>,
}

impl Span {
    pub(crate) fn period(self) -> Period {
        let start = self.start.map(|when| when.start);
        Period { start, end: self.end_unless(|start, end| end.start < start.start).map(|when| when.start) }
    }

    /// The day on which it ended, as far as that can be told.
    pub(crate) fn last_day(self) -> Option<Date> {
        self.end_unless(|start, end| end.day < start.day).map(|when| when.day)
    }

    /// Whether it ends on a day before it starts, whatever is still unknown of both.
    pub(crate) fn ends_days_before(self) -> bool {
        self.is_reversed() && matches!((self.start, self.end), (Some(start), Some(end)) if end.day < start.day)
    }

    /// Whether it ends before it starts, as far as both are known.
    fn is_reversed(self) -> bool {
        matches!((self.start, self.end), (Some(start), Some(end)) if end.is_before(start))
    }

    /// The end; none where it would only seem to lie before the start, being less exact: 2020, of what began in June 2020.
    fn end_unless(self, seems_reversed: impl Fn(When, When) -> bool) -> Option<When> {
        self.end.filter(|end| self.is_reversed() || !self.start.is_some_and(|start| seems_reversed(start, *end)))
    }
}

impl When {
    /// Whether at least the day is known.
    pub(crate) fn is_whole_day(self) -> bool {
        self.precision >= Precision::Day
    }

    /// Whether the moment is known.
    pub(crate) fn is_moment(self) -> bool {
        self.precision == Precision::Moment
    }

    /// Whether it lies before another, as far as both are known: a year is compared with the other's year.
    pub(crate) fn is_before(self, other: Self) -> bool {
        let (day, other_day) = (NaiveDate::from(self.day), NaiveDate::from(other.day));
        match self.precision.min(other.precision) {
            Precision::Year => day.year() < other_day.year(),
            Precision::Month => (day.year(), day.month()) < (other_day.year(), other_day.month()),
            Precision::Day => day < other_day,
            Precision::Moment => self.start < other.start,
        }
    }

    /// The first moment; of a day that has begun somewhere on earth, none that lies ahead.
    pub(crate) fn begun(self, now: Instant) -> Instant {
        let has_begun = !self.is_moment() && self.day <= now.date_furthest_east();
        if has_begun { self.start.min(now) } else { self.start }
    }

    fn parse(text: &str) -> Option<Self> {
        let (day, precision) = match text.len() {
            4 => (format!("{text}-01-01"), Precision::Year),
            7 => (format!("{text}-01"), Precision::Month),
            10 => (text.to_owned(), Precision::Day),
            _ => return Self::parse_moment(text),
        };
        let spelled = day.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
        let day = day.parse::<NaiveDate>().ok().filter(|day| spelled && day.year() >= 1)?;
        let day = Date::from(day);
        Some(Self { start: day.start(), day, precision })
    }

    fn parse_moment(text: &str) -> Option<Self> {
        let moment = DateTime::parse_from_rfc3339(text).ok().filter(|_| text.as_bytes().get(10) == Some(&b'T'))?;
        let utc = moment.to_utc();
        let fits = (1..=9999).contains(&utc.year()) && (1..=9999).contains(&moment.year());
        fits.then(|| Self { start: utc.into(), day: moment.date_naive().into(), precision: Precision::Moment })
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("must be a date that exists, or a time with its zone: 2026-01-31 or 2026-01-31T09:30:00Z"))
    }
}
