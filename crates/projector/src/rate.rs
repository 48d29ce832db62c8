//! How fast do the projections get on?

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::progress::States;

/// Over how long it is told, and how often it is looked.
const OVER: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where each projection was during the last seconds.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<VecDeque<(Instant, BTreeMap<&'static str, u64>)>>);

impl Rates {
    pub(crate) fn saw(&self, states: &States, now: Instant) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.back().is_some_and(|(last, _)| now.duration_since(*last) < LOOK_EVERY) {
            return;
        }
        seen.push_back((now, states.iter().map(|(name, state)| (*name, state.position)).collect()));
        while seen.front().is_some_and(|(first, _)| now.duration_since(*first) > OVER) {
            seen.pop_front();
        }
    }

    /// Positions a second; `None` before it was seen twice.
    pub(crate) fn of(&self, projection: &str) -> Option<f64> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ((from, first), (to, last)) = (seen.front()?, seen.back()?);
        let seconds = to.duration_since(*from).as_secs_f64();
        let events = u32::try_from(last.get(projection)?.saturating_sub(*first.get(projection)?)).unwrap_or(u32::MAX);
        (seconds > 0.0).then(|| f64::from(events) / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::{ProjectionState, Status};

    #[test]
    fn a_rate_is_that_of_the_last_ten_seconds() {
        let (rates, begun) = (Rates::default(), Instant::now());
        assert_eq!(rates.of("patients"), None);
        for second in 0..=20_u64 {
            let position = if second < 10 { 0 } else { (second - 10) * 7 };
            let state = ProjectionState { position, partitions: vec![], parked: 0, status: Status::Running };
            rates.saw(&[("patients", state)].into(), begun + Duration::from_secs(second));
        }
        assert_eq!((rates.of("patients"), rates.of("accounts")), (Some(7.0), None));
    }
}
