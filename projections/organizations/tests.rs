use anamnesis_domain::organization::{OrganizationClosed, OrganizationRegistered, OrganizationRenamed};
use serde_json::json;

use super::*;
use crate::kernel::testing::{ORGANIZATION, log, told};

#[test]
fn an_organization_is_renamed_and_closed_but_never_gone() {
    let registered =
        OrganizationRegistered { registered_at: Instant::from_micros(1), organization: told(json!({ "name": "Mercy", "slug": "mercy" })) };
    let renamed = OrganizationRenamed { renamed_at: Instant::from_micros(2), name: "Mercy West".try_into().unwrap() };
    let closed = OrganizationClosed { closed_at: Instant::from_micros(3), reason: None };
    let log = log()
        .audit_event("organization", ORGANIZATION, OrganizationEvent::from(registered))
        .audit_event("organization", ORGANIZATION, OrganizationEvent::from(renamed))
        .audit_event("organization", ORGANIZATION, OrganizationEvent::from(closed));
    assert_eq!(log.says::<Organizations>("name").as_deref(), Some("\"Mercy West\""));
    assert_eq!(log.says::<Organizations>("slug").as_deref(), Some("mercy"));
    assert_eq!(log.says::<Organizations>("status").as_deref(), Some("CLOSED"));
}
