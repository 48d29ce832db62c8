use anamnesis_cache::Key;
use anamnesis_domain::appointment::AppointmentStatus;
use anamnesis_domain::{Date, Instant, PatientId, ProviderId, TimeZone};
use anamnesis_projections::appointments::{AppointmentRow, Appointments};
use anamnesis_projector::history::ORDERS;
use anamnesis_projector::query::Query;
use axum::extract::State;
use chrono::{DateTime, NaiveTime, Utc};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::App;
use crate::edge::{After, AsOf, Asked, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Sort, Span, When, Whole, may};

/// Which appointments: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AppointmentFilter {
    /// Whose.
    #[param(inline)]
    patient: Option<PatientId>,
    /// With whom.
    #[param(inline)]
    provider: Option<ProviderId>,
    /// How it stands; what was recorded as a visit has no such status.
    #[param(inline)]
    status: Option<AppointmentStatus>,
    /// On which day; instead of `from` and `to`.
    #[param(inline)]
    day: Option<Date>,
    /// Where `day` is that day, as in `America/New_York`; UTC if it isn't given.
    #[param(value_type = Option<String>)]
    time_zone: Option<TimeZone>,
    /// Not earlier than this.
    #[param(inline)]
    from: Option<Instant>,
    /// Earlier than this.
    #[param(inline)]
    to: Option<Instant>,
    /// As it was then; with `patient`.
    #[param(inline)]
    as_of: Option<AsOf>,
    /// Which come first; the oldest unless said otherwise.
    #[param(inline)]
    sort: Option<Sort>,
    /// How many at most.
    #[param(inline)]
    limit: Option<Limit>,
    /// Where to go on.
    #[param(inline)]
    cursor: Option<Cursor>,
}

/// Lists appointments and visits, by their time.
#[utoipa::path(get, path = "/v1/appointments", tag = "appointments", params(AppointmentFilter, After), responses(ListAnswers<AppointmentRow>))]
pub(crate) async fn list_appointments(
    State(app): State<App>,
    may: May<may::ReadAppointments>,
    after: After,
    Params(filter): Params<AppointmentFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let order = Sort::of(filter.sort, ORDERS.appointments);
    let (from, to) = filter.span()?;
    let whole = filter.whole(may.call.actor.organization_id, may.call.now);
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<AppointmentRow>(order)?
        .is("provider_id", filter.provider)
        .is("status", filter.status)
        .from("scheduled_at", from)
        .before("scheduled_at", to);
    app.list_within::<Appointments, _>(&may, Asked { query, order, patient: filter.patient, when: When { after, as_of: filter.as_of } }, whole).await
}

/// How many appointments are cached as one at most.
const MOST_CACHED: usize = 200;
/// A provider's schedule is cached from yesterday on, for so many days.
const SCHEDULE_DAYS: u32 = 32;
const DAY_MINUTES: u32 = 24 * 60;

impl AppointmentFilter {
    /// What is cached that holds all of these: a day's appointments, or a provider's.
    fn whole(&self, organization: Uuid, now: Instant) -> Option<Whole> {
        let all = Query::new(ORDERS.appointments, MOST_CACHED);
        let within = |query: Query, span: Span| query.from("scheduled_at", Some(span.from)).before("scheduled_at", Some(span.to));
        let date = |time: Instant| DateTime::<Utc>::from(time).date_naive();
        match (self.day, self.provider, self.from, self.to) {
            (Some(day), ..) if self.zone() == TimeZone::UTC => {
                Some(Whole { key: Key::appointments(organization, day.into()), rows: within(all, self.all_of(day)), span: None })
            }
            (None, Some(provider), Some(from), Some(to)) => {
                let yesterday = Instant::from(date(now).pred_opt()?.and_time(NaiveTime::MIN).and_utc());
                let held = Span { from: yesterday, to: yesterday.plus_minutes(SCHEDULE_DAYS * DAY_MINUTES) };
                let rows = within(all.is("provider_id", Some(provider)), held);
                let asked = Span { from, to };
                held.holds(asked).then(|| Whole { key: Key::provider_schedule(organization, provider.0), rows, span: Some((asked, held)) })
            }
            _ => None,
        }
    }

    fn zone(&self) -> TimeZone {
        self.time_zone.unwrap_or_default()
    }

    fn all_of(&self, day: Date) -> Span {
        Span { from: self.zone().start(day), to: self.zone().start(day.next()) }
    }

    fn span(&self) -> Result<(Option<Instant>, Option<Instant>), Problem> {
        match (self.day, self.from, self.to) {
            (None, ..) if self.time_zone.is_some() => Err(Problem::field("time_zone", "is of use with `day` only")),
            (None, from, to) => Ok((from, to)),
            (Some(day), None, None) => {
                let Span { from, to } = self.all_of(day);
                Ok((Some(from), Some(to)))
            }
            (Some(_), _, _) => Err(Problem::field("day", "can't be given with `from` or `to`")),
        }
    }
}
