//! An aggregate that does what it is told, word by word, to try claims, slots and subjects without a clinic's rules.
//!
//! Its events are a facility's (it needs schemas that are there); the words stand where the reason of closing would.

use anamnesis_domain::facility::{FacilityClosed, FacilityError, FacilityEvent};
use anamnesis_domain::{Aggregate, Instant, Reservation, Subject, Text};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The words so far.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Scripted {
    pub(crate) words: Vec<String>,
}

impl Aggregate for Scripted {
    const TYPE: &'static str = "facility";
    const TOPIC: &'static str = "patient-events";
    /// An event for each line: `say …`, `claim <kind> <value>`, `release <kind> <value>`,
    /// `slot <patient> <provider> <start> <end>` (minutes), `free`, `about <subject>`; `refuse` is refused, and so is `refuse below <n>` while
    /// there are fewer words; `nothing below <n>` changes nothing then.
    type Command = String;
    type Event = FacilityEvent;
    type Error = FacilityError;

    fn decide(&self, command: String) -> Result<Vec<FacilityEvent>, FacilityError> {
        let is_below = |count: &str| self.words.len() < count.parse().unwrap();
        match command.split(' ').collect::<Vec<_>>()[..] {
            ["refuse"] => Err(FacilityError::Closed),
            ["refuse", "below", count] if is_below(count) => Err(FacilityError::Closed),
            ["nothing", "below", count] if is_below(count) => Ok(vec![]),
            _ => Ok(command.lines().map(said).collect()),
        }
    }

    fn evolve(mut self, event: &FacilityEvent) -> Self {
        self.words.push(word(event).to_owned());
        self
    }

    fn subject(&self, _id: Uuid, event: &FacilityEvent) -> Subject {
        match word(event).split(' ').collect::<Vec<_>>()[..] {
            ["about", person] => Subject::Person(number(person)),
            _ => Subject::Audit,
        }
    }

    fn reservations(&self, _id: Uuid, event: &FacilityEvent) -> Vec<Reservation> {
        match word(event).split(' ').collect::<Vec<_>>()[..] {
            ["claim", kind, value] => vec![Reservation::Claim { kind: known(kind), value: value.to_owned() }],
            ["release", kind, value] => vec![Reservation::Release { kind: known(kind), value: value.to_owned() }],
            ["slot", patient, provider, start, end] => {
                let resources = vec![("patient", number(patient)), ("provider", number(provider))];
                vec![Reservation::Slot { resources, start: minute(start), end: minute(end) }]
            }
            ["free"] => vec![Reservation::ReleaseSlots],
            _ => vec![],
        }
    }
}

fn said(words: &str) -> FacilityEvent {
    FacilityClosed { closed_at: Instant::from_micros(0), reason: Some(Text::try_from(words).unwrap()) }.into()
}

pub(crate) fn word(event: &FacilityEvent) -> &str {
    match event {
        FacilityEvent::FacilityClosed(closed) => closed.reason.as_ref().map_or("", Text::as_str),
        FacilityEvent::FacilityRegistered(_) | FacilityEvent::FacilityChanged(_) | FacilityEvent::FacilityReopened(_) => "",
    }
}

fn known(kind: &str) -> &'static str {
    if kind == "number" { "number" } else { "mail" }
}

pub(crate) fn number(text: &str) -> Uuid {
    Uuid::from_u128(text.parse().unwrap())
}

fn minute(text: &str) -> Instant {
    Instant::from_micros(1_767_225_600_000_000 + text.parse::<i64>().unwrap() * 60_000_000)
}
