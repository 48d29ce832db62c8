//! The operations on accounts.

mod create;
mod deactivate;
mod get;
mod grant_role;
mod link;
mod list;
mod lock;
mod reactivate;
mod revoke_role;
mod set_password;
mod shown;
mod unlock;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

/// The collection's name in paths.
pub(crate) const COLLECTION: &str = "accounts";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list_accounts))
        .routes(routes!(get::get_account))
        .routes(routes!(create::create_account))
        .routes(routes!(set_password::set_account_password))
        .routes(routes!(grant_role::grant_role))
        .routes(routes!(revoke_role::revoke_role))
        .routes(routes!(link::link_account))
        .routes(routes!(lock::lock_account))
        .routes(routes!(unlock::unlock_account))
        .routes(routes!(deactivate::deactivate_account))
        .routes(routes!(reactivate::reactivate_account))
}
