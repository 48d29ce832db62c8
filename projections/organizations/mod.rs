//! Who keeps records here? The tenants.

use anamnesis_domain::organization::OrganizationEvent;
use anamnesis_domain::{AnyEvent, Instant, Line, OrganizationId, Recorded, Text};

use crate::kernel::{Fold, Follows, Key, Of, Projection, Rows, Schema, Sealed, Streams, row, seal, text_columns};

#[cfg(test)]
mod tests;

/// Every organization.
pub const ORGANIZATIONS: Projection = Projection {
    name: "organizations",
    schema: Schema::Read,
    follows: Follows::Topics,
    sql: include_str!("table.sql"),
    version: 2,
    tables: &[&Of::<Organizations>::TABLE],
};

text_columns!(OrganizationStatus);

row! {
    /// An organization.
    pub struct OrganizationRow in "organizations" key (tenant_id) {
        tenant_id: OrganizationId,
        slug: Option<String>,
        status: OrganizationStatus,
        name: Sealed<Line>,
        registered_at: Instant,
        closed_at: Option<Instant>,
        closing_reason: Option<Sealed<Text>>,
    }
}

/// Whether the organization is at work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrganizationStatus {
    /// It is.
    Open,
    /// It stopped; its records stay.
    Closed,
}

/// The fold of `organizations`.
pub struct Organizations;

impl Fold for Organizations {
    type Row = OrganizationRow;
    const STREAMS: Streams = Streams::Of(&["organization"]);

    fn keys(event: &Recorded) -> Vec<Key> {
        vec![event.aggregate_id.into()]
    }

    fn apply(rows: &mut Rows<OrganizationRow>, event: &Recorded) {
        let Some(AnyEvent::Organization(happened)) = event.event.value() else { return };
        match happened {
            OrganizationEvent::OrganizationRegistered(registered) => rows.put(OrganizationRow {
                tenant_id: event.aggregate_id.into(),
                slug: registered.organization.slug.clone().map(Into::into),
                status: OrganizationStatus::Open,
                name: Sealed::new(registered.organization.name.clone()),
                registered_at: registered.registered_at,
                closed_at: None,
                closing_reason: None,
            }),
            OrganizationEvent::OrganizationRenamed(renamed) => {
                rows.change(event.aggregate_id, |organization| organization.name = Sealed::new(renamed.name.clone()));
            }
            OrganizationEvent::OrganizationClosed(closed) => rows.change(event.aggregate_id, |organization| {
                (organization.status, organization.closed_at) = (OrganizationStatus::Closed, Some(closed.closed_at));
                organization.closing_reason = seal(closed.reason.as_ref());
            }),
        }
    }
}
