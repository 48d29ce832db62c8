//! How is a read model asked on behalf of a call?
//!
//! In one snapshot, within the scope that the call's permission reaches (row-level security holds it to that), no earlier
//! than the position that the caller has seen.

use anamnesis_access::{Permission, Scope};
use anamnesis_domain::PatientId;
use anamnesis_journal::follower::TreeError;
use anamnesis_journal::log::LogError;
use anamnesis_projections::kernel::{FoldError, Projection, Row, Stamped};
use anamnesis_projections::patients::{PATIENTS, PatientRow};
use anamnesis_projections::words::{Kind, word_token};
use anamnesis_projector::history::{History, HistoryError};
use anamnesis_projector::query::{Order, Page, Query};
use anamnesis_projector::{NotReached, ProjectorError, Wanted, parked, read};
use anamnesis_vault::{IndexKeys, VaultError};
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use super::call::Needs;
use super::disclosed::record_reach;
use super::moment::{After, too_early};
use super::{May, Problem};
use crate::App;

/// An answer's rows, opened, with the position they reflect.
pub(crate) struct Found<R> {
    pub(crate) page: Page<R>,
    pub(crate) position: u64,
    /// The position that was asked for.
    pub(crate) as_of: Option<u64>,
}

/// One snapshot of the read models, for one call.
pub(crate) struct Reading {
    tx: Transaction<'static, Postgres>,
    organization: Uuid,
    /// What the projection asked for reflects.
    position: u64,
}

impl App {
    /// A snapshot of the read models in which that projection reflects at least `after`.
    pub(crate) async fn reading<P: Needs>(&self, may: &May<P>, projection: &Projection, after: After) -> Result<Reading, Problem> {
        self.reading_with(may, projection, &[], after).await
    }

    /// As [`App::reading`], with tables of other projections in the same snapshot.
    async fn reading_with<P: Needs>(&self, may: &May<P>, projection: &Projection, others: &[&Projection], after: After) -> Result<Reading, Problem> {
        let wanted = after.wanted(self).await?;
        self.reached(projection, wanted).await?;
        self.snapshot(may, projection, others, wanted).await?.ok_or_else(too_early)
    }

    /// Waits until the projection reflects what is wanted. An event that it has parked it doesn't reflect, however far it is.
    pub(crate) async fn reached(&self, projection: &Projection, wanted: Wanted) -> Result<(), Problem> {
        self.projecting.wait_until(projection.name, wanted, self.after_wait()).await.map_err(of_progress)?;
        let has_parked = wanted.position > 0 && self.projecting.state(projection.name).is_some_and(|state| state.parked > 0);
        let is_parked = has_parked && parked::is_parked(&self.reader, projection.name, wanted.position).await.map_err(ProjectorError::from)?;
        if is_parked { Err(Problem::unavailable("what happened at Anamnesis-After waits for an operator; everything else is shown")) } else { Ok(()) }
    }

    /// `None`: it isn't so far.
    async fn snapshot<P: Needs>(
        &self,
        may: &May<P>,
        projection: &Projection,
        others: &[&Projection],
        wanted: Wanted,
    ) -> Result<Option<Reading>, ProjectorError> {
        let organization = may.call.actor.organization_id;
        let mut tx = read::begin(&self.reader, &[&[projection], others].concat(), organization, scope(may)).await?;
        let place = read::place(&mut tx, projection, wanted.partition).await?;
        Ok(place.has(wanted).then_some(Reading { tx, organization, position: place.position }))
    }

    /// A page of rows, opened.
    pub(crate) async fn look_up<R: Row, P: Needs>(
        &self,
        may: &May<P>,
        projection: &Projection,
        query: &Query,
        after: After,
    ) -> Result<Found<R>, Problem> {
        let mut reading = self.reading(may, projection, after).await?;
        let page = reading.page(query).await?;
        self.found(reading, page).await
    }

    /// As [`App::look_up`], if that patient is there to be seen.
    pub(crate) async fn look_up_with<R: Row, P: Needs>(
        &self,
        may: &May<P>,
        projection: &Projection,
        query: &Query,
        after: After,
        patient: PatientId,
    ) -> Result<Found<R>, Problem> {
        let mut reading = self.reading_with(may, projection, &[&PATIENTS], after).await?;
        if reading.page::<PatientRow>(&by_id::<PatientRow>(patient.0)).await?.rows.is_empty() {
            return Err(Problem::not_found());
        }
        let page = reading.page(query).await?;
        self.found(reading, page).await
    }

    /// The connection is given back before keys are looked up.
    pub(crate) async fn found<R: Row>(&self, reading: Reading, mut page: Page<R>) -> Result<Found<R>, Problem> {
        let position = reading.close();
        self.open(&mut page.rows).await?;
        Ok(Found { page, position, as_of: None })
    }

    /// Opens what is sealed in the rows.
    pub(crate) async fn open<R: Row>(&self, rows: &mut [Stamped<R>]) -> Result<(), Problem> {
        Ok(read::open(&self.vault, rows).await?)
    }

    /// Refuses data of a patient out of reach, so that it looks as if it weren't there; that it was tried is recorded.
    pub(crate) async fn reach<P: Needs>(&self, may: &May<P>, patient: PatientId) -> Result<(), Problem> {
        match may.reach(patient) {
            Ok(()) => Ok(()),
            Err(problem) => {
                record_reach(self, &may.call, patient).await?;
                Err(problem)
            }
        }
    }

    /// The keys of the organization's blind indexes.
    pub(crate) async fn index<P>(&self, may: &May<P>) -> Result<IndexKeys, Problem> {
        Ok(self.vault.index(may.call.actor.organization_id).await?)
    }

    /// What rows of `R` are found by that have all of these words. Without words no key is asked for.
    pub(crate) async fn tokens<R: Row, P>(&self, may: &May<P>, words: impl IntoIterator<Item = (Kind, String)>) -> Result<Vec<i64>, Problem> {
        let words: Vec<_> = words.into_iter().collect();
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let keys = self.index(may).await?;
        Ok(words.iter().map(|(kind, word)| word_token::<R>(&keys, *kind, word)).collect())
    }

    /// The past of the caller's organization.
    pub(crate) fn history<P>(&self, may: &May<P>) -> History {
        History::new(self.log.clone(), self.vault.clone(), may.call.actor.organization_id)
    }
}

impl Reading {
    /// Gives the connection back; the position that was read.
    pub(crate) fn close(self) -> u64 {
        self.position
    }

    /// A page of rows, sealed.
    pub(crate) async fn page<R: Row>(&mut self, query: &Query) -> Result<Page<R>, Problem> {
        Ok(query.read(&mut self.tx, self.organization).await?)
    }

    /// Rows as they were selected: one more than the query's limit if there are more.
    pub(crate) async fn select<R: Row>(&mut self, query: &Query) -> Result<Vec<read::Selected>, Problem> {
        Ok(query.select::<R>(&mut self.tx, self.organization).await?)
    }
}

/// The row whose key is, or begins with, that id.
pub(crate) fn by_id<R: Row>(id: Uuid) -> Query {
    Query::new(Order::oldest_first("created_at"), 1).is(R::TABLE.key.first().copied().unwrap_or_default(), Some(id))
}

/// What row-level security holds the call to.
fn scope<P: Needs>(may: &May<P>) -> read::Scope {
    match may.scope {
        Scope::Own(patient) => read::Scope::Patient { patient_id: patient.0, account_id: may.call.actor.account_id },
        Scope::Organization if matches!(P::PERMISSION, Permission::ReadAudit | Permission::ReadDisclosures) => read::Scope::Audit,
        Scope::Organization => read::Scope::Staff,
    }
}

fn of_progress(error: NotReached) -> Problem {
    match error {
        NotReached::TimedOut => too_early(),
        NotReached::Stopped | NotReached::Unknown => Problem::unavailable("the read model stands still; an operator must look"),
    }
}

macro_rules! problems {
    ($($error:ident by $is_passing:expr),+ $(,)?) => {
        $(impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                let is_passing: fn(&$error) -> bool = $is_passing;
                failed(is_passing(&error), &error)
            }
        })+
    };
}

problems! {
    // tables of another version are about to be replaced by ones of this
    ProjectorError by |error| error.is_passing() || matches!(error, ProjectorError::OtherDefinition),
    HistoryError by HistoryError::is_passing,
    VaultError by |_| true,
}

macro_rules! of_the_past {
    ($($error:ident),+) => {
        $(impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                HistoryError::from(error).into()
            }
        })+
    };
}

of_the_past!(LogError, TreeError, FoldError);

fn failed(is_passing: bool, error: &(dyn std::error::Error + 'static)) -> Problem {
    if is_passing {
        tracing::warn!(error = described(error), "a query can't be answered now");
        Problem::unavailable("the database or the keys don't answer; try again")
    } else {
        tracing::error!(error = described(error), "a query failed");
        Problem::internal()
    }
}

/// The error and what it came from, in one sentence.
fn described(error: &(dyn std::error::Error + 'static)) -> String {
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
