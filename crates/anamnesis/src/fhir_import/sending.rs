//! How do the commands of an entry have their effect once, and what its new content means a second one?
//!
//! The contents that a resource has had are numbered. The commands of the first have the ids that they were planned with,
//! those of each further one ids made of these and its number. So an unchanged content is known again, one that comes
//! back after another is brought about again, and what was written here meanwhile stays as long as the source says the same.

use std::sync::atomic::Ordering::Relaxed;

use anamnesis_domain::appointment::{Appointment, AppointmentCommand};
use anamnesis_domain::facility::{Facility, FacilityCommand};
use anamnesis_domain::patient::{Patient, PatientCommand};
use anamnesis_domain::provider::{Provider, ProviderCommand};
use anamnesis_domain::record::{Record, RecordCommand};
use anamnesis_domain::{Aggregate, Instant, PatientId, Refusal};
use anamnesis_fhir::{Command, Entry, Plan, PlannedCommand, Remark};
use anamnesis_journal::{Caller, CommandError, Committed, Used};
use uuid::Uuid;

use super::Importer;
use super::changes::{self, Changes};

/// Numbers of contents that are looked for at once: most resources have had one.
const NUMBERS_AT_ONCE: u32 = 8;

/// What was told of an entry.
pub(super) struct Told {
    pub(super) new_events: u64,
    pub(super) remarks: Vec<Remark>,
}

/// What a command's id was good for.
pub(super) enum Answer {
    /// It was carried out, with so many events.
    New(u64),
    /// It had been answered before; or it is about a person or place that is known under another of its ids.
    Before,
}

impl Answer {
    pub(super) fn new_events(&self) -> u64 {
        match self {
            Self::New(events) => *events,
            Self::Before => 0,
        }
    }
}

/// Why a command had no effect.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotSent {
    /// Its id stands for another content of the same resource.
    #[error("it has changed since it was imported, which can't be told of what it became")]
    Changed,
    /// It was refused, or the journal failed.
    #[error("{0}")]
    Failed(String),
}

/// What an answer of the journal means here.
pub(super) fn answer<A: Aggregate>(ran: Result<Committed<A>, CommandError<A::Error>>) -> Result<Answer, NotSent> {
    match ran {
        Ok(committed) if committed.replayed => Ok(Answer::Before),
        Ok(committed) => Ok(Answer::New(committed.events.len() as u64)),
        Err(CommandError::Refused(refusal)) if refusal.rule() == "already_registered" => Ok(Answer::Before),
        Err(CommandError::SameKeyOtherRequest) => Err(NotSent::Changed),
        Err(error) => Err(failed(&error)),
    }
}

fn failed(error: &impl ToString) -> NotSent {
    NotSent::Failed(error.to_string())
}

impl Importer<'_> {
    /// What was told of an entry, or the field and the reason why it couldn't be.
    pub(super) async fn carry_out(&self, entry: &Entry<'_>, plan: Plan) -> Result<Told, Remark> {
        let whole = |error: NotSent| Remark { path: String::new(), reason: error.to_string() };
        if let Some(patient) = plan.patient
            && !self.is_known(patient).await.map_err(whole)?
        {
            return Err(Remark { path: "subject".to_owned(), reason: "refers to a patient who isn't here".to_owned() });
        }
        let mut caller = self.caller(Uuid::nil());
        caller.request = entry.json().unwrap_or_default().as_bytes().to_vec();
        let mut told = self.tell_entry(&plan.commands, &caller).await.map_err(whole)?;
        told.remarks.extend(plan.remarks);
        Ok(told)
    }

    async fn is_known(&self, patient: PatientId) -> Result<bool, NotSent> {
        let mut known = self.known_patients.lock().await;
        if let Some(known) = known.get(&patient) {
            return Ok(*known);
        }
        let found = self.present::<Patient>(patient.0).await?.is_some();
        if found {
            known.insert(patient, true);
        }
        Ok(found)
    }

    /// Where the last entry was known, the next one probably is too: it costs less to look than to send.
    async fn tell_entry(&self, commands: &[PlannedCommand], caller: &Caller) -> Result<Told, NotSent> {
        if self.on_known_ground.load(Relaxed) && self.is_unchanged(commands, caller).await? {
            return Ok(Told { new_events: 0, remarks: vec![] });
        }
        let told = self.send_entry(commands, caller).await;
        self.on_known_ground.store(told.as_ref().is_ok_and(|told| told.new_events == 0), Relaxed);
        told
    }

    /// Whether all the commands were carried out, for the content that came last.
    async fn is_unchanged(&self, commands: &[PlannedCommand], caller: &Caller) -> Result<bool, NotSent> {
        let Some(first) = commands.first() else { return Ok(true) };
        let ids: Vec<_> = std::iter::once(self.id_of_change(first, "", 1)).chain(commands.iter().map(|planned| planned.command_id)).collect();
        let used = self.installation.journal.used(caller, &ids).await.map_err(|error| failed(&error))?;
        Ok(used[0] == Used::Not && used[1..].iter().all(|used| *used == Used::ForThis))
    }

    async fn send_entry(&self, commands: &[PlannedCommand], caller: &Caller) -> Result<Told, NotSent> {
        let Some((first, others)) = commands.split_first() else { return Ok(Told { new_events: 0, remarks: vec![] }) };
        let (mut new_events, number) = match self.send_first(first, caller).await {
            Ok(Answer::New(events)) => (events, 0),
            Ok(Answer::Before) => (0, self.number(first, true, caller).await?),
            Err(NotSent::Changed) => (0, self.number(first, false, caller).await?),
            Err(error) => return Err(error),
        };
        if number > 0 {
            return self.tell_change(commands, number, caller).await;
        }
        for planned in others {
            new_events += self.send_first(planned, caller).await?.new_events();
        }
        Ok(Told { new_events, remarks: vec![] })
    }

    /// Sends a command under the id that it was planned with.
    async fn send_first(&self, planned: &PlannedCommand, caller: &Caller) -> Result<Answer, NotSent> {
        if planned.withdraws && !self.has_entry(planned).await? {
            return Ok(Answer::Before);
        }
        let caller = Caller { command_id: planned.command_id, correlation_id: planned.command_id, ..caller.clone() };
        self.send(planned.aggregate_id, planned.command.clone(), &caller).await
    }

    /// The number of the caller's content: that of the last one if it is the same, else the next.
    async fn number(&self, first: &PlannedCommand, mut is_last: bool, caller: &Caller) -> Result<u32, NotSent> {
        let mut last = 0;
        loop {
            let ids: Vec<_> = (1..=NUMBERS_AT_ONCE).map(|next| self.id_of_change(first, "", last + next)).collect();
            for used in self.installation.journal.used(caller, &ids).await.map_err(|error| failed(&error))? {
                if used == Used::Not {
                    return Ok(if is_last { last } else { last + 1 });
                }
                is_last = matches!(used, Used::ForThis | Used::Refused);
                last += 1;
            }
        }
    }

    /// Brings what the resource became to its new content; if another import was faster, after that.
    async fn tell_change(&self, commands: &[PlannedCommand], mut number: u32, caller: &Caller) -> Result<Told, NotSent> {
        loop {
            match self.change(commands, number, caller).await {
                Err(NotSent::Changed) => number += 1,
                told => return told,
            }
        }
    }

    async fn change(&self, commands: &[PlannedCommand], number: u32, caller: &Caller) -> Result<Told, NotSent> {
        let mut told = Told { new_events: 0, remarks: vec![] };
        for planned in commands {
            let changes = self.changes(planned, commands, caller.now).await?;
            for (part, command) in changes.commands {
                let command_id = self.id_of_change(planned, &part, number);
                let caller = Caller { command_id, correlation_id: command_id, ..caller.clone() };
                told.new_events += self.send(planned.aggregate_id, command, &caller).await?.new_events();
            }
            told.remarks.extend(changes.remarks);
        }
        Ok(told)
    }

    fn id_of_change(&self, planned: &PlannedCommand, part: &str, number: u32) -> Uuid {
        self.index.command_id("import-change", &format!("{}#{part}", planned.command_id), &number.to_string())
    }

    /// What a planned command means for what stands here; itself, if nothing does.
    async fn changes(&self, planned: &PlannedCommand, all: &[PlannedCommand], now: Instant) -> Result<Changes, NotSent> {
        let (id, command) = (planned.aggregate_id, &planned.command);
        let itself = || Changes::one(command.clone());
        let is_planned = |wanted: fn(&Command) -> bool| all.iter().any(|planned| wanted(&planned.command));
        Ok(match command {
            _ if planned.withdraws && !self.has_entry(planned).await? => Changes::default(),
            Command::Patient(PatientCommand::Register { patient, .. }) => {
                match self.present::<Patient>(id).await?.as_ref().and_then(Patient::chart) {
                    Some(before) => changes::of_patient(now, before, patient),
                    None => itself(),
                }
            }
            Command::Provider(ProviderCommand::Register { profile, .. }) => match self.present::<Provider>(id).await? {
                Some(before) => changes::of_provider(now, &before, profile, is_planned(is_suspension)),
                None => itself(),
            },
            Command::Facility(FacilityCommand::Register { id: facility_id, facility, .. }) => match self.present::<Facility>(id).await? {
                Some(_) => Changes::one(Command::Facility(FacilityCommand::Change { now, id: *facility_id, facility: facility.clone() })),
                None => itself(),
            },
            Command::Record(RecordCommand::Create { record, .. }) => match self.present::<Record>(id).await? {
                Some(before) => changes::of_record(now, &before, record, is_planned(is_mark)),
                None => itself(),
            },
            Command::Appointment(AppointmentCommand::TakeOver { appointment, .. }) => match self.present::<Appointment>(id).await? {
                Some(before) => changes::of_appointment(now, &before, appointment, is_planned(is_end)).ok_or_else(not_told)?,
                None => itself(),
            },
            Command::Appointment(AppointmentCommand::RecordVisit { visit, .. }) => match self.present::<Appointment>(id).await? {
                Some(before) => changes::of_visit(now, &before, visit).ok_or_else(not_told)?,
                None => itself(),
            },
            // what holds already has no effect, and entries of a history and affiliations take the place of those with their id
            Command::Patient(_) | Command::Provider(_) | Command::Facility(_) | Command::Record(_) | Command::Appointment(_) => itself(),
        })
    }

    /// Whether the entry of a patient's history is there that a command writes.
    async fn has_entry(&self, planned: &PlannedCommand) -> Result<bool, NotSent> {
        let Command::Patient(command) = &planned.command else { return Ok(false) };
        let patient = self.present::<Patient>(planned.aggregate_id).await?;
        Ok(patient.as_ref().and_then(Patient::chart).is_some_and(|chart| changes::has_entry(chart, command)))
    }

    async fn present<A: Aggregate>(&self, id: Uuid) -> Result<Option<A>, NotSent> {
        let found = self.installation.journal.load::<A>(self.organization, id).await.map_err(|error| failed(&error))?;
        Ok(found.map(|(state, _)| state))
    }

    async fn send(&self, id: Uuid, command: Command, caller: &Caller) -> Result<Answer, NotSent> {
        match command {
            Command::Patient(command) => self.run::<Patient>(id, matches!(command, PatientCommand::Register { .. }), command, caller).await,
            Command::Provider(command) => self.run::<Provider>(id, matches!(command, ProviderCommand::Register { .. }), command, caller).await,
            Command::Facility(command) => self.run::<Facility>(id, matches!(command, FacilityCommand::Register { .. }), command, caller).await,
            Command::Appointment(command) => {
                let begins = matches!(command, AppointmentCommand::TakeOver { .. } | AppointmentCommand::RecordVisit { .. });
                self.run::<Appointment>(id, begins, command, caller).await
            }
            Command::Record(command) => self.run::<Record>(id, matches!(command, RecordCommand::Create { .. }), command, caller).await,
        }
    }

    async fn run<A: Aggregate>(&self, id: Uuid, begins: bool, command: A::Command, caller: &Caller) -> Result<Answer, NotSent> {
        let journal = &self.installation.journal;
        answer(if begins { journal.create::<A>(id, command, caller).await } else { journal.execute::<A>(id, command, caller, None).await })
    }
}

/// A failure and not [`NotSent::Changed`], which another number would be tried for.
fn not_told() -> NotSent {
    failed(&NotSent::Changed)
}

fn is_suspension(command: &Command) -> bool {
    matches!(command, Command::Provider(ProviderCommand::Suspend { .. }))
}

fn is_mark(command: &Command) -> bool {
    matches!(command, Command::Record(RecordCommand::MarkEnteredInError { .. }))
}

fn is_end(command: &Command) -> bool {
    matches!(command, Command::Appointment(AppointmentCommand::Cancel { .. } | AppointmentCommand::RecordNoShow { .. }))
}
