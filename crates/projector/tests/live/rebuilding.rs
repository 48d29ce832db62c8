//! Does a read model computed anew say what the live one says?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anamnesis_projections::consents::{ConsentRow, Consents};
use anamnesis_projections::kernel::{Projection, Stamped, fold_until};
use anamnesis_projections::patients::{PatientRow, PatientStatus, Patients};
use anamnesis_projections::{ALL, find};
use anamnesis_projector::read;
use anamnesis_projector::{ProjectorError, ProjectorSettings, Rebuild, digest, ensure_schema, forget_subject};
use sqlx::PgPool;
use uuid::Uuid;

use crate::stories::{accessed, condition, consent_granted, consent_revoked, deactivated, identifier_added, registered};
use crate::support::{Clinic, Told};

/// Twenty patients with a history, in one order that mixes their streams.
fn stories(patients: &[Uuid]) -> Vec<Told> {
    let mut told: Vec<_> = patients.iter().map(|patient| registered(*patient, "Curie")).collect();
    for round in 0..4 {
        for (i, patient) in patients.iter().enumerate() {
            let consent = Uuid::from_u128(patient.as_u128() ^ 1);
            told.push(match (i + round) % 4 {
                0 => identifier_added(*patient, &format!("{round}")),
                1 => condition(*patient, Uuid::from_u128(7 + round as u128), "195967001"),
                2 if round == 0 => consent_granted(consent, *patient, Uuid::from_u128(9)),
                2 => accessed(Uuid::new_v4(), &[*patient]),
                _ if round == 3 => deactivated(*patient),
                _ => identifier_added(*patient, &format!("again {round}")),
            });
        }
    }
    told
}

fn some_patients() -> Vec<Uuid> {
    (0..20).map(|_| Uuid::new_v4()).collect()
}

async fn digest_of(clinic: &Clinic, projection: &'static Projection) -> String {
    let mut connection = clinic.owner.acquire().await.unwrap();
    digest(&mut connection, &clinic.vault, projection, projection.schema.name()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_rebuilt_projection_says_what_the_live_one_said() {
    let clinic = Clinic::new().await;
    let last = clinic.tell_all(&stories(&some_patients())).await;
    clinic.project_all().await;
    for projection in ALL {
        let before = digest_of(&clinic, projection).await;
        let rebuilt = clinic.rebuild().run(projection, |_, _| {}).await.unwrap();
        assert_eq!((rebuilt.position, rebuilt.digest.as_deref()), (last, Some(before.as_str())), "{}", projection.name);
        assert_eq!(digest_of(&clinic, projection).await, before);
    }
    assert_eq!(clinic.schemas_aside().await.len(), ALL.len(), "of each the tables that were read before, and nothing else");
    assert_eq!(clinic.count("pg_class where not (relrowsecurity and relforcerowsecurity) and relkind = 'r' and relname <> 'versions' and relnamespace in ('read'::regnamespace, 'audit'::regnamespace)").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_while_everybody_writes_misses_nothing() {
    let clinic = Arc::new(Clinic::new().await);
    let patients = some_patients();
    let first = clinic.tell_all(&stories(&patients)).await;
    let run = clinic.project_with(ProjectorSettings { batch: 20, wait: Duration::from_millis(20), ..ProjectorSettings::default() });
    run.reached("patients", first).await;
    let (done, writer) = (Arc::new(AtomicBool::new(false)), Arc::clone(&clinic));
    let is_done = Arc::clone(&done);
    let writing = tokio::spawn(async move {
        let (mut last, mut i) = (0, 0_usize);
        while !is_done.load(Ordering::Relaxed) {
            last = writer.tell(&identifier_added(patients[i % patients.len()], &format!("while rebuilding {i}"))).await;
            last = last.max(writer.tell(&registered(Uuid::new_v4(), "New")).await);
            i += 1;
        }
        last
    });
    let patients_model = find("patients").unwrap();
    for _ in 0..3 {
        let rebuilt = clinic.rebuild().run(patients_model, |_, _| {}).await.unwrap();
        assert!(rebuilt.digest.is_some());
    }
    clinic.rebuild().run(find("audit_logs").unwrap(), |_, _| {}).await.unwrap();
    done.store(true, Ordering::Relaxed);
    let last = writing.await.unwrap();
    run.reached("patients", last).await;
    run.reached("audit_logs", last).await;
    assert!(run.progress.is_well(), "a running projector goes on with the new tables: {:?}", run.progress.states());
    run.stop().await;
    assert_eq!(clinic.count("audit.audit_logs").await, i64::try_from(last).unwrap());
    clinic.rebuild().run(patients_model, |_, _| {}).await.unwrap();
}

#[tokio::test]
async fn a_damaged_row_is_noticed_and_cured() {
    let clinic = Clinic::new().await;
    let patients = some_patients();
    clinic.tell_all(&stories(&patients)).await;
    clinic.project_all().await;
    let (model, sound) = (find("patients").unwrap(), digest_of(&clinic, find("patients").unwrap()).await);
    let damage = format!("update read.patients set status = 'DEACTIVATED', deactivated_at = now() where patient_id = '{}'", patients[0]);
    for damage in [damage.as_str(), "delete from read.patients where patient_id = (select min(patient_id::text)::uuid from read.patients)"] {
        clinic.execute(damage).await;
        let refused = clinic.rebuild().run(model, |_, _| {}).await.unwrap_err();
        assert!(matches!(refused, ProjectorError::Differs { projection: "patients", .. }), "{refused}");
        assert_ne!(digest_of(&clinic, model).await, sound, "the live tables stay as they are");
        clinic.rebuild().replace(model, |_, _| {}).await.unwrap();
        assert_eq!(digest_of(&clinic, model).await, sound);
    }
}

/// A rebuild by whoever owns the tables notices a damaged row, and leaves nobody in the new tables who was erased.
async fn assert_rebuilt_whole(clinic: &mut Clinic, owner: &PgPool) {
    let (patients, model) = (some_patients(), find("patients").unwrap());
    clinic.tell_all(&stories(&patients)).await;
    clinic.project_all().await;
    let sound = clinic.rebuild().stop_at(model, 20, |_, _| {}).await.unwrap().digest;
    let rebuild = Rebuild { owner: owner.clone(), ..clinic.rebuild() };
    assert_eq!(rebuild.stop_at(model, 20, |_, _| {}).await.unwrap().digest, sound);
    clinic.execute(&format!("update read.patients set status = 'DEACTIVATED', deactivated_at = now() where patient_id = '{}'", patients[0])).await;
    let refused = rebuild.run(model, |_, _| {}).await.unwrap_err();
    assert!(matches!(refused, ProjectorError::Differs { projection: "patients", .. }), "{refused}");
    rebuild.replace(model, |_, _| {}).await.unwrap();
    assert!(rebuild.run(model, |_, _| {}).await.unwrap().digest.is_some());
    clinic.destroy_keys(patients[1]).await;
    rebuild.go_back(model).await.unwrap();
    assert_eq!(clinic.count(&format!("read.patients where patient_id = '{}'", patients[1])).await, 0);
}

#[tokio::test]
async fn row_level_security_hides_no_row_from_a_rebuild_whoever_owns_the_tables() {
    let mut clinic = Clinic::new().await;
    let superuser = clinic.owner.clone();
    assert_rebuilt_whole(&mut clinic, &superuser).await;
    for inherits in ["inherit", "noinherit"] {
        let (mut clinic, owner) = Clinic::owned_by_one_who(inherits).await;
        assert_rebuilt_whole(&mut clinic, &owner).await;
        let mut connection = owner.acquire().await.unwrap();
        let digested = digest(&mut connection, &clinic.vault, find("patients").unwrap(), "read").await;
        match inherits {
            "inherit" => assert_eq!(digested.unwrap(), digest_of(&clinic, find("patients").unwrap()).await),
            _ => assert!(matches!(digested.unwrap_err(), ProjectorError::Hidden { table: "patients" })),
        }
    }
}

#[tokio::test]
async fn nothing_is_compared_of_which_rows_are_hidden() {
    let clinic = Clinic::new().await;
    clinic.tell_all(&stories(&some_patients())).await;
    clinic.project_all().await;
    let hide = "create policy some_hidden on read.patients as restrictive for select to anamnesis_projector using (status <> 'DEACTIVATED')";
    clinic.execute(hide).await;
    let refused = clinic.rebuild().run(find("patients").unwrap(), |_, _| {}).await.unwrap_err();
    assert!(matches!(refused, ProjectorError::Hidden { table: "patients" }), "{refused}");
}

#[tokio::test]
async fn a_projection_of_another_definition_is_rebuilt_and_runs() {
    let clinic = Clinic::new().await;
    let patients = some_patients();
    clinic.tell_all(&stories(&patients)).await;
    clinic.project_all().await;
    clinic.age("patients").await;
    clinic.execute("alter table read.patients drop column risk_factors").await;
    assert_eq!(ensure_schema(&clinic.owner, ALL).await.unwrap().changed, ["patients"]);
    let rebuilt = clinic.rebuild().run(find("patients").unwrap(), |_, _| {}).await.unwrap();
    assert_eq!(rebuilt.digest, None, "there was nothing to compare with");
    let last = clinic.tell(&registered(Uuid::new_v4(), "New")).await;
    clinic.project_all().await;
    assert_eq!((clinic.count("read.patients").await, clinic.checkpoint("patients").await), (21, last));
}

#[tokio::test]
async fn a_rebuild_after_an_erasure_says_what_forgetting_left() {
    let mut clinic = Clinic::new().await;
    let patients = some_patients();
    clinic.tell_all(&stories(&patients)).await;
    clinic.project_all().await;
    clinic.destroy_keys(patients[3]).await;
    forget_subject(&clinic.projector, ALL, clinic.organization, patients[3]).await.unwrap();
    clinic.vault = clinic.fresh_vault().await;
    for name in ["patients", "history_lists", "consents", "audit_logs", "data_access_logs", "compliance_logs"] {
        let rebuilt = clinic.rebuild().run(find(name).unwrap(), |_, _| {}).await.unwrap();
        assert!(rebuilt.digest.is_some(), "{name}");
    }
    assert_eq!(clinic.count("read.patients").await, 19);
}

#[tokio::test]
async fn who_is_erased_during_a_rebuild_is_not_brought_back() {
    let clinic = Clinic::new().await;
    let patients = some_patients();
    clinic.tell_all(&stories(&patients)).await;
    clinic.project_all().await;
    // this process still has the key in its cache, so it folds and seals as if nothing had happened
    clinic.destroy_keys(patients[3]).await;
    clinic.rebuild().replace(find("patients").unwrap(), |_, _| {}).await.unwrap();
    assert_eq!(clinic.count(&format!("read.patients where patient_id = '{}'", patients[3])).await, 0);
}

#[tokio::test]
async fn rebuilt_audit_tables_refuse_changes_too() {
    let clinic = Clinic::new().await;
    clinic.tell_all(&stories(&some_patients())).await;
    clinic.project_all().await;
    clinic.rebuild().run(find("audit_logs").unwrap(), |_, _| {}).await.unwrap();
    let refused = sqlx::query("delete from audit.audit_logs").execute(&clinic.owner).await.unwrap_err().to_string();
    assert!(refused.contains("append-only"), "{refused}");
}

#[tokio::test]
async fn one_rebuild_of_a_projection_at_a_time() {
    let clinic = Clinic::new().await;
    clinic.tell_all(&stories(&some_patients())).await;
    clinic.project_all().await;
    let model = find("patients").unwrap();
    let (one, other) = (clinic.rebuild(), clinic.rebuild());
    let one = tokio::spawn(async move { one.run(model, |_, _| {}).await });
    let other = tokio::spawn(async move { other.run(model, |_, _| {}).await });
    let (one, other) = (one.await.unwrap(), other.await.unwrap());
    assert!(one.is_ok() || other.is_ok());
    let refused = |outcome: &Result<_, ProjectorError>| matches!(outcome, Err(ProjectorError::Rebuilding { .. }));
    assert!(refused(&one) || refused(&other), "two at the same time: {one:?} and {other:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_takes_long_delays_the_swap_and_nothing_else() {
    let clinic = Clinic::new().await;
    let first = clinic.tell_all(&stories(&some_patients())).await;
    let run = clinic.project();
    run.reached("audit_logs", first).await;
    let mut reader = clinic.owner.begin().await.unwrap();
    sqlx::query("select count(*) from audit.audit_logs").execute(&mut *reader).await.unwrap();
    let rebuild = clinic.rebuild();
    let rebuilding = tokio::spawn(async move { rebuild.run(find("audit_logs").unwrap(), |_, _| {}).await });
    let mut last = 0;
    for _ in 0..40 {
        last = clinic.tell(&registered(Uuid::new_v4(), "New")).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!rebuilding.is_finished(), "the old table is still being read");
    reader.rollback().await.unwrap();
    rebuilding.await.unwrap().unwrap();
    run.reached("audit_logs", last).await;
    assert_eq!(clinic.count("audit.audit_logs").await, i64::try_from(last).unwrap());
}

#[tokio::test]
async fn an_event_that_is_missing_stops_a_rebuild() {
    let clinic = Clinic::new().await;
    let patients = some_patients();
    clinic.tell_all(&stories(&patients)).await;
    clinic.execute("alter table journal.events disable trigger user; alter table journal.log disable trigger user").await;
    clinic.execute(&format!("delete from journal.events where aggregate_id = '{}' and sequence = 2", patients[0])).await;
    let refused = clinic.rebuild().replace(find("patients").unwrap(), |_, _| {}).await.unwrap_err();
    assert!(matches!(&refused, ProjectorError::Feed(_)), "{refused}");
    assert!(clinic.rebuild().replace(find("consents").unwrap(), |_, _| {}).await.is_ok(), "other streams are whole");
    clinic.execute(&format!("delete from journal.log where aggregate_id = '{}'", patients[0])).await;
    assert!(clinic.rebuild().replace(find("consents").unwrap(), |_, _| {}).await.is_err(), "nobody knows whose events are missing");
    assert_eq!(clinic.schemas_aside().await.len(), 1, "nothing half built is left, but what was kept of `consents`");
}

#[tokio::test]
async fn one_patients_rows_are_known_as_of_every_position() {
    let clinic = Clinic::new().await;
    let (patient, consent) = (Uuid::new_v4(), Uuid::new_v4());
    let told = [
        registered(patient, "Curie"),
        consent_granted(consent, patient, Uuid::from_u128(9)),
        registered(Uuid::new_v4(), "Meitner"),
        identifier_added(patient, "77"),
        consent_revoked(consent, patient),
        deactivated(patient),
    ];
    for (event, position) in told.iter().zip(1..) {
        clinic.tell(event).await;
        clinic.project_all().await;
        let events = clinic.history().of_patient(patient, position).await.unwrap();
        let mut tx = clinic.owner.begin().await.unwrap();
        let mut stored: Vec<Stamped<PatientRow>> = read::rows(&mut tx, |q| {
            q.push("patient_id = ").push_bind(patient);
        })
        .await
        .unwrap();
        read::open(&clinic.vault, &mut stored).await.unwrap();
        let folded = fold_until::<Patients>(&events).unwrap();
        assert_eq!(folded.len(), 1);
        assert_eq!(folded[0].stamp, stored[0].stamp);
        assert_eq!(folded[0].row.demographics, stored[0].row.demographics);
        assert_eq!(folded[0].row.identifiers, stored[0].row.identifiers);
        let consents: Vec<Stamped<ConsentRow>> = read::rows(&mut tx, |q| {
            q.push("patient_id = ").push_bind(patient);
        })
        .await
        .unwrap();
        let now: Vec<_> = consents.iter().map(|consent| consent.row.status).collect();
        let then: Vec<_> = fold_until::<Consents>(&events).unwrap().iter().map(|consent| consent.row.status).collect();
        assert_eq!(then, now, "at position {position}");
    }
    let earlier = clinic.history().of_patient(patient, 4).await.unwrap();
    assert_eq!(fold_until::<Patients>(&earlier).unwrap()[0].row.status, PatientStatus::Active);
}
