//! The patient's operations.

mod correct_demographics;
mod register;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

/// Where patients are.
pub(crate) const COLLECTION: &str = "patients";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(register::register_patient)).routes(routes!(correct_demographics::correct_patient_demographics))
}
