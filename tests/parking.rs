//! What does an operator do about an event that can't be taken, and what does everybody else see meanwhile?

use std::time::Duration;

use anamnesis_tests::{Answer, Clinic, Database, Run, Server, eventually, new_patient, unique_name};
use serde_json::{Value, json};

/// A clinic in which the second event of one patient was altered before any read model took it.
struct Poisoned {
    clinic: Clinic,
    hurt: String,
    sound: Answer,
    /// The last that was done to the patient whose stream is poisoned.
    last: Answer,
    position: i64,
    last_position: i64,
}

impl Poisoned {
    fn new() -> Self {
        let clinic = Clinic::at(Server::start());
        let (staff, doctor) = (clinic.staff(), clinic.doctor());
        let [hurt, sound] = [(); 2].map(|()| clinic.register(&new_patient(&unique_name("Parked"))));
        doctor.get_after(&format!("/v1/patients/{}", sound.id()), &sound.consistency()).expect(200);
        let change = |id: &str, number: &str| {
            let contact = json!({ "phones": [{ "number": number }] });
            staff.post(&format!("/v1/patients/{id}/change-contact"), &contact).expect(200)
        };
        let (mut database, mut holding) = (clinic.server.database(), clinic.server.database());
        // nothing is read before it is in the log
        holding.execute("begin");
        holding.execute("select from journal.head for update");
        change(&hurt.id(), "+1 555 0190001");
        let (last, sound) = (change(&hurt.id(), "+1 555 0190002"), change(&sound.id(), "+1 555 0190003"));
        alter(&mut database, &hurt.id());
        holding.execute("rollback");
        database.settled();
        let [position, last_position] = [2, 3].map(|sequence| {
            database.one(&format!("select position from journal.log where aggregate_id = '{}' and sequence = {sequence}", hurt.id()))
        });
        Self { clinic, hurt: hurt.id(), sound, last, position, last_position }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.clinic.server.run(&[&["projection", "park"], arguments, &["--json"]].concat())
    }

    /// What is parked, by projection.
    fn list(&self) -> Vec<Value> {
        self.run(&["list"]).json().as_array().unwrap().clone()
    }

    fn parked_by(&self, projection: &str) -> Option<Value> {
        self.list().into_iter().find(|line| line["projection"] == projection)
    }

    fn ready(&self) -> Answer {
        self.clinic.server.anonymous().get("/health/ready")
    }

    fn path(&self) -> String {
        format!("/v1/patients/{}", self.hurt)
    }
}

/// Alters the patient's second event; altered again, it is as before.
fn alter(database: &mut Database, patient: &str) {
    database.execute("set session_replication_role = replica");
    let flip = "update journal.events set payload = set_bit(payload, 777, 1 - get_bit(payload, 777))";
    database.execute(&format!("{flip} where aggregate_id = '{patient}' and sequence = 2"));
    database.execute("set session_replication_role = origin");
}

fn dependency(ready: &Answer, name: &str) -> Value {
    let dependencies = ready.json()["dependencies"].as_array().unwrap().clone();
    dependencies.into_iter().find(|dependency| dependency["name"] == name).unwrap()
}

#[test]
fn one_patients_poison_is_seen_named_left_out_mended_and_nobody_elses_day_is_disturbed() {
    let poisoned = Poisoned::new();
    let (clinic, doctor, hurt) = (&poisoned.clinic, poisoned.clinic.doctor(), poisoned.hurt.as_str());

    // the others go on; of the one the answer is older, and doesn't claim otherwise
    let sound = format!("/v1/patients/{}", poisoned.sound.id());
    assert!(doctor.get_after(&sound, &poisoned.sound.consistency()).expect(200).text().contains("0190003"));
    for after in [poisoned.last.consistency(), poisoned.last_position.to_string()] {
        let refused = doctor.get_after(&poisoned.path(), &after);
        assert_eq!(refused.problem(503), "unavailable");
        assert!(refused.text().contains("operator"), "{}", refused.text());
    }
    assert!(!doctor.get(&poisoned.path()).expect(200).text().contains("01900"));

    // it is noticed
    let parked = poisoned.parked_by("patients").unwrap();
    assert_eq!((&parked["aggregate_id"], &parked["position"], &parked["reason"]), (&json!(hurt), &json!(poisoned.position), &json!("altered")));
    assert_eq!((&parked["waits"], &parked["waiting_events"]), (&json!("stream"), &json!(2)));
    eventually("the audit log stands still", Duration::from_secs(30), || {
        poisoned.parked_by("audit_logs").filter(|line| line["waits"] == "projection")
    });
    let ready = eventually("readiness tells", Duration::from_secs(30), || Some(poisoned.ready()).filter(|ready| ready.status == 503));
    assert_eq!(dependency(&ready, "projection patients")["parked_streams"], 1);
    assert_eq!(dependency(&ready, "projection patients")["is_well"], true);
    assert_eq!(dependency(&ready, "projection audit_logs")["state"], "stands still");
    let examined = clinic.server.run(&["doctor", "--json"]).expect(1);
    let findings: Value = serde_json::from_str(&examined.stdout).unwrap();
    let finding = findings.as_array().unwrap().iter().find(|finding| finding["check"] == "parked").unwrap();
    assert!(finding["state"] == "bad" && finding["detail"].as_str().unwrap().contains("patients has parked 1"), "{finding}");
    let listed = clinic.server.run(&["projection", "list", "--json"]).json();
    assert!(listed.as_array().unwrap().iter().any(|line| line["projection"] == "patients" && line["parked"] == 1), "{listed}");

    // looked into, without anything that was told of the patient
    let shown = poisoned.run(&["show", hurt, "--projection", "patients"]).expect(0);
    assert!(shown.stdout.contains("PatientContactChanged") && shown.stdout.contains("anamnesis verify"), "{shown}");
    let said = clinic.server.run(&["projection", "park", "show", hurt]).expect(0);
    assert!([&shown, &said].iter().all(|run| !run.stdout.contains("01900")), "{said}");

    // tried in vain
    let became = poisoned.run(&["retry", hurt, "--projection", "patients"]).expect(1);
    assert_eq!(serde_json::from_str::<Value>(&became.stdout).unwrap()[0]["outcome"], "parked", "{became}");
    assert_eq!(poisoned.parked_by("patients").unwrap()["attempts"], 2);

    // left out of one read model, by somebody who says why
    let why = "its disk block is lost for good";
    assert_eq!(poisoned.run(&["skip", hurt]).code, 2, "a reason is needed");
    let several = poisoned.run(&["skip", hurt, "--reason", why]).expect(1);
    assert!(several.stderr.contains("--projection"), "{several}");
    let became = poisoned.run(&["skip", hurt, "--projection", "patients", "--reason", why]).json();
    assert_eq!(became[0]["outcome"], "goes on", "{became}");
    assert!(doctor.get_after(&poisoned.path(), &poisoned.last.consistency()).expect(200).text().contains("0190002"));
    let mut database = clinic.server.database();
    let told = "select count(*) from journal.events e join journal.skipped s using (command_id)
        where e.event_type = 'EventSkipped' and s.consumer = 'patients' and e.actor_id is not null and position(convert_to('disk block', 'UTF8') in e.payload) = 0";
    assert_eq!(database.one::<i64>(told), 1);

    // mended
    alter(&mut database, hurt);
    let became = poisoned.run(&["retry", "--all"]).json();
    assert!(became.as_array().unwrap().iter().all(|one| one["outcome"] == "goes on"), "{became}");
    assert_eq!(poisoned.list(), Vec::<Value>::new());
    clinic.server.wait_until_ready();
    assert_eq!(poisoned.ready().json()["status"], "ready");
    eventually("the audit log tells who left an event out", Duration::from_secs(30), || {
        let told = "select count(*) from audit.compliance_logs where event_type = 'EventSkipped' and severity = 'WARNING'";
        (database.one::<i64>(told) == 1).then_some(())
    });
    for (projection, not_compared) in [("patients", 1), ("patients", 0), ("audit_logs", 0)] {
        let rebuilt = clinic.server.run(&["projection", "rebuild", projection, "--json"]).json();
        assert!(rebuilt["digest"].is_string() && rebuilt["not_compared"] == not_compared && rebuilt["parked"] == 0, "{projection}: {rebuilt}");
    }
}

#[test]
fn nothing_is_tried_that_is_not_parked() {
    let server = Server::new(&[]);
    server.run(&["migrate"]).expect(0);
    assert_eq!(server.run(&["projection", "park", "list", "--json"]).json(), json!([]));
    assert_eq!(server.run(&["projection", "park", "retry", "--all", "--json"]).json(), json!([]));
    let id = "0198c0de-0000-7000-8000-000000000001";
    for arguments in [&["retry", id][..], &["show", id], &["skip", id, "--reason", "none"]] {
        let refused = server.run(&[&["projection", "park"], arguments].concat()).expect(1);
        assert!(refused.stderr.contains(id), "{refused}");
    }
    let refused = server.run(&["projection", "park", "retry", "--all", "--projection", "dreams"]).expect(1);
    assert!(refused.stderr.contains("dreams"), "{refused}");
}
