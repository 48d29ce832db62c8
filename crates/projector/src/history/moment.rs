//! Which moment is meant? A position, or a time that stands for one.

use std::str::FromStr;
use std::time::Duration;

use anamnesis_domain::Instant;
use anamnesis_journal::log::Log;

use super::HistoryError;

/// A moment in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// After the event at this position.
    Position(u64),
    /// At this time: after the last event that was logged by then.
    Time(Instant),
}

/// Why a moment has no position.
#[derive(Debug, thiserror::Error)]
pub enum NoSuchMoment {
    /// It hasn't come.
    #[error("is in the future: the log hasn't come so far")]
    Future,
    /// It has come, but the log's own time hasn't reached it yet: trying again helps.
    #[error("is so recent that the log hasn't come so far yet")]
    NotYet,
    /// The log can't be read.
    #[error(transparent)]
    History(#[from] HistoryError),
}

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(position) = text.parse() {
            return Ok(Self::Position(position));
        }
        let time = serde_json::from_value(serde_json::Value::String(text.to_owned()));
        time.map(Self::Time).map_err(|_| "must be a position in the log or a time in RFC 3339, such as 2026-01-31T09:30:00Z")
    }
}

impl Moment {
    /// Its position, for ever the same. `now` tells what is still to come; a time that the log hasn't reached though it
    /// has come is waited for.
    pub async fn position(self, log: &Log, now: Instant, within: Duration) -> Result<u64, NoSuchMoment> {
        match self {
            Self::Position(position) => {
                let head = log.head().await.map_err(HistoryError::from)?;
                if position <= head.position { Ok(position) } else { Err(NoSuchMoment::Future) }
            }
            Self::Time(time) if time > now => Err(NoSuchMoment::Future),
            Self::Time(time) => {
                if let Some(position) = log.position_at(time).await.map_err(HistoryError::from)? {
                    return Ok(position);
                }
                log.wait_until(time, within).await.ok_or(NoSuchMoment::NotYet)?;
                log.position_at(time).await.map_err(HistoryError::from)?.ok_or(NoSuchMoment::NotYet)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_position_or_a_time() {
        assert_eq!("12".parse(), Ok(Moment::Position(12)));
        assert_eq!("1970-01-01T00:00:01Z".parse(), Ok(Moment::Time(Instant::from_micros(1_000_000))));
        assert_eq!("1970-01-01T01:00:01+01:00".parse(), Ok(Moment::Time(Instant::from_micros(1_000_000))));
        for wrong in ["", "-1", "1.5", "yesterday", "1970-01-01", "1970-01-01T00:00:01"] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
        }
    }
}
