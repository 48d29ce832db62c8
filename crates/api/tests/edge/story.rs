//! One patient to whom everything happens that can, step by step.

use anamnesis_domain::account::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Answer, Client, World, patient};

/// Who takes part.
pub(crate) struct Story {
    pub(crate) doctor: Client,
    pub(crate) patient: Uuid,
    pub(crate) provider: Uuid,
    pub(crate) facility: Uuid,
    /// The record that was written last.
    record: Uuid,
    /// An AI model with version 1.0 in use.
    pub(crate) model: Uuid,
    /// The answer to the command that was given last.
    pub(crate) last: Answer,
}

impl Story {
    /// A doctor, a hospital, a model, and a patient who has just been registered.
    pub(crate) async fn begin(world: &World) -> Self {
        let admin = world.sign_in(Role::Admin).await;
        let provider = json!({ "provider_number": "D-1", "name": { "family": "House", "given": ["Greg"] }, "specialties": ["CARDIOLOGY"] });
        let provider = admin.must("/v1/providers", &provider).await.id();
        let facility = admin.must("/v1/facilities", &json!({ "name": "St. Mary's", "kind": "HOSPITAL" })).await.id();
        let model = json!({ "name": "Falls", "model_type": "CLASSIFICATION", "version": { "version": "1.0" } });
        let model = admin.must("/v1/models", &model).await.id();
        admin.must(&format!("/v1/models/{model}/activate"), &json!({ "version": "1.0" })).await;
        let doctor = world.sign_in(Role::Provider).await;
        let last = doctor.must("/v1/patients", &patient("P-1", "Glover", "Zoë")).await;
        Self { doctor, patient: last.id(), provider, facility, record: Uuid::nil(), model, last }
    }

    async fn does(&mut self, path: &str, body: &Value) -> Uuid {
        self.last = self.doctor.must(path, body).await;
        self.last.id()
    }

    pub(crate) async fn on_patient(&mut self, command: &str, body: &Value) -> Uuid {
        self.does(&format!("/v1/patients/{}/{command}", self.patient), body).await
    }

    /// Everything else, one command a call; false when there is no more.
    pub(crate) async fn go_on(&mut self, step: usize) -> bool {
        let (patient, provider, facility, model) = (self.patient, self.provider, self.facility, self.model);
        match step {
            0 => self.on_patient("record-condition", &json!({ "condition": { "code": code("44054006"), "status": "ACTIVE" } })).await,
            1 => self.on_patient("record-allergy", &json!({ "allergy": { "code": code("91935009"), "status": "ACTIVE" } })).await,
            2 => {
                self.on_patient("record-medication", &json!({ "medication": { "code": code("372567009"), "status": "ACTIVE", "dosage": "1 a day" } }))
                    .await
            }
            3 => self.on_patient("change-contact", &json!({ "phones": [{ "number": "+1 555 0100" }] })).await,
            4 => self.does("/v1/appointments", &appointment(patient, provider, "2031-03-01T09:00:00Z")).await,
            5 => self.does(&format!("/v1/appointments/{}/confirm", self.last.id()), &json!({})).await,
            6 => self.does("/v1/appointments", &appointment(patient, provider, "2031-02-01T09:00:00Z")).await,
            7 => self.does("/v1/records", &record(patient, "LAB_RESULT", "2024-05-01T08:00:00Z", "HbA1c")).await,
            8 => self.does("/v1/records", &record(patient, "CLINICAL_NOTE", "2023-05-01T08:00:00Z", "First visit")).await,
            9 => self.does(&format!("/v1/records/{}/archive", self.last.id()), &json!({ "reason": "scanned twice" })).await,
            10 => self.does("/v1/insights", &insight(patient)).await,
            11 => self.does(&format!("/v1/insights/{}/review", self.last.id()), &json!({ "note": "seen" })).await,
            12 => self.does("/v1/consents", &consent(patient, facility)).await,
            13 => self.does(&format!("/v1/consents/{}/revoke", self.last.id()), &json!({ "reason": "moved away" })).await,
            14 => {
                self.record = self.does("/v1/records", &record(patient, "CLINICAL_NOTE", "2023-06-01T08:00:00Z", "Second visit")).await;
                self.record
            }
            15 => self.does(&format!("/v1/records/{}/summarize", self.last.id()), &summary()).await,
            16 => self.does(&format!("/v1/records/{}/archive", self.last.id()), &json!({})).await,
            17 => self.does(&format!("/v1/records/{}/restore", self.last.id()), &json!({ "reason": "still needed" })).await,
            18 => self.does("/v1/documents", &document(patient, "MEDICAL_IMAGE")).await,
            19 => self.does(&format!("/v1/documents/{}/verify-checksum", self.last.id()), &json!({ "sha256": SHA256 })).await,
            20 => {
                let attachment = json!({ "document_id": self.last.id() });
                self.does(&format!("/v1/records/{}/attach-document", self.record), &attachment).await
            }
            21 => self.does("/v1/documents", &document(patient, "LAB_RESULT")).await,
            22 => self.does(&format!("/v1/documents/{}/remove", self.last.id()), &json!({ "reason": "scanned twice" })).await,
            23 => self.does("/v1/predictions", &prediction(model, patient, "1.0", 81)).await,
            24 => self.does(&format!("/v1/predictions/{}/record-outcome", self.last.id()), &json!({ "actual": { "fell": true } })).await,
            25 => self.on_patient("deactivate", &json!({ "reason": "moved away" })).await,
            _ => return false,
        };
        true
    }

    /// The queries of this patient's data.
    pub(crate) fn queries(&self) -> Vec<String> {
        let id = self.patient;
        let of_patient = ["", "/conditions", "/allergies", "/medications"].map(|list| format!("/v1/patients/{id}{list}"));
        let lists = ["appointments", "records", "documents", "insights", "predictions", "consents"].map(|list| format!("/v1/{list}?patient={id}"));
        let filtered = [
            format!("/v1/patients/{id}/conditions?status=ACTIVE&code=http%3A%2F%2Fsnomed.info%2Fsct%7C44054006"),
            format!("/v1/appointments?patient={id}&status=SCHEDULED&day=2031-03-01"),
            format!("/v1/appointments?patient={id}&provider={}&limit=1", self.provider),
            format!("/v1/records?patient={id}&type=LAB_RESULT&code=http%3A%2F%2Floinc.org%7C4548-4"),
            format!("/v1/records?patient={id}&from=2023-01-01T00:00:00Z&to=2024-01-01T00:00:00Z"),
            format!("/v1/documents?patient={id}&kind=LAB_RESULT&status=PENDING&removed=false&from=2026-01-01T00:00:00Z"),
            format!("/v1/insights?patient={id}&status=REVIEWED&type=TREND"),
            format!("/v1/predictions?patient={id}&model={}&version=1.0&from=2026-01-01T00:00:00Z", self.model),
            format!("/v1/consents?patient={id}&facility={}&status=REVOKED", self.facility),
        ];
        of_patient.into_iter().chain(lists).chain(filtered).collect()
    }
}

pub(crate) fn code(code: &str) -> Value {
    json!({ "codings": [{ "system": "http://snomed.info/sct", "code": code, "display": "Something" }], "text": "Something" })
}

pub(crate) fn appointment(patient: Uuid, provider: Uuid, at: &str) -> Value {
    json!({ "patient_id": patient, "provider_id": provider, "appointment_type": "CHECKUP", "scheduled_at": at, "reason": "chest pain" })
}

pub(crate) fn record(patient: Uuid, kind: &str, at: &str, title: &str) -> Value {
    let codes = json!([{ "codings": [{ "system": "http://loinc.org", "code": "4548-4" }] }]);
    json!({ "record": { "patient_id": patient, "record_type": kind, "record_date": at, "title": title, "codes": codes, "notes": "nothing special" } })
}

/// The digest that documents are registered with here.
pub(crate) const SHA256: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

pub(crate) fn document(patient: Uuid, kind: &str) -> Value {
    json!({ "patient_id": patient, "kind": kind, "file_name": "Zoë.pdf", "media_type": "application/pdf", "size_bytes": 48_213, "sha256": SHA256 })
}

pub(crate) fn summary() -> Value {
    json!({ "summary_type": "GENERAL", "text": "All is well.", "llm_provider": "anthropic", "llm_model": "claude-3", "confidence": 0.9,
        "processing_time_ms": 812, "token_count": 100 })
}

fn insight(patient: Uuid) -> Value {
    json!({ "patient_id": patient, "insight_type": "TREND", "title": "Rising", "data": "{\"slope\":0.1}", "confidence": 0.1 })
}

pub(crate) fn prediction(model: Uuid, patient: Uuid, version: &str, age: u8) -> Value {
    json!({ "model_id": model, "model_version": version, "patient_id": patient, "input": { "age": age }, "prediction": { "risk": 0.42 },
        "confidence": 0.87, "processing_time_ms": 14 })
}

fn consent(patient: Uuid, facility: Uuid) -> Value {
    json!({ "patient_id": patient, "grantee": { "facility_id": facility }, "purposes": ["TREATMENT"], "categories": ["ALL"] })
}
