//! Of which moment is the answer to be? Now, not before a position, or as of a moment in the past.

use anamnesis_projector::Wanted;
use anamnesis_projector::history::{Moment, NoSuchMoment};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Required, Type};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Call, Problem};
use crate::App;

use std::time::Duration;

/// A moment in the past: a position in the log, or a time in RFC 3339.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, examples("42", "2026-01-31T09:30:00Z"))]
pub(crate) struct AsOf(pub(crate) Moment);

impl TryFrom<String> for AsOf {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// The parameter of a query of one patient's data that has no others.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AsOfParams {
    /// As it was then: a position in the log or a time in RFC 3339; the future is refused.
    #[param(inline)]
    pub(crate) as_of: Option<AsOf>,
}

/// The parameters of a query that has none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParams {}

/// `Anamnesis-After`: what the answer must reflect at least.
#[derive(Clone, Copy)]
pub(crate) enum After {
    /// Nothing in particular.
    Nothing,
    /// A position.
    Position(u64),
    /// An event, by the token that its command was answered with.
    Event { aggregate_type: &'static str, aggregate_id: Uuid, sequence: u64 },
}

const AFTER: &str = "Anamnesis-After";

impl<S: Send + Sync> FromRequestParts<S> for After {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Some(header) = parts.headers.get(AFTER) else { return Ok(Self::Nothing) };
        let parsed = header.to_str().ok().and_then(Self::parse);
        parsed.ok_or_else(|| Problem::field(AFTER, "must be the Anamnesis-Token or Anamnesis-Position of an earlier answer"))
    }
}

impl After {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(position) = text.parse() {
            return Some(Self::Position(position));
        }
        let (stream, sequence) = text.split_once('@')?;
        let (aggregate, id) = stream.split_once('/')?;
        let known = anamnesis_domain::REGISTRY.iter().find(|known| known.name == aggregate)?;
        Some(Self::Event { aggregate_type: known.name, aggregate_id: id.parse().ok()?, sequence: sequence.parse().ok()? })
    }

    /// What is wanted, once the event has a position.
    pub(crate) async fn wanted(self, app: &App) -> Result<Wanted, Problem> {
        match self {
            Self::Nothing => Ok(Wanted::default()),
            Self::Position(position) => Ok(Wanted::everything(position)),
            Self::Event { aggregate_type, aggregate_id, sequence } => {
                app.sequencing.wake();
                let position = app.log.position_within(aggregate_type, aggregate_id, sequence, app.after_wait()).await;
                Ok(Wanted::event(position?.ok_or_else(too_early)?, aggregate_type, aggregate_id))
            }
        }
    }
}

impl IntoParams for After {
    fn into_params(_parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let header = ParameterBuilder::new()
            .name(AFTER)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("the Anamnesis-Token or Anamnesis-Position that the answer must reflect; it is waited for, then 503"))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
        vec![header.build()]
    }
}

/// The read model isn't there yet.
pub(crate) fn too_early() -> Problem {
    Problem::unavailable("the read model hasn't reached Anamnesis-After; try again")
}

impl App {
    pub(crate) fn after_wait(&self) -> Duration {
        Duration::from_millis(self.settings.after_wait_ms)
    }

    /// The position that a moment stands for; `field` is the parameter that named it.
    pub(crate) async fn position_at(&self, call: &Call, field: &'static str, moment: Moment) -> Result<u64, Problem> {
        moment.position(&self.log, call.now, self.after_wait()).await.map_err(|error| match error {
            NoSuchMoment::Future => Problem::field(field, error.to_string()),
            NoSuchMoment::NotYet => Problem::unavailable(format!("{field} {error}; try again")),
            NoSuchMoment::History(error) => error.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::After;

    #[test]
    fn what_must_be_reflected_is_a_token_or_a_position() {
        assert!(matches!(After::parse("12"), Some(After::Position(12))));
        let token = After::parse("patient/0198c0de-0000-7000-8000-000000000001@3");
        assert!(matches!(token, Some(After::Event { aggregate_type: "patient", sequence: 3, .. })));
        for wrong in ["", "-1", "patient/1@3", "patient/0198c0de-0000-7000-8000-000000000001", "planet/0198c0de-0000-7000-8000-000000000001@3"] {
            assert!(After::parse(wrong).is_none(), "{wrong}");
        }
    }
}
