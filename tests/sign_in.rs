//! Who gets in, and how do they leave?

use anamnesis_tests::{Role, clinic, unique};
use serde_json::json;

#[test]
fn the_right_password_opens_a_session_and_the_wrong_one_does_not() {
    let clinic = clinic();
    let (email, password) = (format!("{}@clinic.example", unique()), unique());
    let account = json!({ "profile": { "email": email, "display_name": "Test" }, "roles": [{ "role": "STAFF" }] });
    clinic.administrator().post("/v1/accounts", &json!({ "account": account, "password": password })).expect(201);
    let anonymous = clinic.server.anonymous();

    let answer = anonymous.post("/v1/auth/login", &json!({ "email": email.to_uppercase(), "password": password })).expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!((answer.json()["token_type"].as_str(), answer.json()["roles"].clone()), (Some("Bearer"), json!(["STAFF"])));

    let wrong = anonymous.post("/v1/auth/login", &json!({ "email": email, "password": unique() }));
    let unknown = anonymous.post("/v1/auth/login", &json!({ "email": format!("{}@clinic.example", unique()), "password": password }));
    assert_eq!(wrong.problem(401), "sign-in-failed");
    assert_eq!(wrong.text(), unknown.text(), "nobody learns who has an account");
}

#[test]
fn a_token_that_was_never_given_out_opens_nothing() {
    let clinic = clinic();
    let anonymous = clinic.server.anonymous();
    let real = clinic.staff();
    let mut altered = real.token().to_owned();
    altered.replace_range(10..11, if &altered[10..11] == "A" { "B" } else { "A" });
    for token in ["", "anm_", &altered, &unique(), "null"] {
        let answer = anonymous.with_token(token).get("/v1/patients");
        assert_eq!(answer.problem(401), "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let basic = anonymous.request("GET", "/v1/patients").header("authorization", &format!("Basic {}", real.token())).send();
    assert_eq!(basic.problem(401), "unauthenticated");
}

#[test]
fn after_sign_out_the_token_opens_nothing_any_more() {
    let clinic = clinic();
    let leaving = clinic.server.somebody(Role::Staff);
    leaving.get("/v1/patients?limit=1").expect(200);
    leaving.post("/v1/auth/logout", &json!({})).expect(204);
    assert_eq!(leaving.get("/v1/patients?limit=1").problem(401), "unauthenticated");
}

#[test]
fn a_locked_account_is_out_at_once_and_signs_in_anew_after_unlocking() {
    let clinic = clinic();
    let (email, password) = (format!("{}@clinic.example", unique()), unique());
    let account = json!({ "profile": { "email": email, "display_name": "Test" }, "roles": [{ "role": "STAFF" }] });
    clinic.administrator().post("/v1/accounts", &json!({ "account": account, "password": password })).expect(201);
    let locked = clinic.server.anonymous().sign_in(&email, &password);
    locked.get("/v1/patients?limit=1").expect(200);
    let account = format!("/v1/accounts/{}", locked.account_id);
    clinic.administrator().post(&format!("{account}/lock"), &json!({ "reason": "left the keys in the door" })).expect(200);
    assert_eq!(locked.get("/v1/patients?limit=1").problem(401), "unauthenticated");
    clinic.administrator().post(&format!("{account}/unlock"), &json!({})).expect(200);
    assert_eq!(locked.get("/v1/patients?limit=1").problem(401), "unauthenticated");
    clinic.server.anonymous().sign_in(&email, &password).get("/v1/patients?limit=1").expect(200);
}

#[test]
fn a_revoked_role_is_gone_with_the_next_request() {
    let clinic = clinic();
    let demoted = clinic.server.somebody(Role::Staff);
    demoted.get("/v1/patients?limit=1").expect(200);
    clinic.administrator().post(&format!("/v1/accounts/{}/revoke-role", demoted.account_id), &json!({ "role": "STAFF" })).expect(200);
    assert_eq!(demoted.get("/v1/patients?limit=1").problem(403), "forbidden");
}

#[test]
fn a_short_password_makes_no_account() {
    let clinic = clinic();
    let email = format!("{}@clinic.example", unique());
    let account = json!({ "profile": { "email": email, "display_name": "Test" }, "roles": [{ "role": "STAFF" }] });
    let body = |password: &str| json!({ "account": account, "password": password });
    let refused = clinic.administrator().post("/v1/accounts", &body("elevenchars"));
    assert_eq!((refused.problem(422).as_str(), refused.fields()), ("invalid-field", vec!["password".to_owned()]));
    assert!(!refused.text().contains("elevenchars"));
    clinic.administrator().post("/v1/accounts", &body("twelve chars")).expect(201);
    assert_eq!(clinic.administrator().post("/v1/accounts", &body("another one with twelve")).problem(409), "taken");
}

#[test]
fn the_host_makes_one_administrator_and_no_second() {
    let clinic = clinic();
    clinic.administrator();
    let second = clinic.server.run(&["account", "create", "--email", "second@clinic.example", "--json"]).expect(1);
    assert!(second.stderr.contains("there is an administrator already"), "{second}");
    assert_eq!(second.stdout, "");
}
