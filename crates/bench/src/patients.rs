//! What has happened to the patients that are published, projected and looked back at?

use anamnesis_domain::patient::{Patient, PatientCommand};
use anamnesis_domain::record::Record;
use anamnesis_domain::{EntryId, ProviderId};
use anamnesis_journal::{Caller, Journal};
use anyhow::Result;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::json;
use uuid::Uuid;

use crate::sealed::{again, clerk};
use crate::server::Installation;
use crate::stories::{Stories, now};

/// Registered, then four changes.
pub(crate) const EVENTS_OF_A_PATIENT: u32 = 5;
/// Patients whose histories are written at the same time.
const AT_ONCE: usize = 128;

/// Appends about so many events and gives them their positions.
pub(crate) async fn write(installation: &Installation, events: u32) -> Result<()> {
    append(installation, events.div_ceil(EVENTS_OF_A_PATIENT), 0).await?;
    sequence(installation).await
}

/// As [`write`], with as many laboratory results as changes.
pub(crate) async fn write_with_records(installation: &Installation, events: u32) -> Result<()> {
    append(installation, events.div_ceil(2 * EVENTS_OF_A_PATIENT), EVENTS_OF_A_PATIENT).await?;
    sequence(installation).await
}

/// Appends so many patients, each with so many records.
pub(crate) async fn append(installation: &Installation, patients: u32, records: u32) -> Result<()> {
    let (journal, stories, caller) = (&installation.journal, &Stories::new()?, &clerk());
    stream::iter(0..patients)
        .map(|_| async move {
            let id = Uuid::now_v7();
            journal.create::<Patient>(id, stories.register(id)?, &again(caller)).await?;
            change(journal, id, caller).await?;
            record(journal, stories, id, caller, records).await
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Changes a patient in each of four ways.
pub(crate) async fn change(journal: &Journal, patient: Uuid, caller: &Caller) -> Result<()> {
    for command in changes()? {
        journal.execute::<Patient>(patient, command, &again(caller), None).await?;
    }
    Ok(())
}

/// Writes down so many laboratory results.
pub(crate) async fn record(journal: &Journal, stories: &Stories, patient: Uuid, caller: &Caller, records: u32) -> Result<()> {
    for _ in 0..records {
        journal.create::<Record>(Uuid::now_v7(), stories.record(patient), &again(caller)).await?;
    }
    Ok(())
}

fn changes() -> Result<[PatientCommand; 4]> {
    let identifier = serde_json::from_value(json!({ "identifier_type": "OTHER", "value": Uuid::now_v7().simple().to_string() }))?;
    let condition = serde_json::from_value(json!({ "code": { "text": "Asthma" }, "status": "ACTIVE" }))?;
    Ok([
        change_of_contact()?,
        PatientCommand::AddIdentifier { now: now(), identifier },
        PatientCommand::RecordCondition { now: now(), entry_id: EntryId(Uuid::now_v7()), condition },
        PatientCommand::AssignPrimaryCareProvider { now: now(), provider_id: Some(ProviderId(Uuid::now_v7())) },
    ])
}

/// To something that it wasn't before.
pub(crate) fn change_of_contact() -> Result<PatientCommand> {
    let address = format!("{}@example.org", Uuid::now_v7().simple());
    let contact = json!({ "phones": [{ "number": "+1 555-013-8820" }], "emails": [{ "address": address }] });
    Ok(PatientCommand::ChangeContact { now: now(), contact: serde_json::from_value(contact)? })
}

/// Gives positions to all events that wait for them; brings statistics up to date, as autovacuum would in a while.
pub(crate) async fn sequence(installation: &Installation) -> Result<()> {
    let pool = installation.database.superuser(1).await?;
    let epoch: i64 = sqlx::query_scalar("select epoch from journal.head").fetch_one(&pool).await?;
    let led: Option<i64> = sqlx::query_scalar("select journal.lead('bench', interval '0 seconds')").fetch_one(&pool).await?;
    loop {
        let sql = "select taken_events from journal.sequence_batch($1, 10000, interval '0 seconds')";
        let taken: i64 = sqlx::query_scalar(sql).bind(led.unwrap_or(epoch)).fetch_one(&pool).await?;
        if taken == 0 {
            break;
        }
    }
    sqlx::raw_sql("analyze").execute(&pool).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use anamnesis_domain::Aggregate as _;

    use super::*;

    #[test]
    fn every_command_of_a_history_makes_one_event() {
        let registered = Stories::new().unwrap().register(Uuid::from_u128(7)).unwrap();
        let mut patient = Patient::default();
        for command in [registered].into_iter().chain(changes().unwrap()) {
            let events = patient.decide(command).unwrap();
            assert_eq!(events.len(), 1);
            patient = patient.evolve(&events[0]);
        }
        assert_eq!(usize::try_from(EVENTS_OF_A_PATIENT).unwrap(), 1 + changes().unwrap().len());
    }
}
