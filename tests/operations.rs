//! What does an operator see, and what never?

use std::fs;

use anamnesis_tests::{Run, Server, clinic};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

#[test]
fn the_list_of_keys_prints_no_key() {
    let clinic = clinic();
    let patient = clinic.new_patient();
    let listed = clinic.server.run(&["keys", "list", "--json"]);
    let keys = listed.stdout.clone();
    let lines = listed.json();
    let of_patient: Vec<_> = lines.as_array().unwrap().iter().filter(|line| line["subject_id"] == patient.as_str()).collect();
    assert!(of_patient.iter().any(|line| line["purpose"] == "data" && line["state"] == "active"), "{of_patient:?}");
    let keyring = fs::read_to_string(clinic.server.data_dir().join("keyring.toml")).unwrap();
    let secrets: Vec<_> = keyring.split('"').filter(|text| STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == 32)).collect();
    assert!(!secrets.is_empty());
    let table = clinic.server.run(&["keys", "list"]).expect(0).stdout;
    let wraps: Vec<String> = clinic.server.database().all("select encode(w.wrapped, 'base64') from journal.keys k, unnest(k.wraps) w");
    for printed in [&keys, &table] {
        assert!(secrets.iter().all(|secret| !printed.contains(secret)));
        assert!(wraps.iter().all(|wrap| !printed.contains(&wrap[..40])));
    }
}

#[test]
fn a_healthy_installation_passes_the_examination() {
    let examined = clinic().server.run(&["doctor", "--json"]);
    let findings = examined.json();
    let checks: Vec<_> = findings.as_array().unwrap().iter().filter_map(|finding| finding["check"].as_str()).collect();
    for check in ["connection", "encryption", "audit", "projections", "parked", "clock", "disk"] {
        assert!(checks.contains(&check), "{check} isn't in {checks:?}");
    }
    let lines = clinic().server.run(&["doctor"]).expect(0).stdout.lines().count();
    assert!(lines >= checks.len(), "one line each");
}

#[test]
fn an_installation_whose_database_is_away_fails_the_examination() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(&[("ANAMNESIS_DATABASE_URL", "postgres://nobody:hunter2@127.0.0.1:1/nothing")]);
    let examined = server.run(&["doctor", "--json"]).expect(1);
    let findings: Value = serde_json::from_str(&examined.stdout).unwrap_or_else(|_| panic!("{examined}"));
    assert!(findings.as_array().unwrap().iter().any(|finding| finding["check"] == "connection" && finding["state"] == "bad"), "{findings}");
    assert!(!examined.stdout.contains("hunter2") && !examined.stderr.contains("hunter2"), "{examined}");
    drop(folder);
}

#[test]
fn an_installation_whose_keys_are_others_fails_the_examination() {
    let server = Server::new(&[]);
    server.run(&["account", "create", "--email", "first@clinic.example"]).expect(0);
    fs::remove_file(server.data_dir().join("keyring.toml")).unwrap();
    let examined = server.run(&["doctor", "--json"]);
    assert_eq!(examined.code, 1, "{examined}");
}

#[test]
fn the_settings_are_printed_with_secrets_masked() {
    let server = Server::new(&[("ANAMNESIS_DATABASE_URL", "postgres://me:hunter2@db.example/records"), ("ANAMNESIS_IDLE_MINUTES", "7")]);
    let printed = server.run(&["config"]).expect(0);
    assert!(printed.stdout.contains("idle_minutes = 7"), "{printed}");
    assert!(printed.stdout.contains("database_url") && !printed.stdout.contains("hunter2"), "{printed}");
    let json = server.run(&["config", "--json"]).json();
    assert_eq!(json["idle_minutes"], 7);
    assert!(!json.to_string().contains("hunter2"));
}

#[test]
fn an_unknown_setting_is_an_error_that_names_it() {
    let server = Server::new(&[("ANAMNESIS_LISEN", "127.0.0.1:1")]);
    let refused = server.run(&["config"]);
    assert!(refused.code != 0 && refused.stderr.to_lowercase().contains("lisen"), "{refused}");
    let file = server.scratch().join("other.toml");
    fs::write(&file, "colour = \"blue\"\n").unwrap();
    let refused = Server::new(&[]).run(&["config", "--config", &file.display().to_string()]);
    assert!(refused.code != 0 && refused.stderr.contains("colour"), "{refused}");
}

#[test]
fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    let server = Server::new(&[("ANAMNESIS_IDLE_MINUTES", "8"), ("ANAMNESIS_LISTEN", "127.0.0.1:2")]);
    let file = server.scratch().join("mine.toml");
    fs::write(&file, "idle_minutes = 9\nsession_minutes = 99\n").unwrap();
    let printed = server.run(&["config", "--config", &file.display().to_string()]).expect(0);
    for line in ["idle_minutes = 8", "session_minutes = 99", "listen = \"127.0.0.1:2\""] {
        assert!(printed.stdout.contains(line), "{line}: {printed}");
    }
}

#[test]
fn wrong_usage_exits_with_2_and_help_with_0() {
    for arguments in [
        &["dance"][..],
        &[],
        &["import"],
        &["import", "fhir"],
        &["history"],
        &["history", "--patient", "nobody"],
        &["history", "--patient", "00000000-0000-7000-8000-000000000000", "--as-of", "1", "--diff", "1", "2"],
        &["replay"],
        &["up", "--listen", "everywhere"],
        &["projection", "rebuild"],
        &["projection", "rebuild", "patients", "--to", "1", "--replace"],
        &["projection", "rollback"],
        &["projection", "drop-kept"],
        &["projection", "park"],
        &["projection", "park", "retry"],
        &["projection", "park", "skip", "00000000-0000-7000-8000-000000000000"],
        &["keys"],
        &["account", "create"],
        &["verify", "--fast"],
    ] {
        let run = Run::bare(arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {run}");
    }
    for verb in [
        &[][..],
        &["up"],
        &["migrate"],
        &["import"],
        &["import", "fhir"],
        &["history"],
        &["verify"],
        &["replay"],
        &["projection"],
        &["projection", "list"],
        &["projection", "rebuild"],
        &["projection", "rollback"],
        &["projection", "drop-kept"],
        &["projection", "park"],
        &["projection", "park", "list"],
        &["projection", "park", "show"],
        &["projection", "park", "retry"],
        &["projection", "park", "skip"],
        &["keys"],
        &["keys", "list"],
        &["doctor"],
        &["config"],
        &["account"],
        &["account", "create"],
    ] {
        let run = Run::bare(&[verb, &["--help"]].concat()).expect(0);
        assert!(run.stdout.contains("Usage:"), "{verb:?}: {run}");
    }
    assert!(Run::bare(&["--version"]).expect(0).stdout.starts_with("anamnesis "));
}
