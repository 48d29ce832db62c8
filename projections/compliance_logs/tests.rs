use anamnesis_domain::account::{AccountEvent, Role, RoleGranted, SignInMethod, SignedIn};
use anamnesis_domain::compliance::{FindingRaised, NewDesignation, OfficerDesignated};
use anamnesis_domain::consent::{ConsentEvent, ConsentRevoked};
use anamnesis_domain::document::{DocumentChecksumMismatched, DocumentEvent};
use anamnesis_domain::{Instant, SessionId};

use super::*;
use crate::kernel::testing::{log, told};

const ID: Uuid = Uuid::from_u128(0xac);
const PATIENT: Uuid = Uuid::from_u128(0xb1);

#[test]
fn a_granted_role_is_a_warning_that_names_the_account() {
    let granted = RoleGranted { granted_at: Instant::from_micros(1), role: Role::Admin, facility_id: None, expires_at: None };
    let row = log().audit_event("account", ID, AccountEvent::from(granted)).rows::<ComplianceLogs>().remove(0).row;
    assert_eq!((row.severity, row.affected_users.as_slice()), (Severity::Warning, [AccountId(ID)].as_slice()));
}

#[test]
fn everyday_acts_are_not_listed() {
    let signed_in = SignedIn { signed_in_at: Instant::from_micros(1), session_id: SessionId(ID), method: SignInMethod::Password };
    assert_eq!(log().audit_event("account", ID, AccountEvent::from(signed_in)).rows::<ComplianceLogs>(), []);
}

#[test]
fn an_erased_consent_is_still_known_to_have_been_revoked() {
    let revoked =
        || log().sealed_for("consent", ID, PATIENT, ConsentEvent::from(ConsentRevoked { revoked_at: Instant::from_micros(1), reason: None }));
    assert_eq!(revoked().rows::<ComplianceLogs>(), revoked().erase(PATIENT).rows::<ComplianceLogs>());
    assert_eq!(revoked().rows::<ComplianceLogs>().len(), 1);
}

#[test]
fn a_file_that_is_not_what_was_declared_is_a_critical_finding() {
    let found_sha256 = "cd".repeat(32).try_into().unwrap();
    let found = DocumentChecksumMismatched { found_sha256, found_by: AccountId(ID), found_at: Instant::from_micros(1) };
    let row = log().sealed_for("document", ID, PATIENT, DocumentEvent::from(found)).rows::<ComplianceLogs>().remove(0).row;
    assert_eq!((row.severity, row.compliance_rule.as_str(), row.affected_resource_id), (Severity::Critical, "164.312(c)(1)", ID));
}

#[test]
fn a_finding_is_as_severe_as_who_raised_it_says() {
    for (said, severity) in [("INFO", Severity::Info), ("WARNING", Severity::Warning), ("CRITICAL", Severity::Critical)] {
        let finding = told(serde_json::json!({
            "finding_type": "UNUSUAL_ACCESS", "severity": said, "title": "A look at a neighbour", "discovered_at": "2026-01-01T00:00:00Z",
            "account_ids": [ID],
        }));
        let raised = FindingRaised { finding, raised_by: AccountId(ID), raised_at: Instant::from_micros(1) };
        let row = log().audit_event("compliance", ID, ComplianceEvent::from(raised)).rows::<ComplianceLogs>().remove(0).row;
        assert_eq!((row.severity, row.affected_users), (severity, vec![AccountId(ID)]));
    }
}

#[test]
fn each_office_stands_under_its_own_rule() {
    for (office, rule) in
        [(Office::SecurityOfficer, "164.308(a)(2)"), (Office::PrivacyOfficer, "164.530(a)(1)(i)"), (Office::ContactPerson, "164.530(a)(1)(ii)")]
    {
        let designation = NewDesignation { office, account_id: AccountId(ID) };
        let designated = OfficerDesignated { designation, designated_by: AccountId(ID), designated_at: Instant::from_micros(1) };
        let row = log().audit_event("compliance", ID, ComplianceEvent::from(designated)).rows::<ComplianceLogs>().remove(0).row;
        assert_eq!(row.compliance_rule, rule);
    }
}
