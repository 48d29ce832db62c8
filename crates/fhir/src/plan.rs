//! What follows from an entry?

use std::fmt;

use anamnesis_domain::{
    PatientId, appointment::AppointmentCommand, facility::FacilityCommand, patient::PatientCommand, provider::ProviderCommand, record::RecordCommand,
};
use uuid::Uuid;

/// What follows from an entry that is in order.
#[derive(Debug)]
pub enum Planned {
    /// These commands.
    Commands(Plan),
    /// Nothing, because resources of this type aren't imported.
    NotImported {
        /// The type: `Claim`.
        resource_type: String,
    },
}

/// The commands that follow from one entry.
#[derive(Debug)]
pub struct Plan {
    /// What it is: `Observation`.
    pub resource_type: &'static str,
    /// The patient that must be registered before, where it isn't this entry that registers them.
    pub patient: Option<PatientId>,
    /// The commands, in their order; at least one, and the first is never one that withdraws.
    pub commands: Vec<PlannedCommand>,
    /// Fields that could not be taken over although the rest could.
    pub remarks: Vec<Remark>,
}

/// A command with the ids that make it happen once, however often it is planned.
pub struct PlannedCommand {
    /// Whom it is for.
    pub aggregate_id: Uuid,
    /// The id under which its receipt is kept.
    pub command_id: Uuid,
    /// Which of the entry's commands it is: `register`, `record`, `history`.
    pub step: &'static str,
    /// Whether it takes back an entry of a patient's history: where there is none, nothing follows from it.
    pub withdraws: bool,
    /// The command.
    pub command: Command,
}

/// A command to any of the aggregates that resources become.
#[derive(Clone)]
pub enum Command {
    /// Of a Patient, or an entry of their history.
    Patient(PatientCommand),
    /// Of a Practitioner or PractitionerRole.
    Provider(ProviderCommand),
    /// Of an Organization or Location.
    Facility(FacilityCommand),
    /// Of an Encounter or Appointment.
    Appointment(AppointmentCommand),
    /// Of everything clinical.
    Record(RecordCommand),
}

/// A field that has no place here, or not in this form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remark {
    /// The field, from the resource on: `telecom[0].value`.
    pub path: String,
    /// Why it wasn't taken over.
    pub reason: String,
}

impl Command {
    /// The aggregate's type: `patient`, `record`.
    pub fn aggregate_type(&self) -> &'static str {
        use anamnesis_domain::{Aggregate, appointment::Appointment, facility::Facility, patient::Patient, provider::Provider, record::Record};
        match self {
            Self::Patient(_) => Patient::TYPE,
            Self::Provider(_) => Provider::TYPE,
            Self::Facility(_) => Facility::TYPE,
            Self::Appointment(_) => Appointment::TYPE,
            Self::Record(_) => Record::TYPE,
        }
    }
}

/// Says ids and the step only: the command holds health data.
impl fmt::Debug for PlannedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}/{}", self.step, self.command.aggregate_type(), self.aggregate_id)
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(redacted)", self.aggregate_type())
    }
}
