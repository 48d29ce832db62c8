//! How does a plan come about? One draft an entry, filled by the module of its type.

use anamnesis_domain::{AppointmentId, FacilityId, Instant, InvalidValue, PatientId, ProviderId};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{
    Command, Entry, Plan, Planned, PlannedCommand, Remark, Scope, appointment,
    bundle::Head,
    elements::Reference,
    encounter,
    error::FieldError,
    facility, patient, practitioner, record,
    resolver::{Found, Meaning},
};

/// What fills a draft.
type Filler = fn(&mut Draft<'_>) -> Result<(), FieldError>;

/// The types that are imported, and what becomes of them.
const FILLERS: [(&str, Filler); 17] = [
    ("Organization", facility::organization),
    ("Location", facility::location),
    ("Practitioner", practitioner::practitioner),
    ("PractitionerRole", practitioner::role),
    ("Patient", patient::patient),
    ("Encounter", encounter::encounter),
    ("Appointment", appointment::appointment),
    ("Observation", record::observation),
    ("Condition", record::condition),
    ("AllergyIntolerance", record::allergy),
    ("MedicationRequest", record::medication_request),
    ("Procedure", record::procedure),
    ("Immunization", record::immunization),
    ("DiagnosticReport", record::diagnostic_report),
    ("ImagingStudy", record::imaging_study),
    ("CarePlan", record::care_plan),
    ("DocumentReference", record::document_reference),
];

pub(crate) fn plan(scope: &Scope<'_>, entry: &Entry<'_>, now: Instant) -> Result<Planned, FieldError> {
    let json = entry.resource.as_ref().map_err(Clone::clone)?.get();
    let Some(resource_type) = entry.resource_type() else { return Err(headless(json)) };
    let Some((resource_type, fill)) = FILLERS.iter().find(|(name, _)| *name == resource_type) else {
        return Ok(Planned::NotImported { resource_type: resource_type.to_owned() });
    };
    let id = entry.id().ok_or_else(|| FieldError::new("id", "must be given: 1 to 64 letters, digits, - or ."))?;
    let aggregate_id = scope.resolver.aggregate_id(entry).ok_or_else(|| FieldError::new("id", "must be given"))?;
    let mut draft = Draft { scope, now, json, resource_type, id, aggregate_id, patient: None, commands: vec![], remarks: vec![] };
    fill(&mut draft)?;
    let Draft { patient, commands, remarks, .. } = draft;
    Ok(Planned::Commands(Plan { resource_type, patient: patient.map(PatientId), commands, remarks }))
}

/// Why a resource doesn't say what it is.
fn headless(json: &str) -> FieldError {
    match read::<Head>(json) {
        Err(error) => error,
        Ok(_) => FieldError::new("resourceType", "must be the name of a type of resource"),
    }
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, FieldError> {
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(json)).map_err(FieldError::from)
}

/// What follows from one entry, as far as it is known.
pub(crate) struct Draft<'s> {
    scope: &'s Scope<'s>,
    pub(crate) now: Instant,
    pub(crate) json: &'s str,
    pub(crate) resource_type: &'static str,
    pub(crate) id: &'s str,
    pub(crate) aggregate_id: Uuid,
    patient: Option<Uuid>,
    commands: Vec<PlannedCommand>,
    remarks: Vec<Remark>,
}

impl<'s> Draft<'s> {
    /// The resource as `T`.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, FieldError> {
        read(self.json)
    }

    pub(crate) fn scope(&self) -> &'s Scope<'s> {
        self.scope
    }

    /// Adds a command to the resource's own aggregate.
    pub(crate) fn add(&mut self, step: &'static str, command: Command) {
        self.add_to(self.aggregate_id, step, command);
    }

    /// Adds a command to another aggregate.
    pub(crate) fn add_to(&mut self, aggregate_id: Uuid, step: &'static str, command: Command) {
        self.push(aggregate_id, step, command, false);
    }

    /// Adds a command that takes back what an earlier import told another aggregate.
    pub(crate) fn withdraw_from(&mut self, aggregate_id: Uuid, step: &'static str, command: Command) {
        self.push(aggregate_id, step, command, true);
    }

    fn push(&mut self, aggregate_id: Uuid, step: &'static str, command: Command, withdraws: bool) {
        let resolver = self.scope.resolver;
        let id = if self.commands.is_empty() { self.id.to_owned() } else { format!("{}#{step}", self.id) };
        let command_id = resolver.derived(self.resource_type, &id);
        self.commands.push(PlannedCommand { aggregate_id, command_id, step, withdraws, command });
    }

    pub(crate) fn remark(&mut self, path: impl Into<String>, reason: impl Into<String>) {
        self.remarks.push(Remark { path: path.into(), reason: reason.into() });
    }

    /// A value, or a remark on the field that can't be one.
    pub(crate) fn taken<T>(&mut self, path: &str, value: Result<T, InvalidValue>) -> Option<T> {
        value.map_err(|invalid| self.remark(path, invalid.to_string())).ok()
    }

    /// The patient whom the resource is about; without them nothing follows.
    pub(crate) fn subject(&mut self, reference: Option<&Reference>, path: &str) -> Result<PatientId, FieldError> {
        let found = self.required(reference, path, &["Patient"])?;
        self.patient = Some(found.id);
        Ok(PatientId(found.id))
    }

    /// What a reference means, which must be there and of one of the types.
    pub(crate) fn required(&self, reference: Option<&Reference>, path: &str, types: &[&str]) -> Result<Found, FieldError> {
        let reference = reference.ok_or_else(|| FieldError::new(path, "must be given"))?;
        match self.scope.meaning(reference, types[0]) {
            Meaning::Resource(found) if types.contains(&found.resource_type.as_str()) => Ok(found),
            Meaning::Resource(_) | Meaning::Words => Err(FieldError::new(path, format!("must refer to a {}", types.join(" or ")))),
            Meaning::Nothing(reason) => Err(FieldError::new(format!("{path}.reference"), reason)),
        }
    }

    /// What a reference means, if it is of one of the types; a remark if it means nothing.
    pub(crate) fn optional(&mut self, reference: Option<&Reference>, path: &str, types: &[&str]) -> Option<Uuid> {
        match self.scope.meaning(reference?, types[0]) {
            Meaning::Resource(found) => types.contains(&found.resource_type.as_str()).then_some(found.id),
            Meaning::Words => None,
            Meaning::Nothing(reason) => {
                self.remark(format!("{path}.reference"), reason);
                None
            }
        }
    }

    /// The first provider among references: paths and what stands there.
    pub(crate) fn provider<'r>(&mut self, references: impl IntoIterator<Item = (String, &'r Reference)>) -> Option<ProviderId> {
        references.into_iter().find_map(|(path, reference)| self.optional(Some(reference), &path, &["Practitioner"])).map(ProviderId)
    }

    pub(crate) fn visit(&mut self, reference: Option<&Reference>, path: &str) -> Option<AppointmentId> {
        self.optional(reference, path, &["Encounter"]).map(AppointmentId)
    }

    pub(crate) fn facility(&mut self, reference: Option<&Reference>, path: &str) -> Option<FacilityId> {
        self.optional(reference, path, &["Organization", "Location"]).map(FacilityId)
    }
}

/// References with their paths: `performer[0]`.
pub(crate) fn each<'r>(references: &'r [Reference], path: &str) -> Vec<(String, &'r Reference)> {
    references.iter().enumerate().map(|(at, reference)| (format!("{path}[{at}]"), reference)).collect()
}
