//! Answers from the cache, told apart from answers from a table by what the table wouldn't say any more.

use std::time::Duration;

use anamnesis_access::{Access, AccessSettings, Limits};
use anamnesis_api::{ApiSettings, AppParts, router};
use anamnesis_cache::{Cache, RedisSettings};
use anamnesis_domain::account::Role;
use anamnesis_loops::Loops;
use anamnesis_vault::Vault;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::story::{Story, appointment, prediction};
use crate::world::{Answer, Client, World, patient};

const URL: &str = "ANAMNESIS_TEST_REDIS_URL";

fn settings() -> ApiSettings {
    ApiSettings { after_wait_ms: 10_000, position_wait_ms: 2_000, ..ApiSettings::default() }
}

fn in_redis(prefix: &str) -> impl Fn(&Vault) -> Cache {
    let url = std::env::var(URL).unwrap_or_else(|_| panic!("{URL} must name a running Redis"));
    let settings = RedisSettings { prefix: prefix.to_owned(), ..RedisSettings::new(url.into()) };
    move |vault| Cache::in_redis(vault.clone(), &settings).unwrap()
}

fn own_prefix() -> String {
    format!("test-{}:", Uuid::now_v7().simple())
}

/// One world with each kind of cache.
async fn worlds() -> [World; 2] {
    [World::new().await, World::of(settings(), AccessSettings::default(), in_redis(&own_prefix())).await]
}

/// Takes a table's rows away behind everything, so that only the cache still has them.
async fn empty(world: &World, table: &str) {
    sqlx::raw_sql(&format!("delete from read.{table}")).execute(&world.database.superuser()).await.unwrap();
}

/// Asks until the read models are so far that what is asked is cached, and answers what was told last.
async fn settled(client: &Client, path: &str, after: &Answer) -> Answer {
    client.get_after(path, after).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    client.get(path).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    client.get(path).await
}

#[tokio::test]
async fn a_patient_is_shown_from_the_cache_as_from_the_table_and_it_is_recorded() {
    for world in worlds().await {
        let story = Story::begin(&world).await;
        let path = format!("/v1/patients/{}", story.patient);
        let first = story.doctor.get_after(&path, &story.last).await;
        let recorded = "journal.events where aggregate_type = 'access'";
        let before = settled(&story.doctor, &path, &story.last).await;
        assert_eq!(before.bytes, first.bytes);
        let count = world.count(recorded).await;
        empty(&world, "patients").await;
        let cached = story.doctor.get(&path).await;
        assert_eq!((cached.status.as_u16(), &cached.bytes), (200, &first.bytes), "{}", cached.body);
        assert_eq!((cached.header("etag"), cached.header("cache-control")), ("\"1\"", "no-store"));
        assert!(cached.position() >= story.last.position());
        assert_eq!(world.count(recorded).await, count + 1, "the disclosure is recorded as ever");

        // the right, and how far it reaches, come first
        let other = world.sign_in_as_patient(Uuid::now_v7()).await;
        let house = world.found("Second House").await;
        let stranger = world.sign_in_to(house, Role::Provider, None).await;
        other.get(&path).await.is_problem(404, None);
        stranger.get(&path).await.is_problem(404, None);
        world.sign_in(Role::Admin).await.get(&path).await.is_problem(403, None);
        world.nobody().get(&path).await.is_problem(401, None);
        // the past is told from the log
        let past = story.doctor.get(&format!("{path}?as_of={}", story.last.position())).await;
        assert_eq!(past.bytes, first.bytes);
    }
}

#[tokio::test]
async fn what_was_written_is_read_whether_its_token_is_shown_or_not() {
    for world in worlds().await {
        let mut story = Story::begin(&world).await;
        let path = format!("/v1/patients/{}", story.patient);
        for number in 0..10 {
            story.on_patient("change-contact", &json!({ "phones": [{ "number": format!("+1 555 010{number}") }] })).await;
            let shown = story.doctor.get_after(&path, &story.last).await;
            assert_eq!((&shown.body["sequence"], shown.position() >= story.last.position()), (&json!(number + 2), true));
            assert_eq!(story.doctor.get(&path).await.bytes, shown.bytes, "nobody steps back behind what was reached");
        }
    }
}

#[tokio::test]
async fn a_days_appointments_and_a_schedule_are_the_same_from_the_cache() {
    for world in worlds().await {
        let story = Story::begin(&world).await;
        let doctor = &story.doctor;
        let other = doctor.must("/v1/patients", &patient("P-2", "Cuddy", "Lisa")).await.id();
        let day = (chrono::Utc::now() + chrono::Duration::days(10)).date_naive();
        let book = async |of, time: &str| doctor.must("/v1/appointments", &appointment(of, story.provider, &format!("{day}T{time}Z"))).await;
        book(story.patient, "09:00:00").await;
        book(other, "00:00:00").await;
        let last = book(story.patient, "23:30:00").await;
        let (from, to) = (format!("{day}T00:00:00Z"), format!("{day}T10:00:00Z"));
        let paths = [
            format!("/v1/appointments?day={day}"),
            format!("/v1/appointments?day={day}&limit=1"),
            format!("/v1/appointments?day={day}&status=SCHEDULED&provider={}", story.provider),
            format!("/v1/appointments?day={day}&status=CANCELLED"),
            format!("/v1/appointments?provider={}&from={from}&to={to}", story.provider),
            format!("/v1/appointments?provider={}&from={from}&to={to}&limit=1", story.provider),
        ];
        let mut before = Vec::new();
        for path in &paths {
            before.push(doctor.get_after(path, &last).await);
        }
        let next = before[1].body["next"].as_str().unwrap().to_owned();
        let second = format!("{}&cursor={next}", paths[1]);
        let second_before = doctor.get(&second).await;
        for path in &paths {
            settled(doctor, path, &last).await;
        }
        empty(&world, "appointments").await;
        for (path, before) in paths.iter().zip(&before) {
            let cached = doctor.get(path).await;
            assert_eq!(cached.body, before.body, "{path}");
        }
        assert_eq!(doctor.get(&second).await.body, second_before.body);
        assert_eq!((before[0].items("status").len(), before[1].items("status").len(), before[4].items("status").len()), (3, 1, 2));

        // who sees only their own asks the table, and so does who asks for one patient
        let zoe = world.sign_in_as_patient(story.patient).await;
        assert_eq!(zoe.get(&paths[0]).await.items("status").len(), 0);
        assert_eq!(doctor.get(&format!("{}&patient={other}", paths[0])).await.items("status").len(), 0);
    }
}

#[tokio::test]
async fn an_appointment_that_moves_leaves_one_day_and_stands_on_the_other() {
    for world in worlds().await {
        let story = Story::begin(&world).await;
        let doctor = &story.doctor;
        let days = [10, 11].map(|days| (chrono::Utc::now() + chrono::Duration::days(days)).date_naive());
        let booked = doctor.must("/v1/appointments", &appointment(story.patient, story.provider, &format!("{}T09:00:00Z", days[0]))).await;
        let on =
            async |day: usize, after: &Answer| doctor.get_after(&format!("/v1/appointments?day={}", days[day]), after).await.items("status").len();
        let schedule = format!("/v1/appointments?provider={}&from={}T00:00:00Z&to={}T00:00:00Z", story.provider, days[0], days[1]);
        assert_eq!((on(0, &booked).await, on(1, &booked).await), (1, 0));
        assert_eq!(doctor.get_after(&schedule, &booked).await.items("status").len(), 1);
        let path = format!("/v1/appointments/{}/reschedule", booked.id());
        let body =
            json!({ "provider_id": story.provider, "scheduled_at": format!("{}T09:00:00Z", days[1]), "duration_minutes": 30, "time_zone": "UTC" });
        let moved = doctor.must(&path, &body).await;
        assert_eq!((on(0, &moved).await, on(1, &moved).await), (0, 1));
        assert_eq!(doctor.get_after(&schedule, &moved).await.items("status").len(), 0);
    }
}

#[tokio::test]
async fn lists_of_the_directory_hold_until_anything_in_it_changes() {
    for world in worlds().await {
        let story = Story::begin(&world).await;
        let admin = world.sign_in(Role::Admin).await;
        for (path, table) in
            [("/v1/facilities?limit=5", "facilities"), ("/v1/providers?name=house", "providers"), ("/v1/organizations", "organizations")]
        {
            let before = settled(&admin, path, &story.last).await;
            assert_eq!(before.body["items"].as_array().unwrap().len(), 1, "{path}");
            empty(&world, table).await;
            let cached = admin.get(path).await;
            assert_eq!(cached.bytes, before.bytes, "{path}");
            assert!(cached.position() >= before.position());
            let other = world.sign_in(Role::Admin).await.get(path).await;
            assert_eq!(other.body["items"], json!([]), "{path}: everybody has their own");
        }
        let new = json!({ "name": "St. Luke's", "kind": "HOSPITAL" });
        let registered = admin.must("/v1/facilities", &new).await;
        let shown = admin.get_after("/v1/facilities?limit=5", &registered).await;
        assert_eq!(shown.items("name"), [json!("St. Luke's")]);
    }
}

#[tokio::test]
async fn the_same_question_is_answered_from_the_cache_until_there_is_something_newer() {
    for world in worlds().await {
        let story = Story::begin(&world).await;
        let doctor = &story.doctor;
        let path = format!("/v1/models/{}/find-prediction", story.model);
        let question = |patient: Uuid, age: u8| json!({ "model_version": "1.0", "patient_id": patient, "input": { "age": age } });
        let log = async |age| doctor.must("/v1/predictions", &prediction(story.model, story.patient, "1.0", age)).await;
        let ask = async || doctor.post(&path, &question(story.patient, 81)).await;
        let first = log(81).await;
        let last = log(82).await;
        doctor.get_after("/v1/predictions", &last).await;
        for _ in 0..3 {
            let told = ask().await;
            assert_eq!(told.body["prediction_id"], json!(first.id()), "{}", told.body);
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        empty(&world, "prediction_logs").await;
        let recorded = "journal.events where aggregate_type = 'access'";
        let count = world.count(recorded).await;
        let cached = ask().await;
        assert_eq!((cached.status.as_u16(), &cached.body["prediction_id"]), (200, &json!(first.id())), "{}", cached.body);
        assert_eq!(world.count(recorded).await, count + 1, "the disclosure is recorded as ever");

        // another's question, and another question, are others
        let other = world.sign_in_as_patient(Uuid::now_v7()).await;
        other.post(&path, &question(story.patient, 81)).await.is_problem(404, None);
        doctor.post(&path, &question(story.patient, 83)).await.is_problem(404, None);
        doctor.post(&path, &question(story.provider, 81)).await.is_problem(404, None);

        let newer = log(81).await;
        doctor.get_after("/v1/predictions", &newer).await;
        assert_eq!(ask().await.body["prediction_id"], json!(newer.id()), "the latest");
    }
}

#[tokio::test]
async fn what_is_revoked_is_gone_at_once_in_every_process() {
    let prefix = own_prefix();
    let world = World::of(settings(), AccessSettings::default(), in_redis(&prefix)).await;
    let (staff, admin) = (world.sign_in(Role::Staff).await, world.sign_in(Role::Admin).await);
    let vault = world.database.vault().await;
    let cache = in_redis(&prefix)(&vault);
    let writer = world.database.pool(anamnesis_journal::Role::Writer);
    let access = Access::new(writer, world.database.journal().await, vault, cache.clone(), AccessSettings::default(), &Loops::default());
    let elsewhere = staff.at(router(AppParts { access, cache, ..world.app.clone() }));
    assert_eq!(staff.get("/v1/patients").await.status, 200);
    assert_eq!(elsewhere.get("/v1/patients").await.status, 200, "known from the first process or from the stream");
    admin.must(&format!("/v1/accounts/{}/revoke-role", staff.account_id), &json!({ "role": "STAFF" })).await;
    for client in [&elsewhere, &staff] {
        client.get("/v1/patients").await.is_problem(403, None);
    }
    assert_eq!(elsewhere.post("/v1/auth/logout", &Value::Null).await.status, 204);
    for client in [&staff, &elsewhere] {
        client.get("/v1/patients").await.is_problem(401, None);
    }
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_again() {
    let prefix = own_prefix();
    let limits = Limits { requests: 5, sign_ins: 3, sign_ins_from_one_place: 0 };
    let access = AccessSettings { limits, ..AccessSettings::default() };
    for world in [
        World::of(settings(), access, |vault| Cache::in_memory(vault.clone(), 1 << 20)).await,
        World::of(settings(), access, in_redis(&prefix)).await,
    ] {
        let staff = world.sign_in(Role::Staff).await;
        for _ in 0..5 {
            assert_eq!(staff.get("/v1/patients").await.status, 200);
        }
        let refused = staff.get("/v1/patients?limit=1").await;
        refused.is_problem(429, None);
        assert!((1..=61).contains(&refused.header("retry-after").parse::<u32>().unwrap()));
        assert_eq!(staff.get("/v1/facilities").await.status, 200, "it is counted by endpoint");
        assert_eq!(world.sign_in(Role::Staff).await.get("/v1/patients").await.status, 200, "and by user");

        let guess = json!({ "email": "somebody@example.org", "password": "a wrong password" });
        for _ in 0..3 {
            world.nobody().post("/v1/auth/login", &guess).await.is_problem(401, None);
        }
        let refused = world.nobody().post("/v1/auth/login", &guess).await;
        refused.is_problem(429, None);
        assert!(!refused.header("retry-after").is_empty());
    }
}
