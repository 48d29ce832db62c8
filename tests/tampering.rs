//! Does anybody notice who alters the journal, with all the rights that there are?

use std::sync::{LazyLock, Mutex, MutexGuard};
use std::time::Duration;

use anamnesis_tests::{Clinic, Database, Run, Server, eventually};
use serde_json::{Value, json};

/// One journal for all of these tests, one after the other; each puts back what it altered.
static JOURNAL: LazyLock<Mutex<Clinic>> = LazyLock::new(|| {
    let clinic = Clinic::at(Server::start());
    for _ in 0..3 {
        let id = clinic.new_patient();
        for number in 1..4 {
            let contact = json!({ "phones": [{ "number": format!("+1 555 030000{number}") }] });
            clinic.staff().post(&format!("/v1/patients/{id}/change-contact"), &contact).expect(200);
        }
    }
    eventually("everything is in the log and signed", Duration::from_mins(1), || {
        let signed = "select (select max(size) from journal.tree_heads) = (select position from journal.head)
            and not exists (select from journal.unsequenced)";
        clinic.server.database().one::<Option<bool>>(signed).filter(|&signed| signed)
    });
    verify(&clinic).expect(0);
    Mutex::new(clinic)
});

fn journal() -> MutexGuard<'static, Clinic> {
    JOURNAL.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn verify(clinic: &Clinic) -> Run {
    clinic.server.run(&["verify", "--json"])
}

/// A superuser's connection whose statements no trigger sees.
fn attacker(clinic: &Clinic) -> Database {
    let mut database = clinic.server.database();
    database.execute("set session_replication_role = replica");
    database
}

/// Alters, expects to be told `position`, puts back, expects to be told that all is well.
#[track_caller]
fn noticed(alter: &str, position: i64, put_back: &str) {
    let clinic = journal();
    let mut attacker = attacker(&clinic);
    attacker.execute(alter);
    let told = verify(&clinic);
    attacker.execute(put_back);
    assert_eq!(told.code, 3, "{alter}: {told}");
    let report: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(report["sound"], false);
    let positions: Vec<_> = report["findings"].as_array().unwrap().iter().filter_map(|finding| finding["position"].as_i64()).collect();
    assert!(positions.contains(&position), "{alter}: {position} isn't named: {report:#}");
    verify(&clinic).expect(0);
}

/// The third event of the second patient: its stream, its position, and its neighbour's.
fn victim() -> (String, i64) {
    let mut database = journal().server.database();
    let id: String = database
        .one("select aggregate_id::text from journal.events where aggregate_type = 'patient' and sequence = 1 order by arrival offset 1 limit 1");
    let position = database.one(&format!("select position from journal.log where aggregate_id = '{id}' and sequence = 3"));
    (id, position)
}

#[test]
fn an_intact_journal_verifies() {
    let clinic = journal();
    let report = verify(&clinic).json();
    let events: i64 = clinic.server.database().one("select count(*) from journal.events");
    assert_eq!((&report["sound"], &report["findings"]), (&json!(true), &json!([])));
    assert!(report["events"].as_i64().unwrap() >= events - 5, "{report:#}");
    let told = clinic.server.run(&["verify", "--full"]).expect(0);
    assert!(told.stdout.contains("verified"), "{told}");
}

#[test]
fn one_flipped_bit_of_a_payload_is_noticed() {
    let (id, position) = victim();
    let flip =
        format!("update journal.events set payload = set_bit(payload, 777, 1 - get_bit(payload, 777)) where aggregate_id = '{id}' and sequence = 3");
    noticed(&flip, position, &flip);
}

#[test]
fn a_change_of_any_column_of_an_event_is_noticed() {
    let (id, position) = victim();
    let columns: Vec<String> = journal().server.database().all(
        "select column_name || ' ' || data_type from information_schema.columns
         where table_schema = 'journal' and table_name = 'events' and column_name <> 'arrival' order by ordinal_position",
    );
    assert!(columns.len() > 15);
    for column in columns {
        let (name, kind) = column.split_once(' ').unwrap();
        let other = match kind {
            "uuid" => "'6b1f0c1e-0000-4000-8000-000000000000'".to_owned(),
            "text" => format!("{name} || 's'"),
            "bytea" => format!("case when length({name}) > 0 then set_byte({name}, 7, 255 - get_byte({name}, 7)) else '\\x00' end"),
            "bigint" | "integer" => format!("{name} + 100"),
            _ => format!("{name} + interval '1 microsecond'"),
        };
        let alter = format!(
            "create table public.before as select * from journal.events where aggregate_id = '{id}' and sequence = 3;
             update journal.events set {name} = {other} where aggregate_id = '{id}' and sequence = 3"
        );
        let put_back = "delete from journal.events e using public.before b where e.arrival = b.arrival;
             insert into journal.events overriding system value select * from public.before;
             drop table public.before";
        noticed(&alter, position, put_back);
    }
}

#[test]
fn a_deleted_event_is_noticed() {
    let (id, position) = victim();
    let alter = format!(
        "create table public.before as select * from journal.events where aggregate_id = '{id}' and sequence = 3;
         delete from journal.events where aggregate_id = '{id}' and sequence = 3"
    );
    noticed(&alter, position, "insert into journal.events overriding system value select * from public.before; drop table public.before");
}

#[test]
fn an_inserted_event_is_noticed_and_its_stream_named() {
    let (id, _) = victim();
    let clinic = journal();
    let mut attacker = attacker(&clinic);
    attacker.execute(&format!(
        "insert into journal.events overriding system value
         select (jsonb_populate_record(e, jsonb_build_object('sequence', 5, 'event_id', gen_random_uuid(), 'arrival', 1000000))).*
         from journal.events e where aggregate_id = '{id}' and sequence = 4"
    ));
    let told = verify(&clinic);
    attacker.execute("delete from journal.events where arrival = 1000000");
    let report: Value = serde_json::from_str(&told.expect(3).stdout).unwrap();
    let finding = report["findings"].as_array().unwrap().iter().find(|finding| finding["aggregate_id"] == id.as_str());
    assert_eq!(finding.unwrap_or_else(|| panic!("{report:#}"))["sequence"], 5);
    verify(&clinic).expect(0);
}

#[test]
fn a_swapped_pair_of_events_is_noticed() {
    let (id, position) = victim();
    let swap = format!(
        "update journal.events set sequence = -sequence where false;
         alter table journal.events drop constraint events_sequence_from_one;
         update journal.events set sequence = case sequence when 3 then -2 else -3 end where aggregate_id = '{id}' and sequence in (2, 3);
         update journal.events set sequence = -sequence where aggregate_id = '{id}' and sequence < 0;
         alter table journal.events add constraint events_sequence_from_one check (sequence > 0)"
    );
    noticed(&swap, position, &swap);
    let payloads = format!(
        "update journal.events e set payload = o.payload, row_hash = o.row_hash, event_id = o.event_id, metadata = o.metadata
         from journal.events o
         where e.aggregate_id = '{id}' and o.aggregate_id = e.aggregate_id and (e.sequence, o.sequence) in ((2, 3), (3, 2))"
    );
    noticed(&payloads, position, &payloads);
}

#[test]
fn a_swapped_pair_of_the_logs_entries_is_noticed() {
    let (_, position) = victim();
    let swap = format!(
        "alter table journal.log drop constraint log_dense;
         update journal.log set position = 2 * {position} - 1 - position where position in ({position}, {position} - 1);
         alter table journal.log add constraint log_dense primary key (position)"
    );
    noticed(&swap, position - 1, &swap);
}

#[test]
fn a_whole_history_rewritten_to_be_consistent_is_noticed_by_what_was_signed() {
    let (id, position) = victim();
    // an event and its log entry, both altered so that they fit each other
    let rewrite = format!(
        "update journal.events set row_hash = sha256(row_hash) where aggregate_id = '{id}' and sequence = 3;
         update journal.log l set row_hash = e.row_hash from journal.events e
         where l.aggregate_id = e.aggregate_id and l.sequence = e.sequence and l.position = {position}"
    );
    let save = "create table public.hash as select row_hash from journal.log where position = ".to_owned() + &position.to_string();
    let put_back = format!(
        "update journal.events set row_hash = (select row_hash from public.hash) where aggregate_id = '{id}' and sequence = 3;
         update journal.log set row_hash = (select row_hash from public.hash) where position = {position};
         drop table public.hash"
    );
    noticed(&format!("{save}; {rewrite}"), position, &put_back);
}

#[test]
fn nobody_but_a_superuser_with_triggers_off_alters_an_event_at_all() {
    let clinic = journal();
    let mut database = clinic.server.database();
    let altered = "do $$ begin
        begin update journal.events set actor_id = actor_id; exception when integrity_constraint_violation then return; end;
        raise 'it was altered';
    end $$";
    for role in ["postgres", "anamnesis_writer", "anamnesis_projector", "anamnesis_reader", "anamnesis_auditor"] {
        let tried = if role == "postgres" {
            altered.to_owned()
        } else {
            format!("set role {role}; {}", altered.replace("integrity_constraint_violation", "insufficient_privilege"))
        };
        database.execute(&tried);
        database.execute("reset role");
    }
}
