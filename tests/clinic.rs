//! Where do most stories happen? In one clinic that all tests share: a server, and somebody signed in for each role.

use std::collections::HashMap;
use std::panic::catch_unwind;
use std::sync::{LazyLock, Mutex};

use serde_json::{Value, json};

use crate::{Answer, Client, Role, Server, new_patient, new_provider, unique_name};

/// A server with people who have signed in.
pub struct Clinic {
    /// The server.
    pub server: Server,
    people: Mutex<HashMap<Role, Client>>,
}

static SHARED: LazyLock<Option<Clinic>> = LazyLock::new(|| catch_unwind(|| Clinic::at(Server::start())).ok());

/// The clinic that tests share which neither break nor count things. It ends with the tests.
pub fn clinic() -> &'static Clinic {
    SHARED.as_ref().expect("the shared server starts: the first test that failed says why it didn't")
}

impl Clinic {
    /// On a server of a test's own.
    pub fn at(server: Server) -> Self {
        Self { server, people: Mutex::default() }
    }

    /// Who acts in that role here; the same each time.
    pub fn role(&self, role: Role) -> Client {
        let mut people = self.people.lock().unwrap();
        people.entry(role).or_insert_with(|| self.server.somebody(role)).clone()
    }

    /// The first administrator.
    pub fn administrator(&self) -> &Client {
        self.server.administrator()
    }

    /// Who receives patients.
    pub fn staff(&self) -> Client {
        self.role(Role::Staff)
    }

    /// Who treats them.
    pub fn doctor(&self) -> Client {
        self.role(Role::Provider)
    }

    /// Who checks who looked.
    pub fn auditor(&self) -> Client {
        self.role(Role::Auditor)
    }

    /// The items of a list, as the auditor is told them once all that was done until now is in it.
    #[track_caller]
    pub fn audited(&self, path: &str) -> Vec<Value> {
        let head = self.server.database().settled();
        let told = self.auditor().get_after(path, &head.to_string()).expect(200).json();
        told["items"].as_array().unwrap().clone()
    }

    /// Registers a patient and answers what the command answered.
    #[track_caller]
    pub fn register(&self, patient: &Value) -> Answer {
        self.staff().post("/v1/patients", patient).expect(201)
    }

    /// A patient of the test's own, by id.
    #[track_caller]
    pub fn new_patient(&self) -> String {
        self.register(&new_patient(&unique_name("Patient"))).id()
    }

    /// A provider of the test's own, by id.
    #[track_caller]
    pub fn new_provider(&self) -> String {
        self.administrator().post("/v1/providers", &new_provider(&unique_name("Doctor"))).expect(201).id()
    }

    /// A patient who signs in, with the patient's id.
    pub fn new_patient_with_account(&self) -> (Client, String) {
        let patient_id = self.new_patient();
        (self.server.somebody_linked(Role::Patient, &json!({ "patient_id": patient_id })), patient_id)
    }
}
