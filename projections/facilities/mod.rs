//! Where is care given?

use anamnesis_domain::facility::{FacilityDetails, FacilityEvent, FacilityKind};
use anamnesis_domain::{Address, AnyEvent, Code, EmailContact, FacilityId, Identifier, Instant, Line, PhoneContact, Recorded, Text};

use crate::kernel::{Fold, Follows, Key, Of, Projection, Rows, Schema, Sealed, Streams, row, seal, seal_list, text_columns};
use crate::normal;
use crate::words::{Kind, Words};

#[cfg(test)]
mod tests;

/// Every hospital, practice, department and place.
pub const FACILITIES: Projection = Projection {
    name: "facilities",
    schema: Schema::Read,
    follows: Follows::Topics,
    sql: include_str!("table.sql"),
    version: 3,
    tables: &[&Of::<Facilities>::TABLE],
};

text_columns!(FacilityStatus, FacilityKind);

row! {
    /// A facility.
    pub struct FacilityRow in "facilities" key (facility_id) {
        facility_id: FacilityId,
        kind: FacilityKind,
        parent_id: Option<FacilityId>,
        status: FacilityStatus,
        name: Sealed<Line>,
        found_by: Words,
        codes: Vec<String>,
        types: Option<Sealed<Vec<Code>>>,
        identifiers: Option<Sealed<Vec<Identifier>>>,
        phones: Option<Sealed<Vec<PhoneContact>>>,
        emails: Option<Sealed<Vec<EmailContact>>>,
        addresses: Option<Sealed<Vec<Address>>>,
        registered_at: Instant,
        closed_at: Option<Instant>,
        closing_reason: Option<Sealed<Text>>,
    }
}

/// Whether the facility is at work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FacilityStatus {
    /// It is.
    Open,
    /// It stopped; what happened there stays.
    Closed,
}

/// The fold of `facilities`.
pub struct Facilities;

impl Fold for Facilities {
    type Row = FacilityRow;
    const STREAMS: Streams = Streams::Of(&["facility"]);

    fn keys(event: &Recorded) -> Vec<Key> {
        vec![event.aggregate_id.into()]
    }

    fn apply(rows: &mut Rows<FacilityRow>, event: &Recorded) {
        let Some(AnyEvent::Facility(happened)) = event.event.value() else { return };
        let id = event.aggregate_id.into();
        match happened {
            FacilityEvent::FacilityRegistered(registered) => rows.put(FacilityRow::new(id, &registered.facility, registered.registered_at)),
            FacilityEvent::FacilityChanged(changed) => {
                rows.change(id, |facility| *facility = FacilityRow::new(id, &changed.facility, facility.registered_at));
            }
            FacilityEvent::FacilityClosed(closed) => rows.change(id, |facility| {
                (facility.status, facility.closed_at) = (FacilityStatus::Closed, Some(closed.closed_at));
                facility.closing_reason = seal(closed.reason.as_ref());
            }),
            FacilityEvent::FacilityReopened(_) => rows.change(id, |facility| {
                (facility.status, facility.closed_at, facility.closing_reason) = (FacilityStatus::Open, None, None);
            }),
        }
    }
}

impl FacilityRow {
    fn new(facility_id: FacilityId, facility: &FacilityDetails, registered_at: Instant) -> Self {
        Self {
            facility_id,
            kind: facility.kind,
            parent_id: facility.parent_id,
            status: FacilityStatus::Open,
            name: Sealed::new(facility.name.clone()),
            found_by: Words::default()
                .with(Kind::Name, normal::words(facility.name.as_str()))
                .with(Kind::Identifier, normal::identifiers(&facility.identifiers)),
            codes: normal::codes(&facility.types),
            types: seal_list(&facility.types),
            identifiers: seal_list(&facility.identifiers),
            phones: seal_list(&facility.phones),
            emails: seal_list(&facility.emails),
            addresses: seal_list(&facility.addresses),
            registered_at,
            closed_at: None,
            closing_reason: None,
        }
    }
}
