//! How is shown what isn't about patients: who works here, where, and who may sign in?

use anamnesis_projections::kernel::{Projection, Row, Stamped};
use anamnesis_projector::query::{Order, Query};
use serde_json::Value;
use uuid::Uuid;

use super::call::Needs;
use super::moment::After;
use super::page::{Item, Listed};
use super::read::{Reading, by_id};
use super::{Answered, May, Problem, Shown};
use crate::App;

/// What stands beside the rows of a page at most: affiliations of providers, roles of accounts.
const MOST_BESIDE: usize = 10_000;

impl App {
    /// Shows one thing of the directory.
    pub(crate) async fn show_entry<R: Row, P: Needs>(
        &self,
        may: &May<P>,
        projection: &Projection,
        id: Uuid,
        after: After,
    ) -> Result<Shown<Item>, Problem> {
        let found = self.look_up::<R, P>(may, projection, &by_id::<R>(id), after).await?;
        let row = found.page.rows.first().ok_or_else(Problem::not_found)?;
        Ok(Shown::row(row, found.position))
    }

    /// Shows a page of the directory.
    pub(crate) async fn list_entries<R: Row, P: Needs>(
        &self,
        may: &May<P>,
        projection: &Projection,
        (query, order): (Query, Order),
        after: After,
    ) -> Result<Shown<Listed>, Problem> {
        let compute = async {
            let found = self.look_up::<R, P>(may, projection, &query, after).await?;
            let subjects = found.page.rows.iter().map(|row| row.stamp.subject_id).collect();
            Ok(Answered { listed: Listed::of(&found.page, order), subjects, position: found.position })
        };
        self.answer(self.response_key(may).await?, projection, after, compute).await
    }
}

impl Reading {
    /// The rows of another table whose `column` is one of those ids.
    pub(crate) async fn beside<R: Row>(&mut self, column: &'static str, ids: &[Uuid]) -> Result<Vec<Stamped<R>>, Problem> {
        let query = Query::new(Order::oldest_first("created_at"), MOST_BESIDE).among(column, ids);
        Ok(self.page::<R>(&query).await?.rows)
    }
}

/// Puts into each item, as a list of that name, the rows that have the same `column`.
pub(crate) fn put_beside<R: Row>(items: &mut [Item], column: &str, name: &str, rows: &[Stamped<R>]) {
    let rows: Vec<_> = rows.iter().map(Stamped::json).collect();
    for item in items {
        let own = rows.iter().filter(|row| row.get(column) == item.get(column)).cloned().map(Value::Object).collect();
        item.insert(name.to_owned(), own);
    }
}
