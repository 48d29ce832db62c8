//! Do projections follow Kafka's partitions as they follow the log, in any number of processes, there and back?

use std::time::Duration;

use anamnesis_journal::log::{Log, open};
use anamnesis_projections::ALL;
use anamnesis_projections::kernel::Follows;
use anamnesis_projector::{Progress, ProjectorSettings, Status, Wanted, Watcher, Workers, digest};
use anamnesis_stream::{Feed as _, KafkaFeed, KafkaSettings, Publisher, PublisherSettings, TopicPartition};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::lifting::{assert_lifted, rebuilt_once};
use crate::parking::eventually;
use crate::stories::{condition, consent_granted, deactivated, identifier_added, registered};
use crate::support::{Clinic, PATIENCE, Told};
use crate::versions::swap_under;

const QUICK: ProjectorSettings = ProjectorSettings {
    batch: 50,
    wait: Duration::from_millis(50),
    straggler_events: 10_000,
    beat: Duration::from_millis(200),
    silence: Duration::from_secs(2),
    most_parked: 1_000,
};

/// A clinic whose log is published to topics of its own.
struct Published {
    clinic: Clinic,
    kafka: KafkaSettings,
    progress: Progress,
    _running: DropGuard,
}

/// A process that projects, until it is dropped.
struct Process {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Published {
    async fn new() -> Self {
        let variable = |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} must say where the test's Kafka and registry are"));
        let kafka = KafkaSettings {
            brokers: variable("ANAMNESIS_TEST_KAFKA_BROKERS"),
            schema_registry_url: variable("ANAMNESIS_TEST_SCHEMA_REGISTRY_URL"),
            topic_prefix: format!("p{}-", Uuid::new_v4().simple()),
            replication_factor: 1,
            ..KafkaSettings::default()
        };
        let (clinic, running) = (Clinic::new().await, CancellationToken::new());
        let writer = clinic.writer.clone();
        let publisher = Publisher::new(writer.clone(), Log::new(writer), kafka.clone(), PublisherSettings::default());
        tokio::spawn(publisher.run(running.clone()));
        let watcher = Watcher::new(clinic.reader.clone(), ALL, true, QUICK.silence);
        let progress = watcher.progress();
        tokio::spawn(watcher.run(running.clone()));
        Self { clinic, kafka, progress, _running: running.drop_guard() }
    }

    fn workers(&self) -> Workers {
        Workers::new(self.clinic.projector.clone(), self.clinic.vault.clone(), self.clinic.log(), ALL, QUICK)
    }

    fn follow_kafka(&self) -> Process {
        Process::of(self.workers().from_kafka(self.kafka.clone(), "projector"))
    }

    fn follow_log(&self) -> Process {
        Process::of(self.workers())
    }

    /// So many patients with a few events each, and the last position.
    async fn tell(&self, patients: usize) -> u64 {
        let mut told: Vec<Told> = vec![];
        for _ in 0..patients {
            let patient = Uuid::new_v4();
            told.push(registered(patient, "Curie"));
            told.push(condition(patient, Uuid::new_v4(), "195967001"));
            told.push(consent_granted(Uuid::new_v4(), patient, Uuid::new_v4()));
            told.extend((0..3).map(|number| identifier_added(patient, &number.to_string())));
            told.push(deactivated(patient));
        }
        self.clinic.tell_all(&told).await
    }

    async fn reached(&self, position: u64) {
        for projection in ALL {
            let reached = self.progress.wait_until(projection.name, Wanted::everything(position), PATIENCE * 2).await;
            assert_eq!(reached, Ok(()), "{} at {position}: {:?}", projection.name, self.progress.states());
        }
    }

    /// Waits until all of the patients' partitions but the first are beyond a position.
    async fn until_all_but_one_are_beyond(&self, position: u64) {
        let is_beyond = |(partition, checkpoint): &(u32, u64)| (*checkpoint > position) == (*partition != 1000);
        let beyond = async {
            while !self.progress.states()["patients"].partitions.iter().all(is_beyond) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, beyond).await.is_ok(), "{:?}", self.progress.states()["patients"]);
    }

    /// What was folded from wherever it came is what a rebuild from the log folds, and nothing is there twice.
    async fn assert_same_as_rebuilt(&self) {
        for projection in ALL {
            let schema = projection.schema.name();
            let live = digest(&mut self.clinic.owner.acquire().await.unwrap(), &self.clinic.vault, projection, schema).await.unwrap();
            // it refuses to swap if the two differ
            let rebuilt = self.clinic.rebuild().run(projection, |_, _| {}).await.unwrap();
            assert!(rebuilt.digest.is_none_or(|digest| digest == live), "{}", projection.name);
        }
    }
}

impl Process {
    fn of(workers: Workers) -> Self {
        let stop = CancellationToken::new();
        Self { task: tokio::spawn(workers.run(stop.clone())), stop }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// As `kill -9`: it neither finishes nor says anything.
    fn kill(self) {
        self.task.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_folded_from_kafka_is_what_is_folded_from_the_log() {
    let published = Published::new().await;
    let process = published.follow_kafka();
    published.reached(published.tell(30).await).await;
    let partitions = |name: &str| published.progress.states()[name].partitions.len();
    assert_eq!((partitions("patients"), partitions("appointments")), (6, 8));
    for projection in ALL.iter().filter(|projection| projection.follows == Follows::Log) {
        assert_eq!(published.progress.states()[projection.name].partitions, [(0, published.clinic.checkpoint(projection.name).await)]);
    }
    published.assert_same_as_rebuilt().await;
    // a rebuild leaves the running process where it is
    published.reached(published.tell(3).await).await;
    assert!(published.progress.is_well(), "{:?}", published.progress.states());
    published.assert_same_as_rebuilt().await;
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_taken_over_right_when_tables_are_swapped_folds_nothing_into_those_of_another_definition() {
    let published = Published::new().await;
    let (clinic, process) = (&published.clinic, published.follow_kafka());
    let last = published.tell(2).await;
    published.reached(last).await;
    process.stop().await;
    let epochs = "select sum(epoch)::bigint from journal.checkpoints where consumer = 'patients'";
    let epochs = async || sqlx::query_scalar::<_, i64>(epochs).fetch_one(&clinic.owner).await.unwrap();
    let definition = "select definition from read.versions where projection = 'patients'";
    let (before, definition) = (epochs().await, sqlx::query_scalar::<_, String>(definition).fetch_one(&clinic.owner).await.unwrap());
    let mut process = None;
    swap_under(clinic, || process = Some(published.follow_kafka())).await;
    let next = published.tell(2).await;
    let reached = published.progress.wait_until("history_lists", Wanted::everything(next), PATIENCE * 2).await;
    assert_eq!((reached, epochs().await, clinic.count(&format!("read.patients where position > {last}")).await), (Ok(()), before, 0));
    clinic.execute(&format!("update read.versions set definition = '{definition}' where projection = 'patients'")).await;
    published.reached(next).await;
    process.unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn going_over_from_the_log_to_kafka_and_back_folds_nothing_twice() {
    let published = Published::new().await;
    let process = published.follow_log();
    published.reached(published.tell(10).await).await;
    let known: Vec<Uuid> = sqlx::query_scalar("select patient_id from read.patients").fetch_all(&published.clinic.owner).await.unwrap();
    process.stop().await;

    let last = published.tell(10).await;
    let process = published.follow_kafka();
    published.reached(last).await;
    published.assert_same_as_rebuilt().await;
    // one partition stays behind, and the others go on
    let mut held = published.clinic.owner.begin().await.unwrap();
    let behind = "select from journal.checkpoints where consumer = 'patients' and partition = 1000 for update";
    sqlx::query(behind).execute(&mut *held).await.unwrap();
    // what begins anew when it comes again wouldn't tell: these add to what was there before
    let more: Vec<_> = known.iter().flat_map(|patient| ["3", "4"].map(|number| identifier_added(*patient, number))).collect();
    published.clinic.tell_all(&more).await;
    published.until_all_but_one_are_beyond(last).await;
    process.kill();
    held.rollback().await.unwrap();

    let process = published.follow_log();
    published.reached(published.tell(5).await).await;
    published.assert_same_as_rebuilt().await;
    process.stop().await;

    let process = published.follow_kafka();
    published.reached(published.tell(5).await).await;
    published.assert_same_as_rebuilt().await;
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_come_and_go_under_load_lose_nothing_and_double_nothing() {
    let published = Published::new().await;
    let first = published.follow_kafka();
    published.tell(20).await;
    let second = published.follow_kafka();
    published.tell(20).await;
    let third = published.follow_kafka();
    published.reached(published.tell(20).await).await;
    third.kill();
    published.tell(20).await;
    first.stop().await;
    published.reached(published.tell(20).await).await;
    published.assert_same_as_rebuilt().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_that_came_through_kafka_waits_and_is_read_again_from_the_log() {
    let published = Published::new().await;
    let (clinic, [poisoned, other]) = (&published.clinic, [(); 2].map(|()| Uuid::new_v4()));
    clinic.tell_all(&[registered(poisoned, "Curie"), registered(other, "Meitner"), identifier_added(poisoned, "1")]).await;
    // the key of the one is in the place of the other's: it doesn't open
    let damage = format!(
        "create table public.sound as select key_id, wraps from journal.keys where subject_id = '{poisoned}';
         update journal.keys set wraps = (select wraps from journal.keys where subject_id = '{other}' and purpose = 'data') where subject_id = '{poisoned}'"
    );
    clinic.execute(&damage).await;
    let follow = async || {
        let workers = Workers::new(clinic.projector.clone(), clinic.fresh_vault().await, clinic.log(), ALL, QUICK);
        Process::of(workers.from_kafka(published.kafka.clone(), "projector"))
    };
    let reached = async |position| {
        let reached = published.progress.wait_until("patients", Wanted::everything(position), PATIENCE * 2).await;
        assert_eq!(reached, Ok(()), "{:?}", published.progress.states());
    };
    let process = follow().await;
    reached(clinic.tell_all(&[identifier_added(other, "1"), deactivated(poisoned)]).await).await;
    assert_eq!((clinic.row_of(other).await, clinic.row_of(poisoned).await), (Some(2), None));
    let parked = clinic.parked_by("patients").await.unwrap();
    assert_eq!((parked.aggregate_id, parked.reason.as_str(), clinic.waiting("patients").await), (poisoned, "unopenable", vec![1, 3, 5]));
    assert_eq!(published.progress.states()["patients"].parked, 1, "whoever watches sees it");
    process.kill();

    let process = follow().await;
    reached(clinic.tell_all(&[identifier_added(poisoned, "2"), identifier_added(other, "2")]).await).await;
    assert_eq!((clinic.row_of(other).await, clinic.waiting("patients").await), (Some(3), vec![1, 3, 5, 6]));
    clinic.execute("update journal.keys set wraps = sound.wraps from public.sound where keys.key_id = sound.key_id").await;
    clinic.ask("patients").await;
    eventually("it goes on", async || clinic.parked_by("patients").await.is_none()).await;
    assert_eq!(clinic.row_of(poisoned).await, Some(4));
    process.stop().await;
    clinic.assert_one_same_as_rebuilt("patients").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_nobody_works_on_is_noticed() {
    let published = Published::new().await;
    let process = published.follow_kafka();
    published.reached(published.tell(2).await).await;
    while !published.progress.is_well() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    process.kill();
    let noticed = async {
        while !matches!(&published.progress.states()["patients"].status, Status::Waiting { error } if error.contains("nobody")) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, noticed).await.is_ok(), "{:?}", published.progress.states());
    assert!(!published.progress.is_well());
}

/// Of what Kafka carries, the sealed part is what was written then.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_version_is_lifted_when_it_comes_from_kafka() {
    let (published, told) = (Published::new().await, rebuilt_once());
    let partition = TopicPartition::of(told.aggregate_type, told.stream).unwrap();
    let clinic = &published.clinic;
    let mut feed = KafkaFeed::new(&published.kafka, clinic.projector.clone(), clinic.log(), partition).unwrap();
    // once its topic is made it waits at the end of an empty partition, so the event can't come from the log
    let waiting = async {
        loop {
            match feed.after(0, 10, QUICK.wait).await {
                Ok(entries) => return assert!(entries.is_empty()),
                Err(_) => tokio::time::sleep(QUICK.wait).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    clinic.tell(&told).await;
    let entries = feed.after(0, 10, PATIENCE).await.unwrap();
    assert_eq!((entries.len(), entries[0].event_version), (1, 1));
    assert_lifted(open(entries, &clinic.vault).await.unwrap()[0].as_ref().unwrap());
}
