//! From where on, and how far?

use anamnesis_domain::Instant;
use anamnesis_projector::history::Moment;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Required, Type};
use utoipa::{IntoParams, ToSchema};

use super::rights::Form;
use crate::App;
use crate::edge::{AsOf, Call, Problem};

/// Which part of a topic, and how.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamFilter {
    /// From this position on, itself included, or, with names only, from what was logged at this time (RFC 3339) on; none: from
    /// the beginning.
    #[param(inline)]
    from: Option<AsOf>,
    /// Go on with what happens until the client leaves; otherwise up to where the log ends now.
    #[serde(default)]
    follow: bool,
    /// How many events at most.
    #[param(inline)]
    limit: Option<Most>,
    /// With names and all, which is recorded as an access to each patient, or without anything that identifies a person.
    /// None: without, for who has the right to that; with, for others.
    pub(super) identified: Option<bool>,
}

/// A number of events: 1 or more.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(try_from = "u64")]
#[schema(value_type = u64, minimum = 1)]
struct Most(u64);

impl TryFrom<u64> for Most {
    type Error = &'static str;

    fn try_from(limit: u64) -> Result<Self, Self::Error> {
        if limit > 0 { Ok(Self(limit)) } else { Err("must be 1 or more") }
    }
}

const LAST_EVENT_ID: &str = "Last-Event-ID";

/// `Last-Event-ID`: the position after which a stream goes on. Wins over `from`.
pub(crate) struct LastEventId(Option<u64>);

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Some(header) = parts.headers.get(LAST_EVENT_ID) else { return Ok(Self(None)) };
        let position = header.to_str().ok().and_then(position);
        position.map(|position| Self(Some(position))).ok_or_else(|| field(LAST_EVENT_ID, "must be a position: the id of the last event that came"))
    }
}

/// Digits and nothing else.
fn position(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

impl IntoParams for LastEventId {
    fn into_params(_parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let header = ParameterBuilder::new()
            .name(LAST_EVENT_ID)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("the position after which to go on: the last that a stream told; wins over `from`"))
            .schema(Some(ObjectBuilder::new().schema_type(Type::Integer)));
        vec![header.build()]
    }
}

/// Which part of the log a stream is to tell.
#[derive(Clone, Copy)]
pub(super) struct Start {
    /// Later positions than this.
    pub(super) after: u64,
    /// No later position than this; none: whatever comes.
    pub(super) until: Option<u64>,
    /// How many events are left to give.
    pub(super) left: Option<u64>,
}

impl StreamFilter {
    /// Where nobody is identified, no time leads to a position: whoever may ask for any would learn when each event was logged.
    pub(super) async fn start(&self, app: &App, call: &Call, form: Form, last: LastEventId) -> Result<Start, Problem> {
        let head = app.log.head().await?.position;
        let after = match (last, self.from) {
            (LastEventId(Some(last)), _) if last > head => return Err(field(LAST_EVENT_ID, "is in the future: the log hasn't come so far")),
            (LastEventId(Some(last)), _) => last,
            (LastEventId(None), Some(AsOf(Moment::Position(from)))) if from > head + 1 => {
                return Err(field("from", "is in the future: the log hasn't come so far"));
            }
            (LastEventId(None), Some(AsOf(Moment::Position(from)))) => from.saturating_sub(1),
            (LastEventId(None), Some(AsOf(Moment::Time(_)))) if form == Form::Deidentified => {
                return Err(field("from", "must be a position where nobody is identified: what happened when isn't told there"));
            }
            (LastEventId(None), Some(AsOf(Moment::Time(from)))) => before(app, call, from).await?,
            (LastEventId(None), None) => 0,
        };
        Ok(Start { after, until: (!self.follow).then_some(head), left: self.limit.map(|Most(limit)| limit) })
    }
}

/// The last position that was logged before a time.
async fn before(app: &App, call: &Call, time: Instant) -> Result<u64, Problem> {
    let just_before = Instant::from_micros(time.micros().saturating_sub(1));
    app.position_at(call, "from", Moment::Time(just_before)).await.map_err(Problem::malformed)
}

fn field(name: &'static str, detail: &'static str) -> Problem {
    Problem::field(name, detail).malformed()
}

#[cfg(test)]
mod tests {
    use super::position;

    #[test]
    fn a_position_is_digits() {
        assert_eq!((position("0"), position("17")), (Some(0), Some(17)));
        for wrong in ["", "-1", "+1", "1.5", " 1", "0x1", "last", "99999999999999999999"] {
            assert_eq!(position(wrong), None, "{wrong}");
        }
    }
}
