//! What has happened to the patients whose read model is built?

use anamnesis_domain::patient::{Patient, PatientCommand};
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
const EVENTS_OF_A_PATIENT: u32 = 5;
/// Patients whose histories are written at the same time.
const AT_ONCE: usize = 128;

/// Appends about so many events and gives them their positions.
pub(crate) async fn write(installation: &Installation, events: u32) -> Result<()> {
    let (journal, stories, caller) = (&installation.journal, &Stories::new()?, &clerk());
    stream::iter(0..events.div_ceil(EVENTS_OF_A_PATIENT))
        .map(|_| of_one_patient(journal, stories, caller))
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    sequence(installation).await
}

async fn of_one_patient(journal: &Journal, stories: &Stories, caller: &Caller) -> Result<()> {
    let id = Uuid::now_v7();
    journal.create::<Patient>(id, stories.register(id)?, &again(caller)).await?;
    for command in changes()? {
        journal.execute::<Patient>(id, command, &again(caller), None).await?;
    }
    Ok(())
}

fn changes() -> Result<[PatientCommand; 4]> {
    let contact = serde_json::from_value(json!({ "phones": [{ "number": "+1 555-013-8820" }], "emails": [{ "address": "adelaide@example.org" }] }))?;
    let identifier = serde_json::from_value(json!({ "identifier_type": "OTHER", "value": Uuid::now_v7().simple().to_string() }))?;
    let condition = serde_json::from_value(json!({ "code": { "text": "Asthma" }, "status": "ACTIVE" }))?;
    Ok([
        PatientCommand::ChangeContact { now: now(), contact },
        PatientCommand::AddIdentifier { now: now(), identifier },
        PatientCommand::RecordCondition { now: now(), entry_id: EntryId(Uuid::now_v7()), condition },
        PatientCommand::AssignPrimaryCareProvider { now: now(), provider_id: Some(ProviderId(Uuid::now_v7())) },
    ])
}

/// Gives positions to all events that wait for them; brings statistics up to date, as autovacuum would in a while.
async fn sequence(installation: &Installation) -> Result<()> {
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
