//! Which entries of a patient's history lists?

use anamnesis_domain::Line;
use anamnesis_projections::kernel::Row;
use anamnesis_projector::query::{Order, Query};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::edge::{AsOf, CodeFilter, Cursor, Limit, Paging, Problem};

/// Which entries: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EntryFilter {
    /// How it stands, as it is written in the answers.
    #[param(inline)]
    status: Option<Line>,
    /// What it is: `system|code`, as in `http://snomed.info/sct|38341003`.
    #[param(inline)]
    code: Option<CodeFilter>,
    /// As it was then.
    #[param(inline)]
    pub(super) as_of: Option<AsOf>,
    /// How many at most.
    #[param(inline)]
    limit: Option<Limit>,
    /// Where to go on.
    #[param(inline)]
    cursor: Option<Cursor>,
}

impl EntryFilter {
    pub(super) fn query<R: Row>(self, order: Order) -> Result<Query, Problem> {
        let paging = Paging { limit: self.limit, cursor: self.cursor };
        Ok(paging.query::<R>(order)?.is("status", self.status).holds("codes", self.code))
    }
}
