//! Which acts matter to those who answer for HIPAA? A sentence each, with the rule it belongs to.

use anamnesis_domain::access::{AccessEvent, PurposeOfUse};
use anamnesis_domain::compliance::{ComplianceEvent, FindingSeverity, Office};
use anamnesis_domain::{AccountId, AnyEvent, Recorded};
use uuid::Uuid;

use crate::kernel::{Fold, Follows, Key, Of, Projection, Rows, Schema, Streams, row, text_columns};

#[cfg(test)]
mod tests;

/// Every act that an auditor asks for first.
pub const COMPLIANCE_LOGS: Projection = Projection {
    name: "compliance_logs",
    schema: Schema::Audit,
    follows: Follows::Log,
    sql: include_str!("table.sql"),
    version: 4,
    tables: &[&Of::<ComplianceLogs>::TABLE],
};

text_columns!(Severity, HipaaCategory, DataClassification);

row! {
    /// An act. It is told by its kind alone, so that it outlives the erasure of whom it was about.
    pub struct ComplianceRow in "compliance_logs" key (event_id) {
        event_id: Uuid,
        event_type: String,
        description: String,
        severity: Severity,
        affected_users: Vec<AccountId>,
        affected_resource_type: String,
        affected_resource_id: Uuid,
        compliance_rule: String,
        hipaa_category: HipaaCategory,
        data_classification: DataClassification,
    }
}

/// How much it matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

/// Which part of HIPAA's rules it belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum HipaaCategory {
    Administrative,
    Technical,
    Privacy,
}

/// What kind of data it touches.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum DataClassification {
    Phi,
    Operational,
}

/// The fold of `compliance_logs`.
pub struct ComplianceLogs;

impl Fold for ComplianceLogs {
    type Row = ComplianceRow;
    const STREAMS: Streams = Streams::Of(&["access", "account", "compliance", "consent", "document", "patient", "provider", "record", "system"]);

    fn keys(event: &Recorded) -> Vec<Key> {
        finding(event).map(|_| event.event_id.into()).into_iter().collect()
    }

    fn apply(rows: &mut Rows<ComplianceRow>, event: &Recorded) {
        let Some(finding) = finding(event) else { return };
        rows.put(ComplianceRow {
            event_id: event.event_id,
            event_type: event.event_type.clone(),
            description: finding.description.to_owned(),
            severity: finding.severity,
            affected_users: affected_users(event),
            affected_resource_type: event.aggregate_type.to_owned(),
            affected_resource_id: event.aggregate_id,
            compliance_rule: finding.rule.to_owned(),
            hipaa_category: finding.category,
            data_classification: finding.data,
        });
    }
}

/// Whose accounts it is about.
fn affected_users(event: &Recorded) -> Vec<AccountId> {
    if event.aggregate_type == "account" {
        vec![event.aggregate_id.into()]
    } else if let Some(AnyEvent::Compliance(ComplianceEvent::FindingRaised(raised))) = event.event.value() {
        raised.finding.account_ids.clone()
    } else if let Some(AnyEvent::Compliance(ComplianceEvent::OfficerDesignated(designated))) = event.event.value() {
        vec![designated.designation.account_id]
    } else {
        vec![]
    }
}

/// The rules under which somebody is made responsible for something.
const ANY_OFFICE: &str = "164.308(a)(2), 164.530(a)(1)";

struct Finding {
    description: &'static str,
    severity: Severity,
    /// Of 45 CFR part 164.
    rule: &'static str,
    category: HipaaCategory,
    data: DataClassification,
}

/// What an event means to an auditor; most mean nothing out of the ordinary.
fn finding(event: &Recorded) -> Option<Finding> {
    use DataClassification::{Operational, Phi};
    use HipaaCategory::{Administrative, Privacy, Technical};
    use Severity::{Critical, Info, Warning};
    let (severity, category, data, rule, description) = match event.event_type.as_str() {
        "ConsentGranted" => (Info, Privacy, Phi, "164.508", "a patient consented to a use of their data"),
        "ConsentRevoked" => (Info, Privacy, Phi, "164.508(b)(5)", "a patient took a consent back"),
        "RecordAmended" => (Info, Privacy, Phi, "164.526", "a medical record was amended"),
        "RecordEnteredInError" => (Warning, Privacy, Phi, "164.526", "a medical record was marked as entered in error"),
        "DocumentChecksumMismatched" => (Critical, Technical, Phi, "164.312(c)(1)", "a stored file is not the one that was declared"),
        "DocumentRemoved" => (Warning, Privacy, Phi, "164.526", "a document was removed"),
        "PatientDeactivated" => (Info, Privacy, Phi, "164.316(b)", "a patient was deactivated; the records stay"),
        "PatientMerged" => (Warning, Privacy, Phi, "164.312(c)(1)", "a patient was found to be another one who is there too"),
        "PatientMergeUndone" => (Warning, Privacy, Phi, "164.312(c)(1)", "a patient was found not to be another one after all"),
        "AccessDenied" => (Warning, Technical, Phi, "164.312(a)(1)", "an access to a patient's data was denied"),
        "DataAccessed" if is_emergency(event) => (Critical, Technical, Phi, "164.312(a)(2)(ii)", "a patient's data was opened in an emergency"),
        "RoleGranted" => (Warning, Administrative, Operational, "164.308(a)(4)", "an account was given a role"),
        "FindingRaised" => {
            (severity_of_finding(event), Administrative, Operational, "164.308(a)(1)(ii)(D)", "something was found that may break a rule")
        }
        "FindingResolved" => (Info, Administrative, Operational, "164.308(a)(6)(ii)", "it was decided what a finding was, and what is done about it"),
        "FindingReopened" => (Warning, Administrative, Operational, "164.308(a)(6)(ii)", "a finding is looked at again"),
        "LegalHoldPlaced" | "LegalHoldWidened" => (Info, Privacy, Phi, "164.530(j)", "patients' data must be kept until further notice"),
        "LegalHoldReleased" => (Warning, Privacy, Phi, "164.530(j)", "patients' data needn't be kept for a matter any more"),
        "OfficerDesignated" => (Info, Administrative, Operational, rule_of_office(event), "somebody was made responsible for security or privacy"),
        "OfficerRelieved" => (Warning, Administrative, Operational, ANY_OFFICE, "somebody is no longer responsible for security or privacy"),
        "TrainingRecorded" => (Info, Administrative, Operational, "164.530(b)(2)(ii)", "a member of the workforce was trained"),
        "TrainingEnteredInError" => (Warning, Administrative, Operational, "164.530(b)(2)(ii)", "a training was written down in error"),
        "RoleRevoked" => (Info, Administrative, Operational, "164.308(a)(3)(ii)(C)", "a role was taken from an account"),
        "AccountLocked" => (Warning, Technical, Operational, "164.312(d)", "an account was locked"),
        "AccountUnlocked" => (Info, Technical, Operational, "164.312(d)", "an account was unlocked"),
        "AccountDeactivated" => (Info, Administrative, Operational, "164.308(a)(3)(ii)(C)", "an account was deactivated"),
        "PasswordChanged" => (Info, Technical, Operational, "164.308(a)(5)(ii)(D)", "an account's password was changed"),
        "SignInFailed" => (Warning, Technical, Operational, "164.308(a)(5)(ii)(C)", "somebody failed to sign in"),
        "TermsAccepted" => (Info, Administrative, Operational, "164.520", "terms or a privacy notice were accepted"),
        "ProviderSuspended" => (Warning, Administrative, Operational, "164.308(a)(3)", "a provider was suspended"),
        "AdministratorCreated" => (Critical, Administrative, Operational, "164.308(a)(2)", "the first administrator was made"),
        "KeysRotated" => (Info, Technical, Operational, "164.312(a)(2)(iv)", "keys were rotated"),
        "ConfigurationChanged" => (Warning, Administrative, Operational, "164.308(a)(8)", "the configuration was changed"),
        "VerificationRan" => (Info, Technical, Operational, "164.312(c)(1)", "the log's integrity was verified"),
        "ImportFinished" => (Info, Administrative, Phi, "164.312(c)(1)", "health data was imported"),
        "EventSkipped" => (Warning, Administrative, Operational, "164.312(c)(1)", "an event was left out of a read model"),
        "ProjectionRebuilt" => (Info, Technical, Operational, "164.312(c)(1)", "a read model was rebuilt from the log"),
        _ => return None,
    };
    Some(Finding { description, severity, rule, category, data })
}

/// As severe as who raised it says; what can't be read may be anything.
fn severity_of_finding(event: &Recorded) -> Severity {
    match event.event.value() {
        Some(AnyEvent::Compliance(ComplianceEvent::FindingRaised(raised))) => match raised.finding.severity {
            FindingSeverity::Info => Severity::Info,
            FindingSeverity::Warning => Severity::Warning,
            FindingSeverity::Critical => Severity::Critical,
        },
        Some(_) | None => Severity::Critical,
    }
}

fn rule_of_office(event: &Recorded) -> &'static str {
    match event.event.value() {
        Some(AnyEvent::Compliance(ComplianceEvent::OfficerDesignated(designated))) => match designated.designation.office {
            Office::SecurityOfficer => "164.308(a)(2)",
            Office::PrivacyOfficer => "164.530(a)(1)(i)",
            Office::ContactPerson => "164.530(a)(1)(ii)",
        },
        Some(_) | None => ANY_OFFICE,
    }
}

fn is_emergency(event: &Recorded) -> bool {
    match event.event.value() {
        Some(AnyEvent::Access(AccessEvent::DataAccessed(accessed))) => accessed.purpose_of_use == PurposeOfUse::Emergency,
        Some(_) | None => false,
    }
}
