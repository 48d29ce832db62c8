use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::App;
use crate::edge::{Body, CommandAnswers, May, PathId, Problem, may, of_access};

/// Another password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetPasswordBody {
    /// 12 to 256 characters.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// Gives an account another password; its sessions end.
#[utoipa::path(post, path = "/v1/accounts/{id}/set-password", tag = "accounts", params(("id" = uuid::Uuid, Path)),
    request_body = SetPasswordBody, responses(CommandAnswers, (status = 204, description = "Done.")))]
pub(crate) async fn set_account_password(
    State(app): State<App>,
    may: May<may::ManageAccounts>,
    PathId(id): PathId,
    body: Body<SetPasswordBody>,
) -> Result<StatusCode, Problem> {
    app.access.set_password(id, body.value.password, &may.call.caller(&body.bytes)).await.map_err(|error| of_access(&error))?;
    Ok(StatusCode::NO_CONTENT)
}
