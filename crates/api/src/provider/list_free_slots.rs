use anamnesis_domain::Instant;
use anamnesis_domain::appointment::DurationMinutes;
use anamnesis_domain::provider::{Availability, Provider, ProviderError};
use anamnesis_journal::SlotKind;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::edge::{Limit, May, Params, PathId, Problem, QueryProblems, Shown, may, of_command};

/// How long a span of time may be asked for: a quarter of a year.
const MOST_MINUTES: u32 = 92 * 24 * 60;
/// How much is looked through when it isn't said.
const USUAL_MINUTES: u32 = 7 * 24 * 60;

/// Which times.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FreeSlotFilter {
    /// Not earlier than this, and never earlier than now.
    #[param(inline)]
    from: Option<Instant>,
    /// Over by this; within 92 days of `from`, 7 days after it unless said otherwise.
    #[param(inline)]
    to: Option<Instant>,
    /// How long; 30 minutes unless said otherwise.
    #[param(inline)]
    minutes: Option<DurationMinutes>,
    /// How many at most.
    #[param(inline)]
    limit: Option<Limit>,
}

/// When a provider could be booked.
#[derive(Serialize, ToSchema)]
pub(crate) struct FreeSlots {
    /// In order. They don't overlap, but others may book them meanwhile.
    items: Vec<FreeSlot>,
    /// Why there are none, whatever is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    none_because: Option<NoSlots>,
    /// From when on to ask for more; none: these are all.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_from: Option<Instant>,
}

/// A time that is free.
#[derive(Serialize, ToSchema)]
struct FreeSlot {
    /// The first moment.
    starts_at: Instant,
    /// The end, exclusive.
    ends_at: Instant,
}

/// Why a provider has no free times to offer.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum NoSlots {
    /// The provider never said when patients can come: any time may be asked for.
    HoursNotSet,
    /// The provider sees nobody new at present.
    Suspended,
}

/// Lists when a provider could be booked: what lies in the provider's hours and isn't taken, in each stretch one after another from its beginning.
#[utoipa::path(get, path = "/v1/providers/{id}/free-slots", tag = "providers", params(("id" = uuid::Uuid, Path), FreeSlotFilter),
    responses((status = 200, body = FreeSlots), QueryProblems))]
pub(crate) async fn list_free_slots(
    State(app): State<App>,
    may: May<may::ReadDirectory>,
    PathId(id): PathId,
    Params(filter): Params<FreeSlotFilter>,
) -> Result<Shown<FreeSlots>, Problem> {
    let (span, limit) = (filter.span(may.call.now)?, Limit::or_default(filter.limit));
    let position = app.log.head().await?.position;
    let provider = app.state::<Provider>(&may.call, id).await?;
    let slots = match hours(&provider)? {
        Err(why) => FreeSlots { items: vec![], none_because: Some(why), next_from: None },
        Ok(hours) => {
            let (organization, of) = (may.call.actor.organization_id, (SlotKind::Provider, id));
            // from the beginning of the stretch that the span begins in, so that the same times are offered whenever it is asked
            let since = span.0.minus_minutes(24 * 60);
            let busy = app.journal.held_times::<ProviderError>(organization, of, since, span.1).await.map_err(of_command)?;
            FreeSlots::of(&hours.free(span, &busy, filter.minutes.unwrap_or_default(), limit + 1), limit)
        }
    };
    Ok(Shown::new(slots).at(position))
}

fn hours(provider: &Provider) -> Result<Result<&Availability, NoSlots>, Problem> {
    match provider {
        Provider::Absent => Err(Problem::not_found()),
        Provider::Suspended(_) => Ok(Err(NoSlots::Suspended)),
        Provider::Active(practice) => Ok(practice.availability.as_ref().ok_or(NoSlots::HoursNotSet)),
    }
}

impl FreeSlotFilter {
    fn span(&self, now: Instant) -> Result<(Instant, Instant), Problem> {
        let from = self.from.unwrap_or(now);
        let to = self.to.unwrap_or(from.plus_minutes(USUAL_MINUTES));
        if to < from {
            return Err(Problem::field("to", "must not lie before from"));
        }
        if to > from.plus_minutes(MOST_MINUTES) {
            return Err(Problem::field("to", "must lie within 92 days of from"));
        }
        let from = from.max(now);
        Ok((from, to.max(from)))
    }
}

impl FreeSlots {
    /// Of one more than the limit, if there are so many.
    fn of(found: &[(Instant, Instant)], limit: usize) -> Self {
        let items = found.iter().take(limit).map(|&(starts_at, ends_at)| FreeSlot { starts_at, ends_at }).collect();
        Self { items, none_because: None, next_from: found.get(limit).map(|(from, _)| *from) }
    }
}
