//! Does a patient's name stand anywhere in the clear? Not in a table, not in the WAL, not in a log.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use anamnesis_tests::{Server, bundle_entries, demo_folder, new_patient, unique_name};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::imported::imported;

#[test]
fn no_patients_name_is_in_the_data_directory_or_in_a_log() {
    let clinic = &imported().clinic;
    let family = unique_name("Canary");
    registered_looked_for_and_refused(&family);
    let mut names: BTreeSet<String> = BTreeSet::from([family, "999-12-6789".to_owned()]);
    for file in ["abram53", "alphonse92", "dionne995", "kathern391", "loren192", "marty115"] {
        let entries = bundle_entries(&demo_folder().join(format!("{file}.json.gz")));
        let patient = entries.iter().find(|entry| entry["resource"]["resourceType"] == "Patient").unwrap();
        names.insert(patient["resource"]["name"][0]["family"].as_str().unwrap().to_owned());
        names.insert(patient["resource"]["address"][0]["line"][0].as_str().unwrap().to_owned());
    }
    let mut database = clinic.server.database();
    database.execute("checkpoint");
    let patterns: Vec<_> = names.iter().flat_map(|name| spellings(name)).collect();
    assert_eq!(found(&clinic.server, &patterns), Vec::<String>::new());
    assert_eq!(in_tables(&clinic.server, &names), Vec::<String>::new());
}

#[test]
fn the_search_for_names_finds_what_is_in_the_clear() {
    let server = &imported().clinic.server;
    server.database().execute("checkpoint");
    let files = found(server, &["PatientRegistered".to_owned()]);
    assert!(files.iter().any(|file| file.contains("/base/")), "in a table: {files:?}");
    assert!(files.iter().any(|file| file.contains("/pg_wal/")), "in the WAL: {files:?}");
    assert!(!in_tables(server, &BTreeSet::from(["PatientRegistered".to_owned()])).is_empty());
    for (alignment, text) in ["Glover", "xGlover", "xyGlover"].into_iter().enumerate() {
        let encoded = STANDARD_NO_PAD.encode(format!("{text} and more"));
        assert!(spellings("Glover").iter().any(|spelling| encoded.contains(spelling)), "alignment {alignment}: {encoded}");
    }
}

#[test]
fn secrets_of_the_host_are_readable_by_the_owner_alone() {
    use std::os::unix::fs::MetadataExt;
    let data = imported().clinic.server.data_dir();
    for name in ["keyring.toml", "log-signer.toml", "postgres.password"] {
        let mode = fs::metadata(data.join(name)).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}: {mode:o}");
    }
    let mode = fs::metadata(&data).unwrap().mode() & 0o077;
    assert_eq!(mode & 0o066, 0, "the data directory: {mode:o}");
}

/// Everything that might let a name slip: success, refusal, search, nonsense.
fn registered_looked_for_and_refused(family: &str) {
    let clinic = &imported().clinic;
    let body = new_patient(family);
    let registered = clinic.register(&body);
    let path = format!("/v1/patients/{}", registered.id());
    clinic.staff().post("/v1/patients", &body).expect(409);
    clinic.staff().get_after(&format!("/v1/patients?name={family}"), &registered.consistency()).expect(200);
    clinic.doctor().get(&path).expect(200);
    clinic.doctor().get(&format!("{path}/history")).expect(200);
    clinic.staff().get(&format!("/v1/patients/{family}")).expect(422);
    clinic.staff().get(&format!("/v1/{family}")).expect(404);
    clinic.staff().get(&format!("/v1/patients?{family}={family}")).expect(422);
    clinic.staff().post("/v1/patients", &json!({ "name": family })).expect(422);
    clinic.staff().request("POST", "/v1/patients").header("content-type", "application/json").body(format!("{{\"{family}")).send().expect(400);
    clinic.server.anonymous().post("/v1/auth/login", &json!({ "email": format!("{family}@clinic.example"), "password": family })).expect(401);
}

/// A text as it is and as it would look encoded: base64 in each of its three alignments, hexadecimal.
pub(crate) fn spellings(text: &str) -> Vec<String> {
    let mut spellings = vec![text.to_owned(), hex::encode(text), hex::encode_upper(text)];
    for padding in 0..3 {
        let padded: Vec<u8> = std::iter::repeat_n(b'x', padding).chain(text.bytes()).collect();
        // what depends on the bytes before and after is left off
        let (start, end) = ([0, 2, 3][padding], padded.len() * 8 / 6);
        for encoded in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            spellings.push(encoded[start..end].to_owned());
        }
    }
    spellings
}

/// The files of a server, its logs among them, in which one of the patterns stands.
fn found(server: &Server, patterns: &[String]) -> Vec<String> {
    files_with(patterns, &[server.data_dir(), server.log()])
}

/// The files, in folders or named, in which one of the patterns stands.
pub(crate) fn files_with(patterns: &[String], places: &[PathBuf]) -> Vec<String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(patterns.join("\n").as_bytes()).unwrap();
    let mut command = Command::new("grep");
    command.env("LC_ALL", "C").args(["--recursive", "--text", "--fixed-strings", "--files-with-matches", "--file"]).arg(file.path());
    // files come and go under a running server
    let found = command.arg("--no-messages").args(places).output().unwrap();
    String::from_utf8_lossy(&found.stdout).lines().map(str::to_owned).collect()
}

/// The tables in which one of the texts stands: what Postgres compresses, a look at the files wouldn't see.
fn in_tables(server: &Server, texts: &BTreeSet<String>) -> Vec<String> {
    let mut database = server.database();
    let tables: Vec<String> =
        database.all("select format('%I.%I', schemaname, tablename) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')");
    assert!(tables.len() > 20);
    let patterns: Vec<_> = texts.iter().flat_map(|text| [text.to_lowercase(), hex::encode(text)]).collect();
    let pattern = patterns.join("|").replace('.', "\\.");
    tables.into_iter().filter(|table| database.one::<bool>(&format!("select exists (select from {table} t where t::text ~* '{pattern}')"))).collect()
}
