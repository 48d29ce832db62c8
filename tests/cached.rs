//! With Redis in between, is anything told that isn't so? Also when it is flushed, killed and started again.

use std::time::{Duration, Instant};

use anamnesis_tests::{Clinic, Redis, Server, eventually, new_patient, unique_name};
use serde_json::{Value, json};

use crate::secrecy::spellings;

fn clinic_with(redis: &Redis) -> Clinic {
    let settings: &'static str = redis.url().leak();
    Clinic::at(Server::with(vec![("ANAMNESIS_REDIS_URL", settings)].leak()))
}

/// Reads until Redis has what was read under a key that ends so.
pub(crate) fn until_cached(clinic: &Clinic, redis: &Redis, path: &str, key: &str) {
    eventually("it is cached", Duration::from_secs(30), || {
        clinic.doctor().get(path).expect(200);
        redis.dump().iter().any(|(name, _)| name.ends_with(key)).then_some(())
    });
}

pub(crate) fn change_contact(clinic: &Clinic, path: &str, number: u32) -> String {
    let contact = json!({ "phones": [{ "number": format!("+1 555 {number:07}") }] });
    clinic.staff().post(&format!("{path}/change-contact"), &contact).expect(200).consistency()
}

pub(crate) fn number_in(patient: &Value) -> String {
    patient["contact"]["phones"][0]["number"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn what_is_served_from_redis_is_what_the_read_model_says_and_nobody_can_read_it_there() {
    let redis = Redis::start();
    let clinic = clinic_with(&redis);
    let family = unique_name("Cached");
    let registered = clinic.register(&new_patient(&family));
    let (id, path) = (registered.id(), format!("/v1/patients/{}", registered.id()));
    let before = clinic.doctor().get_after(&path, &registered.consistency()).expect(200);
    until_cached(&clinic, &redis, &path, &format!("health:patient:{id}:profile"));
    clinic.administrator().get("/v1/facilities").expect(200);
    let provider = clinic.new_provider();
    clinic.doctor().get(&format!("/v1/providers/{provider}"));

    let mut database = clinic.server.database();
    let rows: i64 = database.one("select count(*) from audit.data_access_logs");
    database.execute(&format!("delete from read.patients where patient_id = '{id}'"));
    let cached = clinic.doctor().get(&path).expect(200);
    assert_eq!(cached.body, before.body, "byte for byte");
    assert!(cached.position() >= before.position());
    eventually("the read is recorded", Duration::from_secs(30), || {
        database.one::<i64>("select count(*) from audit.data_access_logs").gt(&rows).then_some(())
    });

    let dump = redis.dump();
    assert!(dump.iter().any(|(name, _)| name.contains(":user:session:")) && dump.iter().any(|(name, _)| name.contains(":rate:limit:")), "{dump:?}");
    let patterns: Vec<_> = [family.as_str(), "999-12-6789", "12 Elm Street"].into_iter().flat_map(spellings).collect();
    for (name, value) in &dump {
        let held = [name.as_bytes(), value].concat();
        let found = patterns.iter().find(|pattern| held.windows(pattern.len()).any(|window| window == pattern.as_bytes()));
        assert_eq!(found, None, "{name}");
    }
    let log = std::fs::read_to_string(clinic.server.log()).unwrap();
    assert!(!log.contains(redis.password()));
}

#[test]
fn a_redis_that_is_flushed_killed_and_started_again_makes_no_answer_wrong() {
    let mut redis = Redis::start();
    let clinic = clinic_with(&redis);
    let registered = clinic.register(&new_patient(&unique_name("Flushed")));
    let (id, path) = (registered.id(), format!("/v1/patients/{}", registered.id()));
    let key = format!("health:patient:{id}:profile");
    let right = |number: u32| {
        let token = change_contact(&clinic, &path, number);
        let shown = clinic.doctor().get_after(&path, &token).expect(200);
        assert_eq!(number_in(&shown.json()), format!("+1 555 {number:07}"), "the update is seen with its token");
        let again = clinic.doctor().get(&path).expect(200);
        assert_eq!(again.body, shown.body, "and without it from then on");
    };
    right(1);
    until_cached(&clinic, &redis, &path, &key);
    for number in 2..12 {
        if number % 3 == 0 {
            redis.flush();
        }
        right(number);
    }

    let ready = || clinic.server.anonymous().get("/health/ready").expect(200).json()["status"].clone();
    assert_eq!(ready(), "ready");
    redis.kill();
    let began = Instant::now();
    for number in 12..17 {
        right(number);
    }
    assert!(began.elapsed() < Duration::from_secs(15), "nobody waits for what is gone: {:?}", began.elapsed());
    assert_eq!(ready(), "degraded");
    let doctor = clinic.server.run(&["doctor", "--json"]).expect(0).json();
    let cache = doctor.as_array().unwrap().iter().find(|finding| finding["check"] == "cache").unwrap();
    assert_eq!(cache["state"], "warning", "{doctor}");

    redis.up();
    until_cached(&clinic, &redis, &path, &key);
    for number in 17..20 {
        right(number);
    }
    assert_eq!(ready(), "ready");
    assert!(clinic.server.is_running());
}
