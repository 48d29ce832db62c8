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

use axum::http::{Method, StatusCode};
use uuid::Uuid;

use crate::App;
use crate::edge::{May, Problem, may, record_denial};

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

/// Nobody widens their own rights: who runs the accounts has somebody else do it. That it was tried is recorded.
async fn of_another(app: &App, may: &May<may::ManageAccounts>, account: Uuid) -> Result<(), Problem> {
    if account != may.call.actor.account_id {
        return Ok(());
    }
    record_denial(app, &may.call, &Method::POST, "own_account").await?;
    let detail = "roles and links of your own account are given by another administrator";
    Err(Problem::new(StatusCode::FORBIDDEN, "own-account", "Not your own account", detail).with_rule("own_account"))
}
