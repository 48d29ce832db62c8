//! When does a session end, and what does a password open?

use anamnesis_domain::account::Role;
use serde_json::json;

use crate::world::{Client, PASSWORD, World, patient};

const ANOTHER: &str = "another battery, staple or horse";
const THIRD: &str = "a third one, by somebody else";

/// What every account may ask for.
const ANYTHING: &str = "/v1/organizations";

async fn is_in(client: &Client) -> bool {
    let status = client.get(ANYTHING).await.status.as_u16();
    assert!(status == 200 || status == 401, "{status}");
    status == 200
}

async fn opens(client: &Client, password: &str) -> bool {
    let status = client.sign_in(password).await.status.as_u16();
    assert!(status == 200 || status == 401, "{status}");
    status == 200
}

fn of(client: &Client, operation: &str) -> String {
    format!("/v1/accounts/{}/{operation}", client.account_id)
}

#[tokio::test]
async fn a_new_password_ends_every_session_that_the_old_one_opened() {
    let world = World::new().await;
    let (admin, one, somebody_else) = (world.sign_in(Role::Admin).await, world.sign_in(Role::Staff).await, world.sign_in(Role::Staff).await);
    let other = one.signed_in(PASSWORD).await;
    assert!(is_in(&one).await && is_in(&other).await);
    admin.must(&of(&one, "set-password"), &json!({ "password": ANOTHER })).await;
    assert!(!is_in(&one).await && !is_in(&other).await);
    assert!(is_in(&somebody_else).await && is_in(&admin).await);
    assert!(!opens(&one, PASSWORD).await);
    assert!(is_in(&one.signed_in(ANOTHER).await).await);
}

/// 45 CFR 164.312(a)(2)(iii), automatic logoff: half an hour without a request, and half a day with as many as you like.
#[tokio::test]
async fn who_does_nothing_for_half_an_hour_is_signed_out_and_everybody_after_half_a_day() {
    let world = World::new().await;
    let (one, other) = (world.sign_in(Role::Staff).await, world.sign_in(Role::Staff).await);
    let superuser = world.database.superuser();
    let ages = async |minutes: i32| {
        let sql = "update identity.sessions
                   set last_seen_at = last_seen_at - make_interval(mins => $2), expires_at = expires_at - make_interval(mins => $2)
                   where account_id = $1";
        sqlx::query(sql).bind(one.account_id).bind(minutes).execute(&superuser).await.unwrap();
    };
    // each look is seen, and starts the half hour anew
    for _ in 0..24 {
        ages(29).await;
        assert!(is_in(&one).await);
    }
    ages(24).await;
    assert!(!is_in(&one).await, "24 times 29 minutes, and 24 more: half a day");
    let one = one.signed_in(PASSWORD).await;
    assert!(is_in(&one).await);
    ages(31).await;
    one.get(ANYTHING).await.is_problem(401, None);
    assert!(!is_in(&one).await, "nobody comes back by asking again");
    assert!(is_in(&other).await);
}

#[tokio::test]
async fn a_command_that_comes_again_brings_no_old_password_back() {
    let world = World::new().await;
    let (admin, staff) = (world.sign_in(Role::Admin).await, world.sign_in(Role::Staff).await);
    let (path, body, key) = (of(&staff, "set-password"), json!({ "password": ANOTHER }), [("idempotency-key", "once")]);
    assert_eq!(admin.post_with(&path, &body, &key).await.status, 204);
    admin.must(&path, &json!({ "password": THIRD })).await;
    let session = staff.signed_in(THIRD).await;
    assert_eq!(admin.post_with(&path, &body, &key).await.status, 204);
    assert!(!opens(&staff, ANOTHER).await && opens(&staff, THIRD).await);
    assert!(is_in(&session).await);
}

#[tokio::test]
async fn an_account_that_is_made_again_keeps_its_present_password() {
    let world = World::new().await;
    let admin = world.sign_in(Role::Admin).await;
    let account = json!({ "profile": { "email": "cuddy@example.org", "display_name": "Cuddy" }, "roles": [{ "role": "STAFF" }] });
    let (body, key) = (json!({ "account": account, "password": PASSWORD }), [("idempotency-key", "once")]);
    let made = admin.post_with("/v1/accounts", &body, &key).await;
    admin.must(&format!("/v1/accounts/{}/set-password", made.id()), &json!({ "password": ANOTHER })).await;
    assert_eq!(admin.post_with("/v1/accounts", &body, &key).await.id(), made.id());
    let login = async |password| admin.post("/v1/auth/login", &json!({ "email": "cuddy@example.org", "password": password })).await.status;
    assert_eq!((login(PASSWORD).await.as_u16(), login(ANOTHER).await.as_u16()), (401, 200));
}

#[tokio::test]
async fn a_command_that_was_cut_off_before_the_password_was_stored_stores_it_when_it_comes_again() {
    let world = World::new().await;
    let (admin, staff) = (world.sign_in(Role::Admin).await, world.sign_in(Role::Staff).await);
    let (path, body, key) = (of(&staff, "set-password"), json!({ "password": ANOTHER }), [("idempotency-key", "once")]);
    let superuser = world.database.superuser();
    sqlx::raw_sql("create table before as select * from identity.credentials").execute(&superuser).await.unwrap();
    assert_eq!(admin.post_with(&path, &body, &key).await.status, 204);
    let undone = "update identity.credentials c set password_hash = b.password_hash, changed_at = b.changed_at from before b where b.account_id = c.account_id";
    sqlx::raw_sql(undone).execute(&superuser).await.unwrap();
    assert!(opens(&staff, PASSWORD).await);
    assert_eq!(admin.post_with(&path, &body, &key).await.status, 204);
    assert!(!opens(&staff, PASSWORD).await && opens(&staff, ANOTHER).await);
}

#[tokio::test]
async fn a_session_that_an_administrator_ended_does_not_come_back() {
    let world = World::new().await;
    let admin = world.sign_in(Role::Admin).await;
    for (shut, open_again) in [("lock", "unlock"), ("deactivate", "reactivate")] {
        let staff = world.sign_in(Role::Staff).await;
        admin.must(&of(&staff, shut), &json!({})).await;
        assert!(!is_in(&staff).await && !opens(&staff, PASSWORD).await, "{shut}");
        admin.must(&of(&staff, open_again), &json!({})).await;
        assert!(!is_in(&staff).await && opens(&staff, PASSWORD).await, "{open_again}");
    }
}

#[tokio::test]
async fn a_password_is_set_on_any_account_that_is_in_use() {
    let world = World::new().await;
    let (admin, staff) = (world.sign_in(Role::Admin).await, world.sign_in(Role::Staff).await);
    let body = json!({ "password": ANOTHER });
    let (other, unknown) = (world.found("Second House").await, format!("/v1/accounts/{}/set-password", uuid::Uuid::now_v7()));
    admin.post(&unknown, &body).await.is_problem(404, None);
    let foreign = world.sign_in_to(other, Role::Staff, None).await;
    admin.post(&of(&foreign, "set-password"), &body).await.is_problem(404, None);
    assert!(is_in(&foreign).await);
    admin.must(&of(&staff, "lock"), &json!({})).await;
    assert_eq!(admin.post(&of(&staff, "set-password"), &body).await.status, 204);
    admin.must(&of(&staff, "deactivate"), &json!({})).await;
    let refused = admin.post(&of(&staff, "set-password"), &body).await;
    refused.is_problem(409, None);
    assert_eq!(refused.body["rule"], "deactivated");
}

#[tokio::test]
async fn strangers_guesses_end_no_session_and_leave_no_more_than_a_lock() {
    let world = World::new().await;
    let (admin, staff) = (world.sign_in(Role::Admin).await, world.sign_in(Role::Staff).await);
    let events = format!("journal.events where aggregate_type = 'account' and aggregate_id = '{}'", staff.account_id);
    let before = world.count(&events).await;
    for _ in 0..10 {
        assert!(!opens(&staff, ANOTHER).await);
    }
    assert!(is_in(&staff).await, "who is in stays in");
    assert!(!opens(&staff, PASSWORD).await, "who isn't waits");
    assert_eq!(world.count(&events).await, before + 11, "ten guesses and a lock");
    let commands = world.count("journal.commands").await;
    for _ in 0..3 {
        assert!(!opens(&staff, ANOTHER).await);
    }
    assert_eq!((world.count(&events).await, world.count("journal.commands").await), (before + 11, commands), "guesses at a closed door");
    admin.must(&of(&staff, "unlock"), &json!({})).await;
    assert!(!opens(&staff, ANOTHER).await);
    assert_eq!(world.count(&events).await, before + 13, "counted again as soon as it is open");
    assert!(opens(&staff, PASSWORD).await && is_in(&staff).await);
}

#[tokio::test]
async fn nobody_gives_their_own_account_a_role_or_a_patients_records() {
    let world = World::new().await;
    let (admin, other, staff) = (world.sign_in(Role::Admin).await, world.sign_in(Role::Admin).await, world.sign_in(Role::Staff).await);
    let somebody = staff.must("/v1/patients", &patient("P-1", "Glover", "Zoë")).await.id();
    let (role, links) = (json!({ "role": "AUDITOR" }), json!({ "patient_id": somebody }));
    for (operation, body) in [("grant-role", &role), ("link", &links)] {
        let refused = admin.post(&of(&admin, operation), body).await;
        refused.is_problem(403, None);
        assert_eq!(refused.body["rule"], "own_account");
        admin.must(&of(&staff, operation), body).await;
        admin.must(&of(&other, operation), body).await;
    }
    assert_eq!(world.count("journal.events where event_type = 'AccessDenied'").await, 2);
    admin.must(&of(&admin, "revoke-role"), &json!({ "role": "ADMIN" })).await;
}

#[tokio::test]
async fn a_role_at_one_facility_is_refused_by_its_field() {
    let world = World::new().await;
    let (admin, staff) = (world.sign_in(Role::Admin).await, world.sign_in(Role::Staff).await);
    let refused = admin.post(&of(&staff, "grant-role"), &json!({ "role": "PROVIDER", "facility_id": uuid::Uuid::now_v7() })).await;
    refused.is_problem(422, Some("facility_id"));
    assert_eq!((refused.body["rule"].as_str(), refused.body["detail"].as_str().unwrap().contains("facility_id")), (Some("one_facility"), true));
}
