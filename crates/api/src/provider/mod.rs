//! The operations on providers.

mod affiliate;
mod correct_profile;
mod end_affiliation;
mod get;
mod link_account;
mod list;
mod list_free_slots;
mod rate;
mod register;
mod reinstate;
mod set_availability;
mod shown;
mod suspend;
mod verify;
mod withdraw_verification;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

/// The collection's name in paths.
pub(crate) const COLLECTION: &str = "providers";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list_providers))
        .routes(routes!(get::get_provider))
        .routes(routes!(list_free_slots::list_free_slots))
        .routes(routes!(register::register_provider))
        .routes(routes!(correct_profile::correct_provider_profile))
        .routes(routes!(set_availability::set_provider_availability))
        .routes(routes!(verify::verify_provider))
        .routes(routes!(withdraw_verification::withdraw_provider_verification))
        .routes(routes!(rate::rate_provider))
        .routes(routes!(suspend::suspend_provider))
        .routes(routes!(reinstate::reinstate_provider))
        .routes(routes!(link_account::link_provider_account))
        .routes(routes!(affiliate::affiliate_provider))
        .routes(routes!(end_affiliation::end_provider_affiliation))
}
