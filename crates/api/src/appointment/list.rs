use anamnesis_domain::appointment::AppointmentStatus;
use anamnesis_domain::{Date, Instant, PatientId, ProviderId};
use anamnesis_projections::appointments::{AppointmentRow, Appointments};
use anamnesis_projector::history::ORDERS;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, AsOf, Asked, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, Problem, When, may};

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
    /// On which day (UTC); instead of `from` and `to`.
    #[param(inline)]
    day: Option<Date>,
    /// Not earlier than this.
    #[param(inline)]
    from: Option<Instant>,
    /// Earlier than this.
    #[param(inline)]
    to: Option<Instant>,
    /// As it was then; with `patient`.
    #[param(inline)]
    as_of: Option<AsOf>,
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
    let order = ORDERS.appointments;
    let (from, to) = filter.span()?;
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<AppointmentRow>(order)?
        .is("provider_id", filter.provider)
        .is("status", filter.status)
        .from("scheduled_at", from)
        .before("scheduled_at", to);
    app.list::<Appointments, _>(&may, Asked { query, order, patient: filter.patient, when: When { after, as_of: filter.as_of } }).await
}

impl AppointmentFilter {
    fn span(&self) -> Result<(Option<Instant>, Option<Instant>), Problem> {
        match (self.day, self.from, self.to) {
            (None, from, to) => Ok((from, to)),
            (Some(day), None, None) => Ok((Some(day.start()), Some(day.start().plus_minutes(24 * 60)))),
            (Some(_), _, _) => Err(Problem::field("day", "can't be given with `from` or `to`")),
        }
    }
}
