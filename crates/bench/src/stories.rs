//! What do the benchmarks write? Invented patients and their laboratory results.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anamnesis_domain::patient::{NewPatient, PatientCommand};
use anamnesis_domain::record::{NewRecord, RecordCommand, RecordStatus};
use anamnesis_domain::{Instant, PatientId};
use anyhow::Result;
use uuid::Uuid;

const PATIENT: &str = include_str!("patient.json");
/// The first moment of February 2026, in microseconds since 1970: later than all that the stories tell.
const FEBRUARY_2026: i64 = 1_769_904_000_000_000;

/// The moment of every command: its value changes nothing.
pub(crate) fn now() -> Instant {
    Instant::from_micros(FEBRUARY_2026)
}

/// What every command is made from: parsed once, so that no side pays for it.
#[derive(Clone)]
pub(crate) struct Stories {
    patient: Arc<NewPatient>,
    record: Arc<NewRecord>,
}

impl Stories {
    pub(crate) fn new() -> Result<Self> {
        let patient = Arc::new(serde_json::from_str(PATIENT)?);
        let record = Arc::new(serde_json::from_str(include_str!("record.json"))?);
        Ok(Self { patient, record })
    }

    /// Registers somebody under a number that nobody else has.
    pub(crate) fn register(&self, number: Uuid) -> Result<PatientCommand> {
        let mut patient = Box::new(NewPatient::clone(&self.patient));
        patient.patient_number = number.to_string().as_str().try_into()?;
        Ok(PatientCommand::Register { now: now(), patient })
    }

    /// The body of the request that registers somebody under that number.
    pub(crate) fn registration(number: Uuid) -> String {
        PATIENT.replace("N-0", &number.to_string())
    }

    /// Writes down somebody's laboratory result.
    pub(crate) fn record(&self, patient: Uuid) -> RecordCommand {
        let mut record = Box::new(NewRecord::clone(&self.record));
        record.patient_id = PatientId(patient);
        RecordCommand::Create { now: now(), record, status: RecordStatus::Completed }
    }
}

/// Patients who are there before anything is measured; all their keys stay in memory.
#[derive(Default)]
pub(crate) struct Known {
    patients: Vec<Uuid>,
    next: AtomicUsize,
}

/// So many that none gets long while it is measured.
const KNOWN: usize = 20_000;

impl Known {
    pub(crate) fn new() -> Self {
        Self { patients: (0..KNOWN).map(|_| Uuid::now_v7()).collect(), next: AtomicUsize::default() }
    }

    pub(crate) fn all(&self) -> &[Uuid] {
        &self.patients
    }

    /// One after the other.
    pub(crate) fn next(&self) -> Uuid {
        self.patients[self.next.fetch_add(1, Ordering::Relaxed) % self.patients.len()]
    }
}

#[cfg(test)]
mod tests {
    use anamnesis_domain::Aggregate as _;
    use anamnesis_domain::patient::Patient;
    use anamnesis_domain::record::Record;

    use super::*;

    #[test]
    fn every_command_makes_one_event() {
        let stories = Stories::new().unwrap();
        let registered = Patient::default().decide(stories.register(Uuid::from_u128(7)).unwrap()).unwrap();
        let recorded = Record::default().decide(stories.record(Uuid::from_u128(7))).unwrap();
        assert_eq!((registered.len(), recorded.len()), (1, 1));
    }

    #[test]
    fn the_same_patient_is_registered_over_http() {
        let number = Uuid::from_u128(7);
        let PatientCommand::Register { patient, .. } = Stories::new().unwrap().register(number).unwrap() else { panic!("another command") };
        assert_eq!(serde_json::from_str::<NewPatient>(&Stories::registration(number)).unwrap(), *patient);
    }
}
