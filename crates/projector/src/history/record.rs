//! What was known of a patient, all of it?

use anamnesis_domain::Recorded;
use anamnesis_projections::amendment_requests::AmendmentRequests;
use anamnesis_projections::appointments::Appointments;
use anamnesis_projections::consents::Consents;
use anamnesis_projections::documents::Documents;
use anamnesis_projections::history_lists::{Allergies, Conditions, Medications};
use anamnesis_projections::insights::Insights;
use anamnesis_projections::kernel::{Fold, FoldError, Past};
use anamnesis_projections::patients::Patients;
use anamnesis_projections::predictions::Predictions;
use anamnesis_projections::records::Records;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::query::{Order, Query};

type Json = Map<String, Value>;

/// Everything that the read models say of one patient, as a client reads it: the patient as at `/v1/patients/{id}`, the
/// lists as at `/v1/patients/{id}/conditions`, `/v1/appointments?patient=…` and so on, each whole and in the same order.
#[derive(Clone, Default, PartialEq, Serialize)]
pub struct PatientRecord {
    /// The patient; none: not registered by then, or erased since.
    pub patient: Option<Json>,
    /// What they suffer from.
    pub conditions: Vec<Json>,
    /// What they react to.
    pub allergies: Vec<Json>,
    /// What they take.
    pub medications: Vec<Json>,
    /// Appointments and visits.
    pub appointments: Vec<Json>,
    /// Medical records.
    pub records: Vec<Json>,
    /// Documents.
    pub documents: Vec<Json>,
    /// Health insights.
    pub insights: Vec<Json>,
    /// What models predicted.
    pub predictions: Vec<Json>,
    /// Consents.
    pub consents: Vec<Json>,
    /// Requests for amendment.
    pub amendment_requests: Vec<Json>,
}

/// In which order the lists of one patient stand.
#[derive(Clone, Copy, Debug)]
pub struct Orders {
    /// Conditions, allergies and medications: as they were told first.
    pub entries: Order,
    /// Appointments: by their time.
    pub appointments: Order,
    /// Records: by the time they are about.
    pub records: Order,
    /// Documents: as they were registered.
    pub documents: Order,
    /// Insights: as they were generated.
    pub insights: Order,
    /// Predictions: as they were logged.
    pub predictions: Order,
    /// Consents: as they were granted.
    pub consents: Order,
    /// Requests for amendment: by their deadline.
    pub amendment_requests: Order,
}

/// The orders, here and at the edge.
pub const ORDERS: Orders = Orders {
    entries: Order::oldest_first("created_at"),
    appointments: Order::oldest_first("scheduled_at"),
    records: Order::oldest_first("record_date"),
    documents: Order::oldest_first("registered_at"),
    insights: Order::oldest_first("generated_at"),
    predictions: Order::oldest_first("prediction_timestamp"),
    consents: Order::oldest_first("created_at"),
    amendment_requests: Order::oldest_first("due_at"),
};

/// Folds a patient's record, event by event.
#[derive(Default)]
pub(super) struct Folding {
    patient: Past<Patients>,
    conditions: Past<Conditions>,
    allergies: Past<Allergies>,
    medications: Past<Medications>,
    appointments: Past<Appointments>,
    records: Past<Records>,
    documents: Past<Documents>,
    insights: Past<Insights>,
    predictions: Past<Predictions>,
    consents: Past<Consents>,
    amendment_requests: Past<AmendmentRequests>,
}

impl Folding {
    /// Takes the next events.
    pub(super) fn fold(&mut self, events: &[Recorded]) -> Result<(), FoldError> {
        self.patient.fold(events)?;
        self.conditions.fold(events)?;
        self.allergies.fold(events)?;
        self.medications.fold(events)?;
        self.appointments.fold(events)?;
        self.records.fold(events)?;
        self.documents.fold(events)?;
        self.insights.fold(events)?;
        self.predictions.fold(events)?;
        self.consents.fold(events)?;
        self.amendment_requests.fold(events)
    }

    /// What follows from all of them.
    pub(super) fn into_record(self) -> PatientRecord {
        PatientRecord {
            patient: listed(self.patient, Order::oldest_first("created_at")).into_iter().next(),
            conditions: listed(self.conditions, ORDERS.entries),
            allergies: listed(self.allergies, ORDERS.entries),
            medications: listed(self.medications, ORDERS.entries),
            appointments: listed(self.appointments, ORDERS.appointments),
            records: listed(self.records, ORDERS.records),
            documents: listed(self.documents, ORDERS.documents),
            insights: listed(self.insights, ORDERS.insights),
            predictions: listed(self.predictions, ORDERS.predictions),
            consents: listed(self.consents, ORDERS.consents),
            amendment_requests: listed(self.amendment_requests, ORDERS.amendment_requests),
        }
    }
}

impl PatientRecord {
    /// What follows from all that happened to one patient up to a moment.
    pub fn fold(events: &[Recorded]) -> Result<Self, FoldError> {
        let mut folding = Folding::default();
        folding.fold(events)?;
        Ok(folding.into_record())
    }

    /// The same with each list as an object by id and without what changes with every event, to be compared with another:
    /// an entry that comes between two others makes no difference to these.
    pub fn comparable(&self) -> Value {
        let by_id = |rows: &[Json], id: &str| -> Value { rows.iter().map(|row| (key_of(row, id), said(row))).collect::<Json>().into() };
        let mut record = Json::new();
        record.insert("patient".to_owned(), self.patient.as_ref().map_or(Value::Null, said));
        record.insert("conditions".to_owned(), by_id(&self.conditions, "entry_id"));
        record.insert("allergies".to_owned(), by_id(&self.allergies, "entry_id"));
        record.insert("medications".to_owned(), by_id(&self.medications, "entry_id"));
        record.insert("appointments".to_owned(), by_id(&self.appointments, "appointment_id"));
        record.insert("records".to_owned(), by_id(&self.records, "record_id"));
        record.insert("documents".to_owned(), by_id(&self.documents, "document_id"));
        record.insert("insights".to_owned(), by_id(&self.insights, "insight_id"));
        record.insert("predictions".to_owned(), by_id(&self.predictions, "prediction_id"));
        record.insert("consents".to_owned(), by_id(&self.consents, "consent_id"));
        record.insert("amendment_requests".to_owned(), by_id(&self.amendment_requests, "request_id"));
        record.into()
    }
}

impl std::fmt::Debug for PatientRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PatientRecord(..)")
    }
}

fn listed<F: Fold>(past: Past<F>, order: Order) -> Vec<Json> {
    let rows = past.into_rows();
    Query::new(order, rows.len()).pick_json(rows)
}

fn key_of(row: &Json, id: &str) -> String {
    row.get(id).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What a row says, without which event said so last.
fn said(row: &Json) -> Value {
    row.iter()
        .filter(|(name, _)| !["sequence", "position", "created_at", "updated_at"].contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<Json>()
        .into()
}
