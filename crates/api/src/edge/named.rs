//! Is what a body names there?

use std::collections::BTreeSet;

use anamnesis_domain::{Aggregate, PatientId};
use futures::future::try_join_all;
use uuid::Uuid;

use super::accepted::of_command;
use super::{Call, Problem};
use crate::App;

/// No list of a body may be longer: one that is, the rules refuse, and nothing is looked up.
const MOST_NAMED: usize = 100;

impl App {
    /// Refuses a body that names something that isn't there.
    pub(crate) async fn known<A: Aggregate>(
        &self,
        call: &Call,
        field: &'static str,
        ids: impl IntoIterator<Item: Into<Uuid>>,
    ) -> Result<(), Problem> {
        let is_there = |found: Option<&A>| found.is_some();
        self.named::<A>(call, field, ids, is_there, "").await
    }

    /// Refuses a body that names something that isn't there or isn't that patient's; both look the same. `about` says whose it is.
    pub(crate) async fn known_of<A: Aggregate>(
        &self,
        call: &Call,
        field: &'static str,
        patient: PatientId,
        ids: impl IntoIterator<Item: Into<Uuid>>,
        about: fn(&A) -> Option<PatientId>,
    ) -> Result<(), Problem> {
        let is_theirs = |found: Option<&A>| found.and_then(about) == Some(patient);
        self.named::<A>(call, field, ids, is_theirs, " of this patient").await
    }

    async fn named<A: Aggregate>(
        &self,
        call: &Call,
        field: &'static str,
        ids: impl IntoIterator<Item: Into<Uuid>>,
        is_it: impl Fn(Option<&A>) -> bool,
        whose: &str,
    ) -> Result<(), Problem> {
        let ids: Vec<Uuid> = ids.into_iter().map(Into::into).collect();
        if ids.len() > MOST_NAMED {
            return Ok(());
        }
        let each: BTreeSet<Uuid> = ids.into_iter().collect();
        let organization = call.actor.organization_id;
        let all = try_join_all(each.into_iter().map(|id| self.journal.load::<A>(organization, id))).await.map_err(of_command)?;
        let are_there = all.iter().all(|found| is_it(found.as_ref().map(|(state, _)| state)));
        if are_there { Ok(()) } else { Err(Problem::field(field, format!("there is no such {}{whose}", A::TYPE))) }
    }
}
