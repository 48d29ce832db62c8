//! Which queries are answered from the cache, and what makes their answers the same?
//!
//! Rights were checked before, and rows are narrowed, opened, recorded and shown behind the cache as behind a table. An
//! entry counts only if it reflects what was asked for and what this process knows of the read model.

use anamnesis_cache::{Entry, Hit, Key, Looked, Part, Ticket};
use anamnesis_domain::Instant;
use anamnesis_projections::kernel::{Projection, Row, Stamped};
use anamnesis_projector::query::Query;
use anamnesis_projector::{Status, lanes_of, read};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::call::Needs;
use super::moment::After;
use super::read::Found;
use super::{Item, Listed, May, Problem, Shown};
use crate::App;

/// An entry that holds every row of a query, so that any narrower one can be answered from it.
pub(crate) struct Whole {
    pub(crate) key: Key,
    /// All of its rows. Where there are more than its limit, the entry says only that.
    pub(crate) rows: Query,
    /// The times that the caller asks for, and those that an entry made now would hold.
    pub(crate) span: Option<(Span, Span)>,
}

/// From a time to before another.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Span {
    pub(crate) from: Instant,
    pub(crate) to: Instant,
}

impl Span {
    pub(crate) fn holds(self, other: Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }
}

/// What an entry of rows says of itself.
#[derive(Serialize, Deserialize)]
struct About {
    /// `false`: there were too many.
    is_whole: bool,
    span: Option<Span>,
}

/// What was found under a key.
enum Kept<T> {
    /// It may be answered from.
    Usable(T),
    /// There is something, and it doesn't help.
    Useless,
    /// Nothing: it can be put there.
    Missing(Ticket),
}

impl App {
    /// As [`App::look_up`], from the cache if it can be.
    pub(crate) async fn look_up_within<R: Row, P: Needs>(
        &self,
        may: &May<P>,
        projection: &Projection,
        query: &Query,
        whole: Whole,
        after: After,
    ) -> Result<Found<R>, Problem> {
        let of_whole = query.within(&whole.rows);
        let ticket = match self.kept(projection, &whole.key, after, |hit| rows_of::<R>(&whole, hit)).await? {
            Kept::Usable((rows, position)) => {
                let mut page = of_whole.pick(rows);
                self.open(&mut page.rows).await?;
                return Ok(Found { page, position, as_of: None });
            }
            Kept::Useless => return self.look_up(may, projection, query, after).await,
            Kept::Missing(ticket) => ticket,
        };
        let mut reading = self.reading(may, projection, after).await?;
        let selected = reading.select::<R>(&whole.rows).await?;
        if selected.len() > whole.rows.limit() {
            let page = reading.page(query).await?;
            let found = self.found(reading, page).await?;
            self.keep(ticket, found.position, about(&whole, false), []).await;
            return Ok(found);
        }
        let rows = selected.iter().map(|row| Stamped::read(row)).collect::<Result<Vec<_>, _>>().map_err(|_| Problem::internal())?;
        let position = reading.close();
        let parts = rows.iter().zip(&selected).map(|(row, selected)| part(row.stamp.subject_id, selected));
        self.keep(ticket, position, about(&whole, true), parts).await;
        let mut page = of_whole.pick(rows);
        self.open(&mut page.rows).await?;
        Ok(Found { page, position, as_of: None })
    }

    /// The answer of a list of the directory, computed only if the cache hasn't got it. `key`: where it is kept.
    pub(crate) async fn answer(
        &self,
        key: Key,
        projection: &Projection,
        after: After,
        compute: impl Future<Output = Result<Answered, Problem>>,
    ) -> Result<Shown<Listed>, Problem> {
        let ticket = match self.kept(projection, &key, after, listed).await? {
            Kept::Usable((listed, position)) => return Ok(Shown::new(listed).at(position)),
            Kept::Useless => None,
            Kept::Missing(ticket) => Some(ticket),
        };
        let Answered { listed, subjects, position } = compute.await?;
        if let Some(ticket) = ticket {
            let parts = listed.items.iter().zip(subjects).map(|(item, subject)| part(subject, item));
            self.keep(ticket, position, part(key.organization(), &listed.next), parts).await;
        }
        Ok(Shown::new(listed).at(position))
    }

    /// Where the answer to a call is kept: under all that it depends on.
    pub(crate) async fn response_key<P: Needs>(&self, may: &May<P>) -> Result<Key, Problem> {
        let (call, actor) = (&may.call, &may.call.actor);
        let mut roles: Vec<_> = actor.roles.iter().map(|role| role.as_str()).collect();
        roles.sort_unstable();
        let asked = format!("{}\n{}\n{:?}\n{}", actor.account_id, roles.join(" "), may.scope, call.asked);
        // keyed, because parameters may name people
        let hash = self.index(may).await?.claim("api-response", asked);
        Ok(Key::api_response(actor.organization_id, call.endpoint(), hash))
    }

    async fn kept<T>(
        &self,
        projection: &Projection,
        key: &Key,
        after: After,
        read: impl FnOnce(&Hit) -> Option<T>,
    ) -> Result<Kept<(T, u64)>, Problem> {
        let wanted = after.wanted(self).await?;
        self.reached(projection, wanted).await?;
        // who doesn't know how far the read model is can't tell what is too old
        let known = self.projecting.state(projection.name).filter(|state| state.status == Status::Running);
        let Some(known) = known else { return Ok(Kept::Useless) };
        match self.cache.look(key, &lanes_of(projection, &known), known.position).await {
            Looked::Hit(hit) => Ok(read(&hit).map_or(Kept::Useless, |found| Kept::Usable((found, hit.position)))),
            Looked::Miss(ticket) => Ok(Kept::Missing(ticket)),
        }
    }

    async fn keep(&self, ticket: Ticket, position: u64, about: Part, parts: impl IntoIterator<Item = Part>) {
        let entry = Entry { position, parts: std::iter::once(about).chain(parts).collect() };
        self.cache.fill(ticket, &entry).await;
    }
}

/// An answer, and whom each of its items is about.
pub(crate) struct Answered {
    pub(crate) listed: Listed,
    pub(crate) subjects: Vec<Uuid>,
    pub(crate) position: u64,
}

fn about(whole: &Whole, is_whole: bool) -> Part {
    part(whole.key.organization(), &About { is_whole, span: whole.span.map(|(_, held)| held) })
}

fn part(subject: Uuid, says: &impl Serialize) -> Part {
    Part::new(subject, serde_json::to_vec(says).unwrap_or_default())
}

fn said<T: for<'de> Deserialize<'de>>(part: &Part) -> Option<T> {
    serde_json::from_slice(&part.body).ok()
}

/// The rows of an entry, sealed as in the table, if they are all that the caller may be shown a part of.
fn rows_of<R: Row>(whole: &Whole, hit: &Hit) -> Option<Vec<Stamped<R>>> {
    let (about, rows) = hit.parts.split_first()?;
    let About { is_whole, span } = said(about)?;
    let holds = whole.span.is_none_or(|(asked, _)| span.is_some_and(|span| span.holds(asked)));
    if !is_whole || !holds {
        return None;
    }
    rows.iter().map(|row| Stamped::read(&said::<read::Selected>(row)?).ok()).collect()
}

fn listed(hit: &Hit) -> Option<Listed> {
    let (next, items) = hit.parts.split_first()?;
    let items = items.iter().map(said::<Item>).collect::<Option<_>>()?;
    match said(next)? {
        Value::String(next) => Some(Listed { items, next: Some(next) }),
        Value::Null => Some(Listed { items, next: None }),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
