//! When could somebody still be booked with a provider?

use chrono::{Days, NaiveDate};

use super::Availability;
use crate::appointment::DurationMinutes;
use crate::{Date, Instant};

/// From when (inclusive) until when (exclusive).
pub type Span = (Instant, Instant);

impl Availability {
    /// Spans of that length in the hours within `within`, at most `limit`, which none of the `busy` ones touches: in each stretch of free time
    /// one after another from its beginning, wherever in it `within` begins. So `busy` has to begin a day earlier.
    pub fn free(&self, within: Span, busy: &[Span], length: DurationMinutes, limit: usize) -> Vec<Span> {
        let stretches = self.open_within(within);
        let gaps = stretches.into_iter().flat_map(|stretch| without(stretch, busy));
        gaps.flat_map(|gap| divided(gap, length)).skip_while(|(start, _)| *start < within.0).take(limit).collect()
    }

    /// The hours that go on into a span, up to its end, in order, none touching the next.
    fn open_within(&self, (from, to): Span) -> Vec<Span> {
        let mut open: Vec<Span> = Vec::new();
        for day in days(self.time_zone.date(from), self.time_zone.date(to)) {
            for (start, end) in self.open_on(day) {
                let end = end.min(to);
                match open.last_mut() {
                    // hours may go on after midnight, which some clocks show twice
                    Some(last) if start <= last.1 => last.1 = last.1.max(end),
                    Some(_) | None if start < end && from < end => open.push((start, end)),
                    Some(_) | None => {}
                }
            }
        }
        open
    }
}

fn days(first: Date, last: Date) -> impl Iterator<Item = Date> {
    let next = |day: &Date| NaiveDate::from(*day).checked_add_days(Days::new(1)).map(Date::from);
    std::iter::successors(Some(first), next).take_while(move |day| *day <= last)
}

/// What is left of a stretch of time without the busy spans.
fn without((start, end): Span, busy: &[Span]) -> Vec<Span> {
    let mut busy: Vec<Span> = busy.iter().copied().filter(|(from, until)| *from < end && start < *until).collect();
    busy.sort_unstable();
    let (mut gaps, mut free_from) = (Vec::new(), start);
    for (from, until) in busy {
        if free_from < from {
            gaps.push((free_from, from));
        }
        free_from = free_from.max(until);
    }
    if free_from < end {
        gaps.push((free_from, end));
    }
    gaps
}

fn divided((start, end): Span, length: DurationMinutes) -> impl Iterator<Item = Span> {
    let starts = std::iter::successors(Some(start), move |at| Some(length.after(*at)));
    starts.map(move |at| (at, length.after(at))).take_while(move |(_, until)| *until <= end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn moment(text: &str) -> Instant {
        serde_json::from_value(text.into()).unwrap()
    }

    fn span(from: &str, until: &str) -> Span {
        (moment(from), moment(until))
    }

    fn minutes(minutes: u16) -> DurationMinutes {
        minutes.try_into().unwrap()
    }

    fn hours(zone: &str, weekly: &[(&str, &str, &str)]) -> Availability {
        let weekly: Vec<_> = weekly.iter().map(|(day, from, until)| json!({ "weekday": day, "from": from, "until": until })).collect();
        serde_json::from_value(json!({ "time_zone": zone, "weekly": weekly })).unwrap()
    }

    #[test]
    fn free_is_what_lies_in_the_hours_and_is_not_taken() {
        let mondays = hours("UTC", &[("MONDAY", "09:00", "11:00"), ("MONDAY", "13:00", "13:20")]);
        let busy = [span("2026-02-02T09:40:00Z", "2026-02-02T10:10:00Z"), span("2026-02-02T08:00:00Z", "2026-02-02T09:00:00Z")];
        let within = span("2026-02-01T00:00:00Z", "2026-02-09T09:30:00Z");
        let free = mondays.free(within, &busy, minutes(30), 10);
        assert_eq!(
            free,
            [
                span("2026-02-02T09:00:00Z", "2026-02-02T09:30:00Z"),
                span("2026-02-02T10:10:00Z", "2026-02-02T10:40:00Z"),
                span("2026-02-09T09:00:00Z", "2026-02-09T09:30:00Z"),
            ],
            "and twenty minutes are too short"
        );
        assert_eq!(mondays.free(within, &busy, minutes(30), 2), free[..2]);
        assert_eq!(mondays.free((within.1, within.0), &busy, minutes(30), 2), []);
    }

    #[test]
    fn the_same_times_are_offered_whenever_it_is_asked() {
        let mondays = hours("UTC", &[("MONDAY", "09:00", "11:00")]);
        let busy = [span("2026-02-02T09:20:00Z", "2026-02-02T09:40:00Z")];
        let offered = |from| mondays.free(span(from, "2026-02-03T00:00:00Z"), &busy, minutes(30), 10);
        let all = offered("2026-02-02T09:40:00Z");
        assert_eq!(all[0], span("2026-02-02T09:40:00Z", "2026-02-02T10:10:00Z"));
        assert_eq!(offered("2026-02-02T09:40:00.000001Z"), all[1..], "what has begun is offered no more, and the others don't move");
    }

    #[test]
    fn nights_in_which_the_clocks_change_are_shorter_and_longer() {
        let nights = hours("America/New_York", &[("SATURDAY", "23:00", "24:00"), ("SUNDAY", "00:00", "04:00")]);
        let free = |from, until| nights.free(span(from, until), &[], minutes(60), 10).len();
        assert_eq!(free("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"), 5);
        assert_eq!(free("2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z"), 4, "two o'clock is left out");
        assert_eq!(free("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"), 6, "one o'clock comes twice");
        let east = hours("Australia/Lord_Howe", &[("SUNDAY", "01:00", "03:00")]);
        assert_eq!(east.free(span("2026-10-03T00:00:00Z", "2026-10-05T00:00:00Z"), &[], minutes(30), 10).len(), 3, "half an hour is left out");
        let india = hours("Asia/Kolkata", &[("SUNDAY", "01:00", "03:00")]);
        assert_eq!(india.free(span("2026-10-03T00:00:00Z", "2026-10-05T00:00:00Z"), &[], minutes(30), 10).len(), 4);
    }

    fn any_span() -> impl Strategy<Value = Span> {
        (0..4_000_u32, 1..200_u32).prop_map(|(from, length)| {
            let start = moment("2026-10-23T00:00:00Z").plus_minutes(from * 5);
            (start, start.plus_minutes(length * 5))
        })
    }

    proptest! {
        #[test]
        fn whatever_is_free_lies_in_the_hours_is_taken_by_nobody_and_none_is_left_out(
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Beirut"]),
            (from, until) in (0..20_u16, 1..5_u16).prop_map(|(from, more)| (from, from + more)),
            within in any_span(), busy in prop::collection::vec(any_span(), 0..20), length in 1..10_u16,
        ) {
            let time = |hour: u16| format!("{hour:02}:00");
            let days = ["MONDAY", "THURSDAY", "SATURDAY", "SUNDAY"].map(|day| (day, time(from), time(until)));
            let open = hours(zone, &days.each_ref().map(|(day, from, until)| (*day, from.as_str(), until.as_str())));
            let free = open.free(within, &busy, minutes(length * 5), usize::MAX);
            let is_free = |(start, end): Span| {
                within.0 <= start && end <= within.1 && open.covers(start, end) && busy.iter().all(|busy| end <= busy.0 || busy.1 <= start)
            };
            prop_assert!(free.iter().all(|span| is_free(*span)));
            prop_assert!(free.is_sorted_by(|one, next| one.1 <= next.0));
            let mut start = within.0;
            while start < within.1 {
                // twice the length, so that one of those that follow each other lies in it
                let end = minutes(length * 10).after(start);
                let touched = free.iter().any(|found| found.0 < end && start < found.1);
                prop_assert!(!is_free((start, end)) || touched, "nothing is found where {start} would be free");
                start = start.plus_minutes(5);
            }
        }
    }
}
