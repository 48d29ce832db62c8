//! What is an installation? A data directory with one program at a time; two of them know nothing of each other.

use anamnesis_tests::{Clinic, Server, clinic, new_patient, unique_name};
use serde_json::json;

#[test]
fn a_second_up_on_the_same_data_directory_says_who_is_there() {
    let server = &clinic().server;
    let second = server.run(&["up", "--listen", "127.0.0.1:0"]).expect(1);
    assert!(second.stderr.contains("another anamnesis") && second.stderr.contains("--data-dir"), "{second}");
    assert!(server.is_running());
    server.anonymous().get("/health/ready").expect(200);
}

#[test]
fn nothing_is_made_so_that_it_can_be_looked_at() {
    let server = Server::new(&[]);
    for asked in [&["verify"][..], &["projection", "list"], &["keys", "list"], &["reactor", "list"]] {
        let told = server.run(asked).expect(1);
        assert!(told.stderr.contains("there is no installation in") && told.stderr.contains("--data-dir"), "{asked:?}: {told}");
        assert!(told.stdout.is_empty(), "{asked:?}: {told}");
    }
    let examined = server.run(&["doctor"]).expect(1);
    assert!(examined.stdout.contains("there is no installation in"), "{examined}");
    assert!(!server.data_dir().join("postgres").exists() && !server.data_dir().join("keyring.toml").exists());
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let server = Server::new(&[]);
    let refused = server.run(&["up", "--listen", &address]).expect(1);
    assert!(refused.stderr.contains(&address), "{refused}");
}

#[test]
fn two_installations_on_one_machine_know_nothing_of_each_other_and_keep_their_data() {
    let (one, other) = (clinic(), Clinic::at(Server::start()));
    let family = unique_name("Twoplaces");
    let (here, there) = (one.register(&new_patient(&family)), other.register(&new_patient(&family)));
    one.doctor().get_after(&format!("/v1/patients/{}", here.id()), &here.consistency()).expect(200);
    assert_eq!(other.doctor().get(&format!("/v1/patients/{}", here.id())).status, 404);
    assert_eq!(other.server.anonymous().with_token(one.staff().token()).get("/v1/patients").problem(401), "unauthenticated");

    assert_eq!(other.server.stop(), Some(0));
    other.server.up();
    let kept = other.doctor().get_after(&format!("/v1/patients/{}", there.id()), &there.consistency()).expect(200);
    assert_eq!(kept.json()["demographics"]["name"]["family"], family);
    assert_eq!(other.staff().post(&format!("/v1/patients/{}/deactivate", there.id()), &json!({})).expect(200).must("etag"), "\"2\"");
}

#[test]
fn the_command_line_works_on_an_installation_that_does_not_run() {
    let server = Server::new(&[]);
    server.run(&["migrate"]).expect(0);
    server.run(&["migrate"]).expect(0);
    let created = server.run(&["account", "create", "--email", "first@clinic.example", "--json"]).json();
    assert!(created["password"].as_str().is_some_and(|password| password.len() >= 20));
    server.run(&["verify", "--json"]).expect(0);
    server.up();
    server.anonymous().sign_in("first@clinic.example", created["password"].as_str().unwrap());
}
