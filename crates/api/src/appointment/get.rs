use anamnesis_projections::appointments::{AppointmentRow, Appointments};
use axum::extract::State;

use crate::App;
use crate::edge::{After, AsOfParams, Disclosed, Item, May, Params, PathId, Problem, RowAnswers, When, may};

/// Shows an appointment or a visit.
#[utoipa::path(get, path = "/v1/appointments/{id}", tag = "appointments", params(("id" = uuid::Uuid, Path), AsOfParams, After),
    responses(RowAnswers<AppointmentRow>))]
pub(crate) async fn get_appointment(
    State(app): State<App>,
    may: May<may::ReadAppointments>,
    PathId(id): PathId,
    after: After,
    Params(AsOfParams { as_of }): Params<AsOfParams>,
) -> Result<Disclosed<Item>, Problem> {
    app.show::<Appointments, _>(&may, id, When { after, as_of }).await
}
