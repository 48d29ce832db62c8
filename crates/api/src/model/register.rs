use anamnesis_domain::model::{Model, ModelCommand, NewModel};
use axum::extract::State;
use uuid::Uuid;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Problem, may};

/// Registers an AI model with its first version, which isn't in use yet.
#[utoipa::path(post, path = "/v1/models", tag = "models", request_body = NewModel, responses(CommandAnswers))]
pub(crate) async fn register_model(State(app): State<App>, may: May<may::WriteModels>, body: Body<NewModel>) -> Result<Accepted, Problem> {
    let command = ModelCommand::Register { now: may.call.now, model: Box::new(body.value) };
    app.create::<Model>(COLLECTION, Uuid::now_v7(), command, &may.call, &body.bytes).await
}
