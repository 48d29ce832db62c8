//! The operations on patients' requests for amendment.

mod accept;
mod deny;
mod dispute;
mod extend;
mod list;
mod rebut;
mod request;
mod tell_recipient;

use anamnesis_domain::patient::{AmendmentCommand, Patient, PatientCommand};
use anamnesis_domain::{AmendmentRequestId, PatientId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::App;
use crate::edge::{Accepted, May, Needs, Problem};
use crate::patient::COLLECTION;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(extend::extend_amendment_deadline))
        .routes(routes!(accept::accept_amendment))
        .routes(routes!(deny::deny_amendment))
        .routes(routes!(dispute::dispute_amendment_denial))
        .routes(routes!(rebut::rebut_amendment_dispute))
        .routes(routes!(tell_recipient::tell_amendment_recipient))
        .routes(routes!(request::request_amendment))
        .routes(routes!(list::list_amendment_requests))
}

impl App {
    /// Asks for an amendment, or acts on such a request: of a patient within reach.
    async fn amend<P: Needs>(
        &self,
        may: &May<P>,
        id: Uuid,
        request_id: AmendmentRequestId,
        command: AmendmentCommand,
        body: &[u8],
    ) -> Result<Accepted, Problem> {
        self.reach(may, PatientId(id)).await?;
        let command = PatientCommand::Amendment { now: may.call.now, request_id, command };
        self.act::<Patient>(COLLECTION, id, command, &may.call, body).await
    }
}
