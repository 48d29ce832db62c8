use anamnesis_access::AccessError;
use anamnesis_domain::Instant;
use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::App;
use crate::edge::{Body, Problem, origin};

/// Who wants to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginBody {
    /// The account's address.
    email: String,
    /// Its password.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// What to send from now on.
#[derive(Serialize, ToSchema)]
pub(crate) struct Login {
    /// Send it as `Authorization: Bearer …`. Shown once.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Until when at most.
    expires_at: Instant,
    /// The account.
    account_id: Uuid,
    /// Its organization.
    organization_id: Uuid,
    /// What it may act as.
    roles: Vec<&'static str>,
}

/// Opens a session.
#[utoipa::path(post, path = "/v1/auth/login", tag = "auth", request_body = LoginBody, security(()),
    responses((status = 200, body = Login), (status = 401, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn login(State(app): State<App>, parts: Parts, body: Body<LoginBody>) -> Result<(HeaderMap, Json<Login>), Problem> {
    let LoginBody { email, password } = body.value;
    let signed_in = app.access.sign_in(&email, password, origin(&app, &parts), app.now()).await.map_err(|error| refused(&error))?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let login = Login {
        access_token: signed_in.token.expose_secret().to_owned(),
        token_type: "Bearer",
        expires_at: signed_in.expires_at,
        account_id: signed_in.actor.account_id,
        organization_id: signed_in.actor.organization_id,
        roles: signed_in.actor.roles.iter().map(|role| role.as_str()).collect(),
    };
    Ok((headers, Json(login)))
}

fn refused(error: &AccessError) -> Problem {
    match error {
        AccessError::TooOften { again_in } => Problem::too_many(*again_in),
        AccessError::Unavailable => Problem::unavailable("sign-in doesn't work now; try again"),
        AccessError::Broken(_) => {
            tracing::error!(%error, "a sign-in failed");
            Problem::internal()
        }
        AccessError::NotSignedIn
        | AccessError::NoSession
        | AccessError::NoAccount
        | AccessError::WeakPassword
        | AccessError::EmailTaken
        | AccessError::NotTheFirst
        | AccessError::Refused(_) => {
            Problem::new(StatusCode::UNAUTHORIZED, "sign-in-failed", "Sign-in failed", "the e-mail address and password don't open an account")
        }
    }
}
