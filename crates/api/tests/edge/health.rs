use std::str::FromStr as _;
use std::time::Duration;

use anamnesis_api::{ApiSettings, AppParts, router};
use anamnesis_domain::account::Role;
use anamnesis_domain::system::{CANARY, CanaryBeat, System, SystemCommand};
use anamnesis_journal::Caller;
use chrono::Utc;
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};

use crate::world::{Client, World, patient};

#[tokio::test]
async fn readiness_names_every_dependency() {
    let world = World::new().await;
    let staff = world.sign_in(Role::Staff).await;
    let registered = staff.must("/v1/patients", &patient("P-1", "Glover", "Zoë")).await;
    staff.get_after("/v1/patients", &registered).await;
    let nobody = world.nobody();
    let mut ready = nobody.get("/health/ready").await;
    for _ in 0..50 {
        if ready.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        ready = nobody.get("/health/ready").await;
    }
    assert_eq!((ready.status.as_u16(), &ready.body["status"]), (200, &json!("ready")), "{}", ready.body);
    let names: Vec<_> = ready.body["dependencies"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names[..3], ["database", "sequencer", "tree"]);
    for projection in anamnesis_projections::ALL {
        assert!(names.contains(&format!("projection {}", projection.name).as_str()), "{names:?}");
    }
}

#[tokio::test]
async fn a_dead_database_is_noticed() {
    let world = World::new().await;
    let name: String = sqlx::query_scalar("select current_database()").fetch_one(&world.database.superuser()).await.unwrap();
    let elsewhere = PgConnectOptions::from_str(&world.database.url()).unwrap().database("postgres");
    let mut superuser = PgConnection::connect_with(&elsewhere).await.unwrap();
    let close = format!("alter database {name} with allow_connections false");
    sqlx::raw_sql(&close).execute(&mut superuser).await.unwrap();
    let terminate = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1";
    sqlx::query(terminate).bind(&name).execute(&mut superuser).await.unwrap();
    let answer = world.nobody().get("/health/ready").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body["dependencies"][0], json!({ "name": "database", "is_well": false, "state": "doesn't answer" }));
    assert_eq!(world.nobody().get("/health/live").await.status, 200);
}

#[tokio::test]
async fn a_read_model_that_stays_behind_is_not_taken_for_the_present() {
    let mut world = World::with(ApiSettings { after_wait_ms: 200, position_wait_ms: 2_000, ..ApiSettings::default() }).await;
    let staff = world.sign_in(Role::Staff).await;
    let first = staff.must("/v1/patients", &patient("P-1", "Glover", "Zoë")).await;
    while staff.get_after("/v1/patients", &first).await.status != 200 {}
    drop(world.projecting.take());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let second = staff.must("/v1/patients", &patient("P-2", "Glover", "Ann")).await;
    let late = staff.get_after("/v1/patients", &second).await;
    late.is_problem(503, None);
    assert_eq!(late.header("retry-after"), "1");
    // without a token the answer is given as it is, and says how old it is
    let old = staff.get("/v1/patients").await;
    assert_eq!(old.items("patient_id").len(), 1);
    assert!(old.position() < second.position());
    let past = staff.get(&format!("/v1/patients/{}?as_of={}", second.id(), second.position())).await;
    assert_eq!(past.body["patient_number"], "P-2", "the past needs no read model");
    assert_ne!(world.nobody().get("/health/ready").await.body["status"], Value::Null);
}

#[tokio::test]
async fn readiness_is_red_while_no_canary_comes_through() {
    let world = World::with(ApiSettings { canary_age_ms: Some(3_600_000), ..ApiSettings::default() }).await;
    let ready = async |asked: Client| {
        let told = asked.get("/health/ready").await;
        let canary = told.body["dependencies"].as_array().unwrap().iter().find(|told| told["name"] == "canary").unwrap().clone();
        (told.status.as_u16(), canary)
    };
    let (status, canary) = ready(world.nobody()).await;
    assert_eq!((status, &canary["is_well"]), (503, &json!(false)), "none was ever written: {canary}");
    let beat = CanaryBeat { beat_at: Utc::now().into(), number: 1 };
    let caller = Caller { organization_id: world.organization, ..anamnesis_journal::testing::caller() };
    world.app.journal.execute::<System>(CANARY, SystemCommand::Tell(beat.into()), &caller, None).await.unwrap();
    let mut told = ready(world.nobody()).await;
    for _ in 0..200 {
        if told.0 == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        told = ready(world.nobody()).await;
    }
    assert_eq!((told.0, &told.1["is_well"]), (200, &json!(true)), "{}", told.1);
    // the same canary, where a newer one should have come long ago
    let settings = ApiSettings { canary_age_ms: Some(1), ..world.app.settings };
    let (status, canary) = ready(world.nobody().at(router(AppParts { settings, ..world.app.clone() }))).await;
    assert_eq!((status, &canary["is_well"]), (503, &json!(false)), "{canary}");
    assert!(canary["lag_seconds"].is_number(), "{canary}");
}
