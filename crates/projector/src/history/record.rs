//! What was known of a patient, all of it?

use anamnesis_domain::Recorded;
use anamnesis_projections::amendment_requests::AmendmentRequests;
use anamnesis_projections::appointments::Appointments;
use anamnesis_projections::consents::Consents;
use anamnesis_projections::documents::Documents;
use anamnesis_projections::history_lists::{Allergies, Conditions, Medications};
use anamnesis_projections::insights::Insights;
use anamnesis_projections::kernel::{Fold, FoldError, KeyPart, Past, Row, Stamped};
use anamnesis_projections::patients::Patients;
use anamnesis_projections::predictions::Predictions;
use anamnesis_projections::records::Records;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::query::{Order, Query};

type Json = Map<String, Value>;

/// Everything that the read models say of one patient; serialised it is what a client reads: the patient as at `/v1/patients/{id}`, the
/// lists as at `/v1/patients/{id}/conditions`, `/v1/appointments?patient=…` and so on, each whole and in the same order.
#[derive(Serialize)]
pub struct PatientRecord {
    /// The patient; none: not registered by then, or erased since.
    pub patient: Option<Box<Stamped<<Patients as Fold>::Row>>>,
    /// What they suffer from.
    pub conditions: List<Conditions>,
    /// What they react to.
    pub allergies: List<Allergies>,
    /// What they take.
    pub medications: List<Medications>,
    /// Appointments and visits.
    pub appointments: List<Appointments>,
    /// Medical records.
    pub records: List<Records>,
    /// Documents.
    pub documents: List<Documents>,
    /// Health insights.
    pub insights: List<Insights>,
    /// What models predicted.
    pub predictions: List<Predictions>,
    /// Consents.
    pub consents: List<Consents>,
    /// Requests for amendment.
    pub amendment_requests: List<AmendmentRequests>,
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
            patient: self.patient.into_rows().into_iter().next(),
            conditions: List::of(self.conditions, ORDERS.entries),
            allergies: List::of(self.allergies, ORDERS.entries),
            medications: List::of(self.medications, ORDERS.entries),
            appointments: List::of(self.appointments, ORDERS.appointments),
            records: List::of(self.records, ORDERS.records),
            documents: List::of(self.documents, ORDERS.documents),
            insights: List::of(self.insights, ORDERS.insights),
            predictions: List::of(self.predictions, ORDERS.predictions),
            consents: List::of(self.consents, ORDERS.consents),
            amendment_requests: List::of(self.amendment_requests, ORDERS.amendment_requests),
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
        let mut record = Json::new();
        record.insert("patient".to_owned(), self.patient.as_deref().map_or(Value::Null, said));
        record.insert("conditions".to_owned(), self.conditions.by_id());
        record.insert("allergies".to_owned(), self.allergies.by_id());
        record.insert("medications".to_owned(), self.medications.by_id());
        record.insert("appointments".to_owned(), self.appointments.by_id());
        record.insert("records".to_owned(), self.records.by_id());
        record.insert("documents".to_owned(), self.documents.by_id());
        record.insert("insights".to_owned(), self.insights.by_id());
        record.insert("predictions".to_owned(), self.predictions.by_id());
        record.insert("consents".to_owned(), self.consents.by_id());
        record.insert("amendment_requests".to_owned(), self.amendment_requests.by_id());
        record.into()
    }
}

impl std::fmt::Debug for PatientRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PatientRecord(..)")
    }
}

/// The rows of one list.
pub struct List<F: Fold> {
    rows: Vec<Box<Stamped<F::Row>>>,
    /// Their places, in the list's order.
    places: Vec<usize>,
}

impl<F: Fold> List<F> {
    fn of(past: Past<F>, order: Order) -> Self {
        let rows = past.into_rows();
        let places = Query::new(order, rows.len()).places(rows.iter().map(Box::as_ref));
        Self { rows, places }
    }

    /// The rows, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Stamped<F::Row>> {
        self.places.iter().map(|place| self.rows[*place].as_ref())
    }

    /// Of a row's key, the last part tells it from the others of one patient.
    fn by_id(&self) -> Value {
        let id = |row: &Stamped<F::Row>| row.row.key().parts().last().map(KeyPart::cell).unwrap_or_default();
        self.iter().map(|row| (id(row), said(row))).collect::<Json>().into()
    }
}

impl<F: Fold> Serialize for List<F> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter())
    }
}

/// What a row says, without which event said so last.
fn said<R: Row>(row: &Stamped<R>) -> Value {
    let mut said = row.json();
    said.retain(|name, _| !["sequence", "position", "created_at", "updated_at"].contains(&name.as_str()));
    said.into()
}
