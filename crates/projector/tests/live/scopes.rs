//! Who sees which rows?

use anamnesis_projections::ALL;
use anamnesis_projections::audit_logs::AuditRow;
use anamnesis_projections::consents::ConsentRow;
use anamnesis_projections::data_access_logs::DataAccessRow;
use anamnesis_projections::kernel::Row;
use anamnesis_projections::patients::PatientRow;
use anamnesis_projector::ProjectorError;
use anamnesis_projector::read::{self, Scope};
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use crate::stories::{accessed, consent_granted, registered};
use crate::support::Clinic;

const NOBODYS_ACCOUNT: Uuid = Uuid::from_u128(0xac);

/// Two patients here, one elsewhere; each of the first two has a consent and was looked at.
async fn clinic() -> (Clinic, [Uuid; 3]) {
    let clinic = Clinic::new().await;
    let patients = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
    let elsewhere = Uuid::new_v4();
    clinic
        .tell_all(&[registered(patients[0], "Ann"), registered(patients[1], "Bob"), registered(patients[2], "Cy").in_organization(elsewhere)])
        .await;
    clinic.tell_all(&[consent_granted(Uuid::new_v4(), patients[0], Uuid::new_v4()), accessed(Uuid::new_v4(), &patients[..2])]).await;
    clinic.project_all().await;
    (clinic, patients)
}

async fn seen<R: Row>(clinic: &Clinic, organization: Uuid, scope: Scope) -> usize {
    let mut tx = read::begin(&clinic.reader, ALL, organization, scope).await.unwrap();
    read::rows::<R>(&mut tx, |q| {
        q.push("true");
    })
    .await
    .unwrap()
    .len()
}

#[tokio::test]
async fn who_has_not_said_for_whom_they_read_is_refused() {
    let (clinic, _) = clinic().await;
    let mut connection = clinic.reader.acquire().await.unwrap();
    assert!(matches!(all(&mut connection).await, Err(ProjectorError::Database(_))), "a fresh connection");
    let tx = read::begin(&clinic.reader, ALL, clinic.organization, Scope::Staff).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = clinic.reader.begin().await.unwrap();
    assert!(all(&mut tx).await.is_err(), "what an earlier transaction said is forgotten");
}

async fn all(connection: &mut sqlx::PgConnection) -> Result<usize, ProjectorError> {
    Ok(read::rows::<PatientRow>(connection, |q| {
        q.push("true");
    })
    .await?
    .len())
}

#[tokio::test]
async fn staff_see_their_organization_and_no_other() {
    let (clinic, _) = clinic().await;
    assert_eq!(seen::<PatientRow>(&clinic, clinic.organization, Scope::Staff).await, 2);
    assert_eq!(seen::<PatientRow>(&clinic, clinic.organization, Scope::Provider { account_id: NOBODYS_ACCOUNT }).await, 2);
    assert_eq!(seen::<PatientRow>(&clinic, Uuid::new_v4(), Scope::Staff).await, 0);
}

#[tokio::test]
async fn a_patient_sees_their_own_rows_only() {
    let (clinic, [ann, bob, cy]) = clinic().await;
    let as_patient = |patient_id| Scope::Patient { patient_id, account_id: NOBODYS_ACCOUNT };
    assert_eq!(seen::<PatientRow>(&clinic, clinic.organization, as_patient(ann)).await, 1);
    assert_eq!(seen::<ConsentRow>(&clinic, clinic.organization, as_patient(ann)).await, 1);
    assert_eq!(seen::<ConsentRow>(&clinic, clinic.organization, as_patient(bob)).await, 0);
    assert_eq!(seen::<PatientRow>(&clinic, clinic.organization, as_patient(cy)).await, 0, "who belongs to another organization sees nothing here");
    assert_eq!(seen::<DataAccessRow>(&clinic, clinic.organization, as_patient(bob)).await, 1, "who has looked at one's own data");
}

#[tokio::test]
async fn the_audit_log_is_for_auditors() {
    let (clinic, [ann, ..]) = clinic().await;
    assert_eq!(seen::<AuditRow>(&clinic, clinic.organization, Scope::Audit).await, 4);
    assert_eq!(seen::<DataAccessRow>(&clinic, clinic.organization, Scope::Audit).await, 2);
    for scope in [Scope::Staff, Scope::Patient { patient_id: ann, account_id: NOBODYS_ACCOUNT }] {
        assert_eq!(seen::<AuditRow>(&clinic, clinic.organization, scope).await, 0);
    }
    assert_eq!(seen::<DataAccessRow>(&clinic, clinic.organization, Scope::Staff).await, 0);
    assert_eq!(seen::<PatientRow>(&clinic, clinic.organization, Scope::Audit).await, 0, "auditors see what was done, not who is ill");
}

#[tokio::test]
async fn readers_write_nothing() {
    let (clinic, _) = clinic().await;
    for write in [
        "delete from read.patients",
        "update read.patients set status = 'DEACTIVATED'",
        "insert into read.versions (projection, definition, state) values ('a', 'b', 'live')",
    ] {
        let refused = sqlx::query(write).execute(&clinic.reader).await.expect_err(write).to_string();
        assert!(refused.contains("permission denied"), "{refused}");
    }
}

/// What can't be locked is no reason to leave the connection to its next user inside a transaction that failed.
#[tokio::test]
async fn whoever_was_refused_the_tables_leaves_the_connection_as_it_was() {
    let (clinic, _) = clinic().await;
    let only = PgPoolOptions::new().max_connections(1).connect_lazy_with((*clinic.reader.connect_options()).clone());
    clinic.execute("alter table read.patients rename to elsewhere").await;
    assert!(read::begin(&only, ALL, clinic.organization, Scope::Staff).await.is_err(), "there is no such table");
    clinic.execute("alter table read.elsewhere rename to patients").await;
    let mut tx = read::begin(&only, ALL, clinic.organization, Scope::Staff).await.unwrap();
    assert_eq!(all(&mut tx).await.unwrap(), 2);
}
