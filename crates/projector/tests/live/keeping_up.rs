//! Do the rows follow the log, exactly once, whatever happens in between?

use std::time::Duration;

use anamnesis_loops::Loops;
use anamnesis_projections::ALL;
use anamnesis_projections::consents::{ConsentRow, ConsentStatus};
use anamnesis_projections::history_lists::ConditionRow;
use anamnesis_projections::kernel::Sealed;
use anamnesis_projections::patients::{PatientRow, PatientStatus};
use anamnesis_projections::words::{Kind, word_token};
use anamnesis_projector::query::{Order, Query};
use anamnesis_projector::read::{self, Scope};
use anamnesis_projector::{ProjectorSettings, Status, Workers, forget_subject};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::parking::eventually;
use crate::stories::{accessed, condition, consent_granted, consent_revoked, deactivated, identifier_added, registered};
use crate::support::{Clinic, PATIENCE, Run};

#[tokio::test]
async fn what_is_told_stands_in_the_rows() {
    let clinic = Clinic::new().await;
    let (patient, consent, provider) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
    let run = clinic.project();
    clinic.tell(&registered(patient, "Curie")).await;
    clinic.tell(&consent_granted(consent, patient, provider)).await;
    clinic.tell(&identifier_added(patient, "77")).await;
    let last = clinic.tell(&deactivated(patient)).await;
    run.reached("patients", last).await;
    run.reached("consents", last).await;

    let mut tx = read::begin(&clinic.reader, ALL, clinic.organization, Scope::Staff).await.unwrap();
    let mut patients = read::rows::<PatientRow>(&mut tx, |q| {
        q.push("patient_id = ").push_bind(patient);
    })
    .await
    .unwrap();
    assert!(patients[0].row.demographics.get().is_none(), "nothing is opened unasked");
    read::open(&clinic.vault, &mut patients).await.unwrap();
    let row = &patients[0].row;
    assert_eq!(row.demographics.get().unwrap().name.family.as_ref().unwrap().as_str(), "Curie");
    assert_eq!(row.status, PatientStatus::Deactivated);
    assert_eq!(row.identifiers.as_ref().and_then(Sealed::get).unwrap().len(), 2, "what was sealed was opened, changed and sealed again");
    assert_eq!(row.health_goals.as_ref().and_then(Sealed::get).unwrap()[0].as_str(), "say \"ah\", and {that}\\ twice");
    assert_eq!((patients[0].stamp.position, patients[0].stamp.sequence), (4, 3));
    let consents = read::rows::<ConsentRow>(&mut tx, |q| {
        q.push("grantee_provider_id = ").push_bind(provider);
    })
    .await
    .unwrap();
    assert_eq!((consents[0].row.status, consents[0].row.purposes.len()), (ConsentStatus::Active, 2));
}

#[tokio::test]
async fn a_patient_is_found_by_blind_indexes() {
    let clinic = Clinic::new().await;
    let patient = Uuid::new_v4();
    clinic.tell(&registered(patient, "Curie")).await;
    clinic.tell(&registered(Uuid::new_v4(), "Meitner")).await;
    clinic.project_all().await;
    let keys = clinic.vault.index(clinic.organization).await.unwrap();
    let mut tx = read::begin(&clinic.reader, ALL, clinic.organization, Scope::Staff).await.unwrap();
    let named = Query::new(Order::oldest_first("created_at"), 9).worded(vec![word_token::<PatientRow>(&keys, Kind::Name, "curie")]);
    let found = named.read::<PatientRow>(&mut tx, clinic.organization).await.unwrap().rows;
    assert_eq!(found.iter().map(|row| row.row.patient_id.0).collect::<Vec<_>>(), [patient]);
    let mut tx = read::begin(&clinic.reader, ALL, clinic.organization, Scope::Staff).await.unwrap();
    let number = read::blind::<PatientRow>(&keys, "patient_number_index", &format!("N-{}", patient.simple()).to_uppercase());
    let found = read::rows::<PatientRow>(&mut tx, |q| {
        q.push("patient_number_index = ").push_bind(number);
    })
    .await
    .unwrap();
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn extreme_times_come_back_as_they_were() {
    let clinic = Clinic::new().await;
    let (patient, entry) = (Uuid::new_v4(), Uuid::new_v4());
    clinic.tell(&registered(patient, "Curie")).await;
    clinic.tell(&condition(patient, entry, "195967001")).await;
    clinic.project_all().await;
    let mut tx = read::begin(&clinic.reader, ALL, clinic.organization, Scope::Staff).await.unwrap();
    let conditions = read::rows::<ConditionRow>(&mut tx, |q| {
        q.push("codes @> array['http://snomed.info/sct|195967001']");
    })
    .await
    .unwrap();
    assert_eq!(conditions[0].row.onset.unwrap().to_string(), "0001-01-01");
    assert_eq!(conditions[0].row.recorded_at.to_string(), "9999-12-31T23:59:59.999999Z");
}

#[tokio::test]
async fn a_batch_that_comes_again_changes_nothing() {
    let clinic = Clinic::new().await;
    let patient = Uuid::new_v4();
    let last = clinic.tell_all(&[registered(patient, "Curie"), identifier_added(patient, "1"), identifier_added(patient, "2")]).await;
    clinic.project_all().await;
    // a projector that lost its memory of how far it came asks the checkpoint, and drops what it has seen
    for _ in 0..3 {
        clinic.project_all().await;
    }
    assert_eq!(clinic.checkpoint("patients").await, last);
    assert_eq!(clinic.count("audit.audit_logs").await, 3);
    let mut tx = clinic.owner.begin().await.unwrap();
    let mut rows = read::rows::<PatientRow>(&mut tx, |q| {
        q.push("true");
    })
    .await
    .unwrap();
    read::open(&clinic.vault, &mut rows).await.unwrap();
    assert_eq!(rows[0].row.identifiers.as_ref().and_then(Sealed::get).unwrap().len(), 3);
}

#[tokio::test]
async fn who_is_ahead_of_the_others_drops_what_it_has_seen() {
    let clinic = Clinic::new().await;
    let patient = Uuid::new_v4();
    clinic.tell_all(&[registered(patient, "Curie"), identifier_added(patient, "1"), consent_granted(Uuid::new_v4(), patient, Uuid::new_v4())]).await;
    clinic.project_all().await;
    clinic.execute("truncate read.consents; update journal.checkpoints set position = 0 where consumer = 'consents'").await;
    clinic.tell(&identifier_added(patient, "2")).await;
    clinic.project_all().await;
    assert_eq!((clinic.count("read.consents").await, clinic.count("audit.audit_logs").await), (1, 4));
    let mut tx = clinic.owner.begin().await.unwrap();
    let mut rows = read::rows::<PatientRow>(&mut tx, |q| {
        q.push("true");
    })
    .await
    .unwrap();
    read::open(&clinic.vault, &mut rows).await.unwrap();
    assert_eq!(rows[0].row.identifiers.as_ref().and_then(Sealed::get).unwrap().len(), 3);
}

#[tokio::test]
async fn rows_and_checkpoint_are_written_together_or_not_at_all() {
    let clinic = Clinic::new().await;
    clinic.tell(&registered(Uuid::new_v4(), "Curie")).await;
    // the last statement of the transaction fails, after the rows were written
    clinic
        .execute(
            "create function public.crash() returns trigger language plpgsql as $$ begin raise exception 'crash' using errcode = 'XX000'; end $$;
             create trigger crash before update of position on journal.checkpoints for each row when (new.position > 0) execute function public.crash()",
        )
        .await;
    let run = clinic.project();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!((clinic.count("read.patients").await, clinic.count("audit.audit_logs").await), (0, 0));
    assert!(!run.progress.is_well(), "who waits isn't well");
    clinic.execute("drop trigger crash on journal.checkpoints").await;
    run.reached("patients", 1).await;
    run.reached("audit_logs", 1).await;
    assert_eq!((clinic.count("read.patients").await, clinic.count("audit.audit_logs").await), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_projector_killed_again_and_again_loses_and_doubles_nothing() {
    let clinic = Clinic::new().await;
    let patients: Vec<_> = (0..40).map(|_| Uuid::new_v4()).collect();
    let mut last = 0;
    for round in 0..8_u32 {
        let run = clinic.project_with(ProjectorSettings { batch: 7, wait: Duration::from_millis(20), ..ProjectorSettings::default() });
        for patient in &patients {
            let event = if round == 0 { registered(*patient, "Curie") } else { identifier_added(*patient, &round.to_string()) };
            last = clinic.tell(&event).await;
        }
        tokio::time::sleep(Duration::from_millis(u64::from(13 * round))).await;
        run.task.abort();
        let _ = run.task.await;
    }
    clinic.project_all().await;
    assert_eq!(clinic.checkpoint("patients").await, last);
    assert_eq!(clinic.count("audit.audit_logs").await, i64::try_from(last).unwrap());
    let mut tx = clinic.owner.begin().await.unwrap();
    let mut rows = read::rows::<PatientRow>(&mut tx, |q| {
        q.push("true");
    })
    .await
    .unwrap();
    read::open(&clinic.vault, &mut rows).await.unwrap();
    assert_eq!(rows.len(), patients.len());
    assert!(rows.iter().all(|row| row.row.identifiers.as_ref().and_then(Sealed::get).unwrap().len() == 8 && row.stamp.sequence == 8));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_off_cost_time_and_nothing_else() {
    let clinic = Clinic::new().await;
    let run = clinic.project_with(ProjectorSettings { batch: 5, wait: Duration::from_millis(20), ..ProjectorSettings::default() });
    let mut last = 0;
    for _ in 0..30 {
        last = clinic.tell(&registered(Uuid::new_v4(), "Curie")).await;
        clinic.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'anamnesis_projector'").await;
    }
    run.reached("patients", last).await;
    run.reached("audit_logs", last).await;
    assert_eq!((clinic.count("read.patients").await, clinic.count("audit.audit_logs").await), (30, 30));
}

#[tokio::test]
async fn the_second_projector_takes_over_and_the_first_stands_by_until_it_is_gone() {
    let clinic = Clinic::new().await;
    let settings = ProjectorSettings {
        wait: Duration::from_millis(50),
        beat: Duration::from_millis(100),
        silence: Duration::from_millis(600),
        ..ProjectorSettings::default()
    };
    let first = clinic.project_with(settings);
    clinic.tell(&registered(Uuid::new_v4(), "Curie")).await;
    first.reached("patients", 1).await;
    let second = clinic.project_with(settings);
    second.reached("patients", 1).await;
    for _ in 0..5 {
        clinic.tell(&registered(Uuid::new_v4(), "Meitner")).await;
    }
    second.reached("patients", 6).await;
    tokio::time::sleep(settings.silence * 3).await;
    assert_eq!(first.progress.states()["patients"].status, Status::StandingBy);
    assert!(!first.progress.is_well() && second.progress.is_well());
    assert_eq!((clinic.count("read.patients").await, clinic.count("audit.audit_logs").await), (6, 6));

    // as if it were killed: it says no more that it is there
    second.task.abort();
    clinic.tell(&registered(Uuid::new_v4(), "Noether")).await;
    first.reached("patients", 7).await;
    first.reached("audit_logs", 7).await;
    assert!(first.progress.is_well(), "{:?}", first.progress.states());
    assert_eq!((clinic.count("read.patients").await, clinic.count("audit.audit_logs").await), (7, 7));
}

#[tokio::test]
async fn an_event_that_cannot_be_opened_stops_those_it_concerns_and_no_others() {
    let clinic = Clinic::new().await;
    let patient = Uuid::new_v4();
    clinic.tell(&registered(patient, "Curie")).await;
    let consent = Uuid::new_v4();
    clinic.tell(&consent_granted(consent, patient, Uuid::new_v4())).await;
    clinic.execute("alter table journal.events disable trigger user").await;
    clinic.execute("update journal.events set payload = set_byte(payload, 99, get_byte(payload, 99) # 1) where aggregate_type = 'consent'").await;
    let last = clinic.tell(&deactivated(patient)).await;
    let run = clinic.project();
    run.reached("patients", last).await;
    run.reached("consents", 1).await;
    wait_until_stopped(&run, "consents").await;
    wait_until_stopped(&run, "audit_logs").await;
    let status = &run.progress.states()["consents"].status;
    assert!(stopped_saying(status, "position 2"), "{status:?}");
    assert_eq!(clinic.checkpoint("consents").await, 1);
}

#[tokio::test]
async fn a_table_that_refuses_a_row_stops_its_projection_alone() {
    let clinic = Clinic::new().await;
    clinic.execute("alter table read.consents add constraint no_more check (false)").await;
    let patient = Uuid::new_v4();
    clinic.tell(&registered(patient, "Curie")).await;
    let last = clinic.tell(&consent_granted(Uuid::new_v4(), patient, Uuid::new_v4())).await;
    let run = clinic.project();
    run.reached("patients", last).await;
    wait_until_stopped(&run, "consents").await;
    assert_eq!((clinic.checkpoint("consents").await, clinic.count("read.consents").await), (1, 0), "it stands right before the event");
}

#[tokio::test]
async fn erased_events_fold_without_an_error() {
    let mut clinic = Clinic::new().await;
    let (erased, other) = (Uuid::new_v4(), Uuid::new_v4());
    let consent = Uuid::new_v4();
    clinic.tell_all(&[registered(erased, "Curie"), registered(other, "Meitner"), consent_granted(consent, erased, Uuid::new_v4())]).await;
    clinic.tell_all(&[consent_revoked(consent, erased), accessed(Uuid::new_v4(), &[erased, other])]).await;
    clinic.destroy_keys(erased).await;
    clinic.vault = clinic.fresh_vault().await;
    clinic.project_all().await;
    assert_eq!((clinic.count("read.patients").await, clinic.count("read.consents").await), (1, 0));
    assert_eq!((clinic.count("audit.audit_logs").await, clinic.count("audit.data_access_logs").await), (5, 2));
}

#[tokio::test]
async fn who_is_forgotten_after_the_fact_leaves_no_row() {
    let clinic = Clinic::new().await;
    let (erased, other) = (Uuid::new_v4(), Uuid::new_v4());
    clinic.tell_all(&[registered(erased, "Curie"), condition(erased, Uuid::new_v4(), "1"), registered(other, "Meitner")]).await;
    clinic.project_all().await;
    clinic.destroy_keys(erased).await;
    assert_eq!(forget_subject(&clinic.projector, anamnesis_projections::ALL, clinic.organization, erased).await.unwrap(), 2);
    assert_eq!((clinic.count("read.patients").await, clinic.count("read.conditions").await), (1, 0));
    assert_eq!(clinic.count("audit.audit_logs").await, 3);
}

#[tokio::test]
async fn a_value_moved_to_another_row_or_column_does_not_open() {
    let clinic = Clinic::new().await;
    let (one, two) = (Uuid::new_v4(), Uuid::new_v4());
    clinic.tell_all(&[registered(one, "Curie"), deactivated(one), registered(two, "Meitner")]).await;
    clinic.project_all().await;
    for moved in [
        format!(
            "update read.patients set demographics = (select demographics from read.patients where patient_id = '{two}') where patient_id = '{one}'"
        ),
        format!("update read.patients set health_goals = deactivation_reason where patient_id = '{one}'"),
    ] {
        let mut tx = clinic.owner.begin().await.unwrap();
        sqlx::query(&moved).execute(&mut *tx).await.unwrap();
        let mut rows = read::rows::<PatientRow>(&mut tx, |q| {
            q.push("patient_id = ").push_bind(one);
        })
        .await
        .unwrap();
        assert!(read::open(&clinic.vault, &mut rows).await.is_err(), "{moved}");
    }
}

#[tokio::test]
async fn audit_rows_are_never_changed() {
    let clinic = Clinic::new().await;
    clinic.tell(&registered(Uuid::new_v4(), "Curie")).await;
    clinic.project_all().await;
    for change in ["update audit.audit_logs set action = 'READ'", "delete from audit.audit_logs", "truncate audit.audit_logs"] {
        let refused = sqlx::query(change).execute(&clinic.owner).await.expect_err("even the owner is refused").to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
}

#[tokio::test]
async fn nothing_that_was_told_of_a_person_stands_in_the_clear() {
    let clinic = Clinic::new().await;
    let patient = Uuid::new_v4();
    clinic.tell_all(&[registered(patient, "Skłodowska"), deactivated(patient), condition(patient, Uuid::new_v4(), "1")]).await;
    clinic.tell(&accessed(Uuid::new_v4(), &[patient])).await;
    clinic.project_all().await;
    for projection in anamnesis_projections::ALL {
        for table in projection.tables {
            let sql = format!("select coalesce(string_agg(t::text, ''), '') from {}.{} t", projection.schema.name(), table.info().name);
            let all: String = sqlx::query_scalar(&sql).fetch_one(&clinic.owner).await.unwrap();
            // none that a random id or a sealed value in hex could spell
            for secret in ["Skłodowska", "Zoë", "zoe@example.org", "+1 555 013 2477", "+15550132477", "moved", "Asthma", "unconscious", "1980-02-29"]
            {
                assert!(!all.contains(secret), "{secret} stands in the clear in {}", table.info().name);
            }
        }
    }
}

fn stopped_saying(status: &Status, what: &str) -> bool {
    matches!(status, Status::Stopped { error } if error.contains(what))
}

async fn wait_until_stopped(run: &Run, projection: &str) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !matches!(run.progress.states()[projection].status, Status::Stopped { .. }) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{projection} goes on: {:?}", run.progress.states()));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stands_before_a_gap_goes_on_saying_so_and_is_no_dead_loop() {
    let clinic = Clinic::new().await;
    for _ in 0..3 {
        clinic.tell(&registered(Uuid::now_v7(), "Okafor")).await;
    }
    clinic.execute("set session_replication_role = replica; delete from journal.log where position = 2; set session_replication_role = origin").await;
    let (loops, shutdown, quick) = (Loops::default(), CancellationToken::new(), Duration::from_millis(50));
    let settings = ProjectorSettings { wait: quick, beat: quick, ..ProjectorSettings::default() };
    let workers = Workers::new(clinic.projector.clone(), clinic.vault.clone(), clinic.log(), ALL, settings).with_loops(loops.clone());
    let running = tokio::spawn(workers.run(shutdown.clone()));
    let all = i64::try_from(ALL.len()).unwrap();
    eventually("all say so", async || clinic.count("journal.projectors where status = 'stopped'").await == all).await;
    clinic.execute("update journal.projectors set seen_at = '2000-01-01'").await;
    eventually("they say so again", async || clinic.count("journal.projectors where seen_at > '2001-01-01'").await == all).await;
    assert_eq!(loops.unwell(), []);
    shutdown.cancel();
    running.await.unwrap();
}
