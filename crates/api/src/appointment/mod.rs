//! The operations on appointments.

mod cancel;
mod change_details;
mod check_in;
mod complete;
mod confirm;
mod correct_visit;
mod get;
mod list;
mod record_no_show;
mod record_reminder;
mod record_visit;
mod reschedule;
mod schedule;
mod start;
mod time;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

/// The collection's name in paths.
pub(crate) const COLLECTION: &str = "appointments";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list_appointments))
        .routes(routes!(get::get_appointment))
        .routes(routes!(schedule::schedule_appointment))
        .routes(routes!(confirm::confirm_appointment))
        .routes(routes!(reschedule::reschedule_appointment))
        .routes(routes!(change_details::change_appointment_details))
        .routes(routes!(record_reminder::record_appointment_reminder))
        .routes(routes!(check_in::check_in_appointment))
        .routes(routes!(start::start_appointment))
        .routes(routes!(complete::complete_appointment))
        .routes(routes!(cancel::cancel_appointment))
        .routes(routes!(record_no_show::record_appointment_no_show))
        .routes(routes!(record_visit::record_visit))
        .routes(routes!(correct_visit::correct_visit))
}
