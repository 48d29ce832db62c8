//! Are tables put in each other's place so that nobody who reads or writes notices?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anamnesis_projections::consents::CONSENTS;
use anamnesis_projections::kernel::Projection;
use anamnesis_projections::patients::{PATIENTS, PatientRow};
use anamnesis_projections::{ALL, find};
use anamnesis_projector::parked;
use anamnesis_projector::read::{self, Scope};
use anamnesis_projector::{Deployment, ProjectorError, ProjectorSettings, Rebuild, Status, digest, ensure_schema, forget_subject};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::parking::eventually;
use crate::stories::{consent_granted, consent_revoked, identifier_added, registered};
use crate::support::{Clinic, PATIENCE};

/// The same tables, of another version of the program.
static NEXT_PATIENTS: Projection = Projection { version: PATIENTS.version + 1, ..PATIENTS };
static NEXT_CONSENTS: Projection = Projection { version: CONSENTS.version + 1, ..CONSENTS };

fn settings() -> ProjectorSettings {
    ProjectorSettings { batch: 20, wait: Duration::from_millis(20), beat: Duration::from_millis(100), ..ProjectorSettings::default() }
}

/// As in a clinic with many patients: pages aren't so small that a rebuild takes longer than the test.
fn rebuild(clinic: &Clinic) -> Rebuild {
    Rebuild { page: 100, ..clinic.rebuild() }
}

async fn digest_of(clinic: &Clinic, projection: &'static Projection) -> String {
    let mut connection = clinic.owner.acquire().await.unwrap();
    digest(&mut connection, &clinic.vault, projection, projection.schema.name()).await.unwrap()
}

/// Which version is in which state.
async fn versions(clinic: &Clinic, projection: &str) -> BTreeMap<String, i64> {
    let sql = "select state, version from read.versions where projection = $1";
    sqlx::query_as(sql).bind(projection).fetch_all(&clinic.owner).await.unwrap().into_iter().collect()
}

/// What a reader saw at once: the position, and of each patient the position of their last event.
type Seen = (u64, BTreeMap<Uuid, u64>);

async fn look(clinic: &Clinic) -> Seen {
    let mut tx = read::begin(&clinic.reader, &[&PATIENTS], clinic.organization, Scope::Staff).await.unwrap();
    let place = read::place(&mut tx, &PATIENTS, None).await.unwrap();
    // whoever wants to swap tables has the time to do so
    sleep(Duration::from_millis(5)).await;
    let rows = read::rows::<PatientRow>(&mut tx, |q| {
        q.push("true");
    });
    let rows = rows.await.unwrap();
    (place.position, rows.into_iter().map(|row| (row.row.patient_id.0, row.stamp.position)).collect())
}

/// Looks until it is done; nothing ever goes back.
async fn look_all_along(clinic: Arc<Clinic>, done: Arc<AtomicBool>) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let now = look(&clinic).await;
        assert!(seen.last().is_none_or(|before| before.0 <= now.0), "from {:?} back to {}", seen.last().map(|seen| seen.0), now.0);
        seen.push(now);
    }
    seen
}

/// Registers and changes patients until it is done: what was told, by position.
async fn write_all_along(clinic: Arc<Clinic>, done: Arc<AtomicBool>) -> BTreeMap<u64, Uuid> {
    let (mut told, mut patients) = (BTreeMap::new(), vec![]);
    while !done.load(Ordering::Relaxed) {
        let new = Uuid::new_v4();
        told.insert(clinic.tell(&registered(new, "New")).await, new);
        patients.push(new);
        let known = patients[told.len() % patients.len()];
        told.insert(clinic.tell(&identifier_added(known, &format!("{}", told.len()))).await, known);
    }
    told
}

/// What every reader saw is exactly what had happened up to the position that it was told.
fn assert_exact(seen: &[Seen], told: &BTreeMap<u64, Uuid>) {
    for (position, rows) in seen {
        let mut expected = BTreeMap::new();
        for (at, patient) in told.range(..=position) {
            expected.insert(*patient, *at);
        }
        assert_eq!(rows, &expected, "at position {position}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_reads_half_a_table_a_gap_or_an_earlier_state_while_tables_are_swapped() {
    let clinic = Arc::new(Clinic::new().await);
    let run = clinic.project_with(settings());
    let (writes_end, reads_end) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let writing = tokio::spawn(write_all_along(Arc::clone(&clinic), Arc::clone(&writes_end)));
    let looking: Vec<_> = (0..4).map(|_| tokio::spawn(look_all_along(Arc::clone(&clinic), Arc::clone(&reads_end)))).collect();
    let mut caught_up = 0;
    for _ in 0..3 {
        rebuild(&clinic).run(&PATIENTS, |_, _| {}).await.unwrap();
        caught_up += rebuild(&clinic).go_back(&PATIENTS).await.unwrap().events;
    }
    assert!(caught_up > 0, "something happened while others were read");
    writes_end.store(true, Ordering::Relaxed);
    let told = writing.await.unwrap();
    run.reached("patients", *told.keys().last().unwrap()).await;
    reads_end.store(true, Ordering::Relaxed);
    for looking in looking {
        let seen = looking.await.unwrap();
        assert!(seen.len() > 20, "{}", seen.len());
        assert_exact(&seen, &told);
    }
    assert_exact(&[look(&clinic).await], &told);
    let (head, live) = (*told.keys().last().unwrap(), digest_of(&clinic, &PATIENTS).await);
    assert_eq!(rebuild(&clinic).stop_at(&PATIENTS, head, |_, _| {}).await.unwrap().digest, Some(live));
}

/// Everything that the catalogue says of the tables that are read.
async fn catalogue(clinic: &Clinic) -> Vec<String> {
    sqlx::query_scalar(
        "with tables as (
             select oid, oid::regclass::text as name, relnamespace
             from pg_class
             where relkind = 'r' and relname <> 'versions' and relnamespace in ('read'::regnamespace, 'audit'::regnamespace))
         select name || ': ' || said
         from tables
         cross join lateral (
             select 'owner ' || pg_get_userbyid(relowner) || ' row security ' || relrowsecurity || relforcerowsecurity from pg_class where pg_class.oid = tables.oid
             union all select 'grant ' || grantee || ' ' || privilege_type || ' ' || is_grantable from information_schema.role_table_grants
                 where table_schema = relnamespace::regnamespace::text and table_schema || '.' || table_name = name
             union all select 'policy ' || p::text from pg_policies p where schemaname || '.' || tablename = name
             union all select 'constraint ' || conname || ' ' || pg_get_constraintdef(pg_constraint.oid) from pg_constraint where conrelid = tables.oid
             union all select 'index ' || indexdef from pg_indexes where schemaname || '.' || tablename = name
             union all select 'trigger ' || pg_get_triggerdef(pg_trigger.oid) from pg_trigger where tgrelid = tables.oid and not tgisinternal
             union all select 'column ' || attnum || ' ' || attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull
                 from pg_attribute where attrelid = tables.oid and attnum > 0) as catalogue (said)
         order by 1",
    )
    .fetch_all(&clinic.owner)
    .await
    .unwrap()
}

#[tokio::test]
async fn tables_that_take_over_are_guarded_exactly_as_those_before() {
    let clinic = Clinic::new().await;
    let patient = Uuid::new_v4();
    clinic.tell_all(&[registered(patient, "Curie"), consent_granted(Uuid::new_v4(), patient, Uuid::new_v4())]).await;
    clinic.project_all().await;
    let before = catalogue(&clinic).await;
    assert!(before.len() > 300 && before.iter().any(|line| line.contains("audit.audit_logs: trigger")), "{before:#?}");
    for projection in ALL {
        rebuild(&clinic).run(projection, |_, _| {}).await.unwrap();
    }
    assert_eq!(catalogue(&clinic).await, before);
    for projection in ALL {
        rebuild(&clinic).go_back(projection).await.unwrap();
    }
    assert_eq!(catalogue(&clinic).await, before);
    for kept in clinic.schemas_aside().await {
        for role in ["anamnesis_reader", "anamnesis_auditor", "anamnesis_writer"] {
            let may = format!("select has_schema_privilege('{role}', '{kept}', 'usage')");
            assert!(!sqlx::query_scalar::<_, bool>(&may).fetch_one(&clinic.owner).await.unwrap(), "{role} gets at {kept}");
        }
    }
}

#[tokio::test]
async fn a_rebuild_stopped_at_a_position_has_the_digest_that_the_live_tables_had_there() {
    let clinic = Clinic::new().await;
    let patients: Vec<_> = (0..5).map(|_| Uuid::new_v4()).collect();
    let mut then = BTreeMap::new();
    for round in 0..3 {
        let told = patients.iter().enumerate().map(|(i, patient)| match (round, i) {
            (0, _) => registered(*patient, "Curie"),
            (1, 0..3) => consent_granted(Uuid::from_u128(patient.as_u128() ^ 1), *patient, Uuid::from_u128(9)),
            (2, 1) => consent_revoked(Uuid::from_u128(patient.as_u128() ^ 1), *patient),
            _ => identifier_added(*patient, &format!("{round}")),
        });
        let position = clinic.tell_all(&told.collect::<Vec<_>>()).await;
        clinic.project_all().await;
        for projection in ALL {
            then.insert((position, projection.name), digest_of(&clinic, projection).await);
        }
    }
    let before = clinic.schemas_aside().await;
    for ((position, name), live) in &then {
        let stopped = clinic.rebuild().stop_at(find(name).unwrap(), *position, |_, _| {}).await.unwrap();
        assert_eq!((stopped.position, stopped.digest.as_ref()), (*position, Some(live)), "{name}");
    }
    assert_eq!(clinic.schemas_aside().await, before, "it leaves nothing behind");
    assert_ne!(then[&(5, "patients")], then[&(15, "patients")]);
    let refused = clinic.rebuild().stop_at(&PATIENTS, 16, |_, _| {}).await.unwrap_err();
    assert!(matches!(refused, ProjectorError::NotYet { position: 16, head: 15 }), "{refused}");
}

#[tokio::test]
async fn what_is_kept_can_be_gone_back_to_until_it_is_dropped_and_is_forgotten_with_its_subject() {
    let clinic = Clinic::new().await;
    let patients = [(); 3].map(|()| Uuid::new_v4());
    clinic.tell_all(&patients.map(|patient| registered(patient, "Curie"))).await;
    clinic.project_all().await;
    let refused = rebuild(&clinic).go_back(&PATIENTS).await.unwrap_err();
    assert!(matches!(refused, ProjectorError::NothingKept { projection: "patients" }), "{refused}");
    let first = versions(&clinic, "patients").await["live"];
    rebuild(&clinic).run(&PATIENTS, |_, _| {}).await.unwrap();
    assert_eq!(versions(&clinic, "patients").await["kept"], first);
    assert_eq!(clinic.count(&format!("read_{first}.patients")).await, 3);

    clinic.tell(&registered(Uuid::new_v4(), "Meitner")).await;
    clinic.project_all().await;
    clinic.destroy_keys(patients[0]).await;
    forget_subject(&clinic.projector, ALL, clinic.organization, patients[0]).await.unwrap();
    assert_eq!(clinic.count(&format!("read_{first}.patients")).await, 2, "what is kept forgets as well");
    let restored = rebuild(&clinic).go_back(&PATIENTS).await.unwrap();
    assert_eq!((restored.position, restored.events, clinic.count("read.patients").await), (4, 1, 3));
    assert_eq!(versions(&clinic, "patients").await["live"], first);
    // and forward again
    rebuild(&clinic).go_back(&PATIENTS).await.unwrap();
    assert!(rebuild(&clinic).drop_kept(&PATIENTS).await.unwrap() && !rebuild(&clinic).drop_kept(&PATIENTS).await.unwrap());
    assert_eq!(clinic.schemas_aside().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_stays_kept_where_readers_never_let_go() {
    let clinic = Clinic::new().await;
    let [sound, hurt] = [(); 2].map(|()| Uuid::new_v4());
    clinic.tell_all(&[registered(sound, "Curie"), registered(hurt, "Meitner"), identifier_added(hurt, "1")]).await;
    clinic.project_all().await;
    rebuild(&clinic).run(&PATIENTS, |_, _| {}).await.unwrap();
    let kept = versions(&clinic, "patients").await["kept"];
    let last = clinic.tell_all(&[identifier_added(sound, "1"), identifier_added(hurt, "2")]).await;
    clinic.alter(5).await;
    let run = clinic.project_these(&[&PATIENTS], settings());
    run.reached("patients", last).await;
    run.stop().await;

    let reads = read::begin(&clinic.reader, &[&PATIENTS], clinic.organization, Scope::Staff).await.unwrap();
    let going_back = Rebuild { swap_attempts: 10, ..rebuild(&clinic) };
    let going_back = tokio::spawn(async move { going_back.go_back(&PATIENTS).await });
    let waits = "pg_locks where not granted and database = (select oid from pg_database where datname = current_database())
        and clock_timestamp() - waitstart > interval '1.2 s'";
    eventually("once it waits as long as an autovacuum takes to be cancelled", async || clinic.count(waits).await > 0).await;
    let refused = timeout(PATIENCE, going_back).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(refused, ProjectorError::StillRead { projection: "patients" }), "{refused}");
    assert_eq!(versions(&clinic, "patients").await["kept"], kept);
    drop(reads);

    let restored = rebuild(&clinic).go_back(&PATIENTS).await.unwrap();
    assert_eq!((restored.position, restored.parked, clinic.waiting("patients").await), (last, 1, vec![5]));
    assert_eq!((clinic.row_of(sound).await, clinic.row_of(hurt).await), (Some(2), Some(2)));
    assert_eq!(versions(&clinic, "patients").await["live"], kept);
    clinic.assert_one_same_as_rebuilt("patients").await;
}

#[tokio::test]
async fn what_waited_when_tables_were_kept_gets_another_chance() {
    let clinic = Clinic::new().await;
    let [sound, hurt] = [(); 2].map(|()| Uuid::new_v4());
    clinic.tell_all(&[registered(sound, "Curie"), registered(hurt, "Meitner"), identifier_added(hurt, "1"), identifier_added(hurt, "2")]).await;
    clinic.alter(3).await;
    let run = clinic.project_with(settings());
    run.reached("patients", 4).await;
    assert!(clinic.parked_by("patients").await.is_some());
    let rebuilt = rebuild(&clinic).run(&PATIENTS, |_, _| {}).await.unwrap();
    assert_eq!((rebuilt.parked, rebuilt.not_compared), (1, 0));
    let last = clinic.tell(&identifier_added(hurt, "3")).await;
    run.reached("patients", last).await;
    let still = rebuild(&clinic).go_back(&PATIENTS).await.unwrap();
    assert_eq!((still.parked, clinic.waiting("patients").await), (1, vec![3, 4, 5]));
    clinic.alter(3).await;
    let mended = rebuild(&clinic).go_back(&PATIENTS).await.unwrap();
    assert_eq!((mended.parked, clinic.row_of(hurt).await), (0, Some(4)));
    assert!(clinic.parked_by("patients").await.is_none());
    let stopped = rebuild(&clinic).stop_at(&PATIENTS, last, |_, _| {}).await.unwrap();
    assert_eq!(stopped.digest, Some(digest_of(&clinic, &PATIENTS).await));
}

#[tokio::test]
async fn what_was_left_out_of_tables_is_known_as_long_as_they_are_read() {
    let (clinic, audit_logs) = (Clinic::new().await, find("audit_logs").unwrap());
    let left_out = "journal.skipped where consumer = 'audit_logs' and position = 2";
    let last = clinic.tell_all(&[(); 3].map(|()| registered(Uuid::new_v4(), "Curie"))).await;
    clinic.alter(2).await;
    let run = clinic.project_with(settings());
    eventually("it stands still", async || clinic.parked_by("audit_logs").await.is_some()).await;
    assert!(parked::skip(&clinic.writer, &clinic.parked_by("audit_logs").await.unwrap(), Uuid::new_v4()).await.unwrap());
    clinic.ask("audit_logs").await;
    eventually("it goes on", async || clinic.checkpoint("audit_logs").await == last).await;
    run.stop().await;
    rebuild(&clinic).run(audit_logs, |_, _| {}).await.unwrap();
    for _ in 0..2 {
        rebuild(&clinic).go_back(audit_logs).await.unwrap();
        assert_eq!((clinic.count("audit.audit_logs").await, clinic.count(left_out).await), (2, 1), "it is still missing");
    }

    clinic.alter(2).await;
    rebuild(&clinic).run(audit_logs, |_, _| {}).await.unwrap();
    assert_eq!((clinic.count("audit.audit_logs").await, clinic.count(left_out).await), (3, 0), "what can be taken is taken");
    let refused = rebuild(&clinic).go_back(audit_logs).await.unwrap_err();
    assert!(matches!(refused, ProjectorError::KeptWithout { projection: "audit_logs" }), "{refused}");
    clinic.age("audit_logs").await;
    Deployment::new(rebuild(&clinic), &[audit_logs]).run(CancellationToken::new()).await;
    assert_eq!(clinic.count("audit.audit_logs").await, 3, "they are built anew instead");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_dies_while_building_leaves_nothing_that_stays() {
    let clinic = Clinic::new().await;
    let patients: Vec<_> = (0..50).map(|_| registered(Uuid::new_v4(), "Curie")).collect();
    let last = clinic.tell_all(&patients).await;
    clinic.project_all().await;
    for _ in 0..2 {
        let (under_way, rebuild) = (Arc::new(Notify::new()), clinic.rebuild());
        let told = Arc::clone(&under_way);
        let building = tokio::spawn(async move { rebuild.run(&PATIENTS, move |_, _| told.notify_one()).await.map(|_| ()) });
        timeout(PATIENCE, under_way.notified()).await.unwrap();
        building.abort();
        assert!(building.await.is_err_and(|died| died.is_cancelled()));
        assert_eq!((clinic.schemas_aside().await.len(), clinic.count("read.patients").await), (1, 50));
    }
    eventually("whoever starts next clears it away", async || {
        ensure_schema(&clinic.owner, ALL).await.unwrap();
        clinic.schemas_aside().await.is_empty()
    })
    .await;
    let rebuilt = clinic.rebuild().run(&PATIENTS, |_, _| {}).await.unwrap();
    assert!(rebuilt.position == last && rebuilt.digest.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_definition_takes_over_from_the_old_program_for_good_unless_an_operator_goes_back() {
    let clinic = Arc::new(Clinic::new().await);
    let old = clinic.project_with(settings());
    let (writes_end, reads_end) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let writing = tokio::spawn(write_all_along(Arc::clone(&clinic), Arc::clone(&writes_end)));
    let looking = tokio::spawn(look_all_along(Arc::clone(&clinic), Arc::clone(&reads_end)));
    sleep(Duration::from_secs(1)).await;
    let first = versions(&clinic, "patients").await["live"];

    let new = clinic.project_these(&[&NEXT_PATIENTS], settings());
    eventually("the new program waits", async || matches!(new.progress.state("patients").map(|state| state.status), Some(Status::Waiting { .. })))
        .await;
    assert_eq!(old.progress.state("patients").unwrap().status, Status::Running, "the old one goes on");
    let deploying: Vec<_> =
        (0..2).map(|_| tokio::spawn(Deployment::new(rebuild(&clinic), &[&NEXT_PATIENTS]).run(CancellationToken::new()))).collect();
    for deploying in deploying {
        timeout(PATIENCE, deploying).await.expect("both end").unwrap();
    }
    eventually("the old program stands by", async || old.progress.state("patients").unwrap().status == Status::StandingBy).await;
    eventually("the new one runs", async || new.progress.state("patients").unwrap().status == Status::Running).await;
    let second = versions(&clinic, "patients").await;
    assert_eq!((second["kept"], second.len()), (first, 2), "one built it: {second:?}");

    // a process of the old version is started again
    let again = clinic.project_these(&[&PATIENTS], settings());
    assert_eq!(ensure_schema(&clinic.owner, &[&PATIENTS]).await.unwrap().outranked, ["patients"]);
    timeout(PATIENCE, Deployment::new(rebuild(&clinic), &[&PATIENTS]).run(CancellationToken::new())).await.expect("it has nothing to do");
    assert_eq!(versions(&clinic, "patients").await, second, "it leaves alone what is newer");
    eventually("it waits", async || matches!(again.progress.state("patients").map(|state| state.status), Some(Status::Waiting { .. }))).await;
    assert_eq!(new.progress.state("patients").unwrap().status, Status::Running);

    // an operator wants the old version back
    rebuild(&clinic).go_back(&PATIENTS).await.unwrap();
    assert_eq!(versions(&clinic, "patients").await["live"], first, "its own tables caught up");
    let refused = rebuild(&clinic).go_back(&PATIENTS).await.unwrap_err();
    assert!(matches!(refused, ProjectorError::KeptByAnother { projection: "patients" }), "{refused}");
    eventually("it runs again", async || again.progress.state("patients").unwrap().status == Status::Running).await;
    timeout(PATIENCE, Deployment::new(rebuild(&clinic), &[&NEXT_PATIENTS]).run(CancellationToken::new())).await.expect("it has nothing to do");
    assert_eq!(versions(&clinic, "patients").await["live"], first, "the new one doesn't overrule that");
    new.stop().await;
    writes_end.store(true, Ordering::Relaxed);
    let told = writing.await.unwrap();
    again.reached("patients", *told.keys().last().unwrap()).await;
    reads_end.store(true, Ordering::Relaxed);
    assert_exact(&looking.await.unwrap(), &told);
    assert_exact(&[look(&clinic).await], &told);
}

/// Builds `patients`, and stops after its first page until it may go on.
fn build_in_steps(clinic: &Clinic) -> (JoinHandle<Result<(), ProjectorError>>, Arc<Notify>, Arc<AtomicBool>) {
    let (rebuild, under_way, may_go_on) = (clinic.rebuild(), Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let (told, go_on) = (Arc::clone(&under_way), Arc::clone(&may_go_on));
    let told = move |_, _| {
        told.notify_one();
        let until = Instant::now() + PATIENCE;
        // what else its thread has to do is done meanwhile
        tokio::task::block_in_place(|| {
            while !go_on.load(Ordering::Relaxed) && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
        });
    };
    (tokio::spawn(async move { rebuild.run(&PATIENTS, told).await.map(|_| ()) }), under_way, may_go_on)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_lost_the_lock_leaves_alone_what_the_next_one_builds() {
    let clinic = Clinic::new().await;
    clinic.tell_all(&(0..50).map(|_| registered(Uuid::new_v4(), "Curie")).collect::<Vec<_>>()).await;
    clinic.project_all().await;
    let (first, under_way, may_go_on) = build_in_steps(&clinic);
    timeout(PATIENCE, under_way.notified()).await.unwrap();
    let holders = "pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())";
    clinic.execute(&format!("select pg_terminate_backend(pid) from {holders}")).await;
    eventually("its lock is lost", async || clinic.count(holders).await == 0).await;
    let (second, under_way, may_second_go_on) = build_in_steps(&clinic);
    timeout(PATIENCE, under_way.notified()).await.unwrap();
    let building = versions(&clinic, "patients").await["building"];
    may_go_on.store(true, Ordering::Relaxed);
    assert!(timeout(PATIENCE, first).await.unwrap().unwrap().is_err());
    assert_eq!(versions(&clinic, "patients").await.get("building"), Some(&building));
    may_second_go_on.store(true, Ordering::Relaxed);
    timeout(PATIENCE, second).await.unwrap().unwrap().unwrap();
    assert_eq!(versions(&clinic, "patients").await["live"], building);
}

/// How many patients the tables of each version have.
async fn counted(clinic: &Clinic) -> Vec<i64> {
    let mut counts = vec![clinic.count("read.patients").await];
    for schema in clinic.schemas_aside().await {
        counts.push(clinic.count(&format!("{schema}.patients")).await);
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_is_erased_while_tables_are_built_is_in_none_of_them() {
    let clinic = Clinic::new().await;
    let mut patients: Vec<_> = (0..50).map(|_| Uuid::new_v4()).collect();
    patients.sort_unstable();
    clinic.tell_all(&patients.iter().map(|patient| registered(*patient, "Curie")).collect::<Vec<_>>()).await;
    clinic.project_all().await;
    rebuild(&clinic).run(&PATIENTS, |_, _| {}).await.unwrap();
    let (building, under_way, may_go_on) = build_in_steps(&clinic);
    timeout(PATIENCE, under_way.notified()).await.unwrap();
    eventually("some rows are written", async || counted(&clinic).await.iter().filter(|count| **count > 0).count() == 3).await;
    // of some the rows are written, of some the keys are in memory, and the others' are yet to be looked up
    for patient in &patients[..25] {
        clinic.destroy_keys(*patient).await;
        forget_subject(&clinic.projector, ALL, clinic.organization, *patient).await.unwrap();
    }
    assert_eq!(counted(&clinic).await, [25, 25, 0], "read, kept, being built");
    may_go_on.store(true, Ordering::Relaxed);
    timeout(PATIENCE, building).await.unwrap().unwrap().unwrap();
    assert_eq!(counted(&clinic).await, [25, 25], "read, kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_erased_while_kept_tables_are_brought_up_to_date_is_not_kept() {
    let clinic = Clinic::new().await;
    let [stays, erased] = [(); 2].map(|()| Uuid::new_v4());
    clinic.tell_all(&[registered(stays, "Curie"), registered(erased, "Meitner")]).await;
    clinic.project_all().await;
    rebuild(&clinic).run(&PATIENTS, |_, _| {}).await.unwrap();
    // never let go, so that they are kept again
    let reads = read::begin(&clinic.reader, &[&PATIENTS], clinic.organization, Scope::Staff).await.unwrap();
    let going_back = Rebuild { swap_attempts: 1, ..rebuild(&clinic) };
    // as if a row had been written with a key that was still in memory
    clinic.destroy_keys(erased).await;
    let refused = going_back.go_back(&PATIENTS).await.unwrap_err();
    assert!(matches!(refused, ProjectorError::StillRead { .. }), "{refused}");
    drop(reads);
    assert_eq!(counted(&clinic).await, [2, 1], "read, kept");
}

#[tokio::test]
async fn who_is_erased_while_tables_are_dropped_is_erased_from_the_others() {
    let clinic = Clinic::new().await;
    let patient = Uuid::new_v4();
    clinic.tell(&registered(patient, "Curie")).await;
    clinic.project_all().await;
    rebuild(&clinic).run(&PATIENTS, |_, _| {}).await.unwrap();
    clinic.destroy_keys(patient).await;
    // erasure finds the kept tables, and waits for somebody who reads from the live ones as long as they are being dropped
    let mut held = clinic.owner.begin().await.unwrap();
    sqlx::query("lock table read.patients in exclusive mode").execute(&mut *held).await.unwrap();
    let (projector, organization) = (clinic.projector.clone(), clinic.organization);
    let erasing = tokio::spawn(async move { forget_subject(&projector, &[&PATIENTS], organization, patient).await });
    let waits = "pg_locks where not granted and database = (select oid from pg_database where datname = current_database())";
    eventually("erasure waits", async || clinic.count(waits).await == 1).await;
    let dropper = rebuild(&clinic);
    let dropping = tokio::spawn(async move { dropper.drop_kept(&PATIENTS).await });
    eventually("so does whoever drops", async || clinic.count(waits).await == 2).await;
    held.commit().await.unwrap();
    assert_eq!(timeout(PATIENCE, erasing).await.unwrap().unwrap().unwrap(), 2);
    assert!(timeout(PATIENCE, dropping).await.unwrap().unwrap().unwrap());
    assert_eq!(counted(&clinic).await, [0]);
}

/// Tables of another definition take over while a program of this one waits for the checkpoints of `patients`.
pub(crate) async fn swap_under(clinic: &Clinic, start: impl FnOnce()) {
    let mut swap = clinic.owner.begin().await.unwrap();
    sqlx::query("select from journal.checkpoints where consumer = 'patients' for update").execute(&mut *swap).await.unwrap();
    start();
    let waits = "pg_stat_activity where datname = current_database() and application_name = 'anamnesis_projector' and wait_event_type = 'Lock'";
    eventually("it waits for the checkpoints", async || clinic.count(waits).await > 0).await;
    let other = "update read.versions set definition = 'another' where projection = 'patients' and state = 'live'";
    sqlx::query(other).execute(&mut *swap).await.unwrap();
    swap.commit().await.unwrap();
}

/// `first` is what was folded before.
async fn assert_nothing_folded_into_swapped_tables(clinic: &Clinic, first: i64) {
    let epoch = "select epoch from journal.checkpoints where consumer = 'patients'";
    let epoch = async || sqlx::query_scalar::<_, i64>(epoch).fetch_one(&clinic.owner).await.unwrap();
    let definition = "select definition from read.versions where projection = 'patients'";
    let (before, definition) = (epoch().await, sqlx::query_scalar::<_, String>(definition).fetch_one(&clinic.owner).await.unwrap());
    let mut old = None;
    swap_under(clinic, || old = Some(clinic.project_these(&[&PATIENTS], settings()))).await;
    let (old, last) = (old.unwrap(), clinic.tell(&registered(Uuid::new_v4(), "Meitner")).await);
    let waits =
        || matches!(old.progress.state("patients").map(|state| state.status), Some(Status::Waiting { error }) if error.contains("another version"));
    eventually("it sees that they aren't its own", async || waits()).await;
    sleep(settings().beat * 3).await;
    assert_eq!((epoch().await, clinic.count("read.patients").await, waits()), (before, first, true));
    clinic.execute(&format!("update read.versions set definition = '{definition}' where projection = 'patients'")).await;
    old.reached("patients", last).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_takes_over_right_when_tables_are_swapped_folds_nothing_into_those_of_another_definition() {
    let clinic = Clinic::new().await;
    clinic.tell(&registered(Uuid::new_v4(), "Curie")).await;
    clinic.project_all().await;
    assert_nothing_folded_into_swapped_tables(&clinic, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_whoever_is_the_first_to_fold_anything_into_them() {
    assert_nothing_folded_into_swapped_tables(&Clinic::new().await, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_definition_that_meets_poison_holds_up_itself_alone_and_says_why() {
    let clinic = Clinic::new().await;
    let (patient, consent) = (Uuid::new_v4(), Uuid::new_v4());
    let last =
        clinic.tell_all(&[registered(patient, "Curie"), consent_granted(consent, patient, Uuid::new_v4()), consent_revoked(consent, patient)]).await;
    clinic.project_all().await;
    clinic.alter(3).await;
    let next: [&'static Projection; 2] = [&NEXT_CONSENTS, &NEXT_PATIENTS];
    let (new, shutdown) = (clinic.project_these(&next, settings()), CancellationToken::new());
    let deploying = tokio::spawn(Deployment::new(rebuild(&clinic), &next).run(shutdown.clone()));
    new.reached("patients", last).await;
    eventually("what is in the way can be looked up", async || clinic.parked_by("consents").await.is_some_and(|parked| parked.stands_still)).await;
    eventually("it is told why it waits", async || {
        clinic.count("journal.projectors where consumer = 'consents' and status = 'waiting' and problem like '%position 3%'").await == 1
    })
    .await;
    assert_eq!(clinic.count("read.consents where status = 'REVOKED'").await, 1, "the old tables are read meanwhile");

    clinic.alter(3).await;
    timeout(PATIENCE, deploying).await.expect("once it is mended it goes on").unwrap();
    let more = clinic.tell(&consent_granted(Uuid::new_v4(), patient, Uuid::new_v4())).await;
    new.reached("consents", more).await;
    assert!(clinic.parked_by("consents").await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_waits_for_no_reader_for_ever_and_no_reader_for_a_start() {
    let clinic = Clinic::new().await;
    let patient = Uuid::new_v4();
    clinic.tell(&registered(patient, "Curie")).await;
    clinic.project_all().await;
    let (building, under_way, may_go_on) = build_in_steps(&clinic);
    timeout(PATIENCE, under_way.notified()).await.unwrap();
    building.abort();
    may_go_on.store(true, Ordering::Relaxed);
    assert!(building.await.is_err_and(|died| died.is_cancelled()));
    let holders = "pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())";
    eventually("its lock is gone", async || clinic.count(holders).await == 0).await;
    clinic.age("patients").await;
    clinic.execute("alter table read.patients drop column risk_factors").await;
    let (mut reads, mut digests) = (clinic.owner.begin().await.unwrap(), clinic.owner.begin().await.unwrap());
    sqlx::query("select from read.patients").execute(&mut *reads).await.unwrap();
    let half_built = clinic.schemas_aside().await[0].clone();
    sqlx::query(&format!("select from {half_built}.patients")).execute(&mut *digests).await.unwrap();

    let owner = clinic.owner.clone();
    let starting = tokio::spawn(async move { ensure_schema(&owner, ALL).await });
    let (mut longest, mut looks) = (Duration::ZERO, 0);
    while !starting.is_finished() {
        let begun = Instant::now();
        timeout(PATIENCE, clinic.count("read.patients")).await.unwrap();
        (longest, looks) = (longest.max(begun.elapsed()), looks + 1);
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(timeout(PATIENCE, starting).await.unwrap().unwrap().unwrap().changed, ["patients"]);
    assert!(longest < Duration::from_secs(8) && looks > 20, "{looks} reads, the longest waited {longest:?}");
    let extended = "pg_attribute where attrelid = 'read.patients'::regclass and attname = 'risk_factors'";
    assert_eq!((clinic.count(extended).await, clinic.schemas_aside().await), (0, vec![half_built]), "what is in use is left");
    drop((reads, digests));
    ensure_schema(&clinic.owner, ALL).await.unwrap();
    assert_eq!((clinic.count(extended).await, clinic.schemas_aside().await), (1, vec![]));
}

#[tokio::test]
async fn tables_of_a_newer_definition_are_left_as_they_are_until_an_operator_rebuilds_them() {
    let clinic = Clinic::new().await;
    clinic.tell(&registered(Uuid::new_v4(), "Curie")).await;
    clinic.project_all().await;
    clinic.execute("update read.versions set definition = 'newer', outranks = 9 where projection = 'patients'").await;
    clinic.execute("alter table read.patients drop column risk_factors").await;
    let newer = (versions(&clinic, "patients").await, catalogue(&clinic).await);
    assert_eq!(ensure_schema(&clinic.owner, ALL).await.unwrap().outranked, ["patients"]);
    timeout(PATIENCE, Deployment::new(rebuild(&clinic), ALL).run(CancellationToken::new())).await.expect("it has nothing to do");
    assert_eq!((versions(&clinic, "patients").await, catalogue(&clinic).await), newer);
    rebuild(&clinic).run(&PATIENTS, |_, _| {}).await.unwrap();
    assert_eq!(clinic.count("read.versions where projection = 'patients' and definition <> 'newer' and state = 'live' and outranks = 9").await, 1);
}

#[tokio::test]
async fn old_tables_can_be_read_until_new_ones_take_over() {
    let clinic = Clinic::new().await;
    let patient = Uuid::new_v4();
    clinic.tell(&registered(patient, "Curie")).await;
    clinic.project_all().await;
    clinic.age("patients").await;
    clinic.execute("alter table read.patients drop column risk_factors").await;
    assert_eq!(ensure_schema(&clinic.owner, ALL).await.unwrap().changed, ["patients"]);
    assert_eq!(look(&clinic).await.1, BTreeMap::from([(patient, 1)]), "what may be empty is, for now");
    clinic.execute("alter table read.patients drop column status").await;
    let mut tx = read::begin(&clinic.reader, &[&PATIENTS], clinic.organization, Scope::Staff).await.unwrap();
    let refused = read::rows::<PatientRow>(&mut tx, |q| {
        q.push("true");
    });
    assert!(matches!(refused.await.unwrap_err(), ProjectorError::OtherDefinition));
    drop(tx);
    Deployment::new(rebuild(&clinic), ALL).run(CancellationToken::new()).await;
    assert_eq!(look(&clinic).await.1, BTreeMap::from([(patient, 1)]));
}
