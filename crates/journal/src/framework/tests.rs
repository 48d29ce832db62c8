use anamnesis_domain::consent::{Consent, ConsentCommand, ConsentError, ConsentGranted, DataCategory, GrantConsent, Grantee, Purpose, RevokeConsent};
use anamnesis_domain::{EventKind, Instant, PatientId, PayloadDecoder, ProviderId, Subject};
use cqrs_es::CqrsFramework;
use serde::Serializer;

use super::*;
use crate::testing::{TestDatabase, caller};

fn grant() -> ConsentCommand {
    let (purposes, categories) = (vec![Purpose::Treatment, Purpose::Research], vec![DataCategory::All]);
    let grantee = Grantee { provider_id: Some(ProviderId(Uuid::from_u128(7))), facility_id: None };
    let (patient_id, granted_at) = (PatientId(Uuid::now_v7()), Instant::from_micros(0));
    let consent = ConsentGranted { patient_id, grantee, purposes, categories, granted_at, expires_at: None };
    ConsentCommand::Grant(GrantConsent { consent, themselves: vec![] })
}

fn revoke() -> ConsentCommand {
    ConsentCommand::Revoke(RevokeConsent { now: Instant::from_micros(1), reason: None })
}

#[tokio::test]
async fn cqrs_es_itself_runs_on_the_sealed_store() {
    let (database, caller, id) = (TestDatabase::new().await, caller(), Uuid::now_v7().to_string());
    let journal = database.journal().await;
    for (command, caller) in [(grant(), &caller), (revoke(), &caller.again())] {
        let framework = CqrsFramework::<Framework<Consent>, _>::new(Store { inner: &journal.0, caller }, vec![], Grounds::default());
        framework.execute(&id, command).await.unwrap();
    }

    let caller = caller.again();
    let store = Store { inner: &journal.0, caller: &caller };
    let events = EventStore::<Framework<Consent>>::load_events(&store, &id).await.unwrap();
    let told: Vec<_> = events.iter().map(|event| (event.sequence, event.payload.event_type(), event.payload.event_version())).collect();
    assert_eq!(told, [(1, "ConsentGranted".to_owned(), "1".to_owned()), (2, "ConsentRevoked".to_owned(), "1".to_owned())]);
    assert_eq!(events[0].metadata["organization_id"], caller.organization_id.to_string());

    let framework = CqrsFramework::<Framework<Consent>, _>::new(store, vec![], Grounds::default());
    let refused = framework.execute(&id, grant()).await.unwrap_err();
    assert!(matches!(refused, AggregateError::UserError(ConsentError::AlreadyGranted)), "{refused:?}");
}

#[tokio::test]
async fn a_commit_on_a_stream_that_has_moved_is_a_conflict() {
    let (database, caller, id) = (TestDatabase::new().await, caller(), Uuid::now_v7());
    let journal = database.journal().await;
    let (first, second) = (caller.again(), caller.again());
    let store = |caller| Store { inner: &journal.0, caller };
    let stale = store(&first).load_stream::<Consent>(id).await.unwrap();
    journal.create::<Consent>(id, grant(), &caller).await.unwrap();

    let mut loaded = stale;
    let events = loaded.decide(grant(), &Grounds::default()).await.unwrap().into_iter().map(FrameworkEvent::new).collect();
    let conflict = store(&second).commit(events, loaded, HashMap::new()).await.err().unwrap();
    assert!(matches!(conflict, AggregateError::AggregateConflict), "{conflict:?}");
}

/// A consent as a later build may see it: what was granted is counted, and version 1 is lifted into that.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
struct Later {
    purposes: u64,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct GrantedV2 {
    purposes: u64,
}

impl Event for GrantedV2 {
    const KINDS: &'static [EventKind] = &[EventKind { name: "ConsentGranted", version: 2 }, EventKind { name: "ConsentGranted", version: 1 }];

    fn kind(&self) -> EventKind {
        Self::KINDS[0]
    }

    fn serialize_payload<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize(serializer)
    }

    fn decode<D: PayloadDecoder>(name: &str, version: u32, decoder: D) -> Option<Result<Self, D::Error>> {
        let lift = |old: ConsentGranted| Self { purposes: old.purposes.len() as u64 };
        (name == "ConsentGranted" && version == 1).then(|| decoder.decode::<ConsentGranted>().map(lift))
    }
}

impl Aggregate for Later {
    const TYPE: &'static str = "consent";
    const TOPIC: &'static str = "patient-events";
    type Command = ();
    type Event = GrantedV2;
    type Error = ConsentError;

    fn decide(&self, (): ()) -> Result<Vec<GrantedV2>, ConsentError> {
        Ok(vec![])
    }

    fn evolve(self, event: &GrantedV2) -> Self {
        Self { purposes: self.purposes + event.purposes }
    }

    fn subject(&self, _id: Uuid, _event: &GrantedV2) -> Subject {
        Subject::Audit
    }
}

#[tokio::test]
async fn an_old_version_is_lifted_when_it_is_read() {
    let (database, caller, id) = (TestDatabase::new().await, caller(), Uuid::now_v7());
    let journal = database.journal().await;
    journal.create::<Consent>(id, grant(), &caller).await.unwrap();
    let loaded = Store { inner: &journal.0, caller: &caller }.load_stream::<Later>(id).await.unwrap();
    assert_eq!(loaded.before.state.purposes, 2);
}

#[tokio::test]
async fn reading_a_stream_goes_by_its_primary_key() {
    let database = TestDatabase::new().await;
    let explain = format!(
        "explain select aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata
         from {STREAM} where aggregate_type = $1 and aggregate_id = $2 order by sequence"
    );
    let pool = database.pool(crate::Role::Writer);
    let mut connection = pool.acquire().await.unwrap();
    sqlx::query("set enable_seqscan = off").execute(&mut *connection).await.unwrap();
    let plan: Vec<String> = sqlx::query_scalar(&explain).bind("consent").bind(Uuid::nil().to_string()).fetch_all(&mut *connection).await.unwrap();
    let plan = plan.join("\n");
    assert!(plan.contains("events_one_per_sequence") && plan.contains("aggregate_id = "), "{plan}");
    assert!(!plan.contains("Seq Scan") && !plan.contains("Function Scan"), "{plan}");
}
