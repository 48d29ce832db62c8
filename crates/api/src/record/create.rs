use anamnesis_domain::appointment::Appointment;
use anamnesis_domain::patient::Patient;
use anamnesis_domain::provider::Provider;
use anamnesis_domain::record::{NewRecord, Record, RecordCommand, RecordStatus};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::COLLECTION;
use crate::App;
use crate::edge::{Accepted, Body, CommandAnswers, May, Problem, may};

/// A record.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateRecordBody {
    /// What it says.
    record: NewRecord,
    /// PENDING if something must still be processed; COMPLETED if not given.
    status: Option<RecordStatus>,
}

impl App {
    /// Refuses a record by somebody, or of an appointment, that isn't there.
    pub(super) async fn rests_on_known(&self, may: &May<may::WriteRecords>, record: &NewRecord) -> Result<(), Problem> {
        self.known::<Provider>(&may.call, "record.provider_id", record.provider_id).await?;
        self.known_of(&may.call, "record.appointment_id", record.patient_id, record.appointment_id, Appointment::patient_id).await
    }
}

/// Creates a medical record.
#[utoipa::path(post, path = "/v1/records", tag = "records",
    request_body = CreateRecordBody, responses(CommandAnswers))]
pub(crate) async fn create_record(State(app): State<App>, may: May<may::WriteRecords>, body: Body<CreateRecordBody>) -> Result<Accepted, Problem> {
    let now = may.call.now;
    app.known::<Patient>(&may.call, "record.patient_id", [body.value.record.patient_id]).await?;
    app.rests_on_known(&may, &body.value.record).await?;
    let command = RecordCommand::Create { now, record: Box::new(body.value.record), status: body.value.status.unwrap_or(RecordStatus::Completed) };
    app.create::<Record>(COLLECTION, Uuid::now_v7(), command, &may.call, &body.bytes).await
}
