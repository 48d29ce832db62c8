//! How is a provider shown? With where they work.

use anamnesis_projections::providers::{AffiliationRow, PROVIDERS, ProviderRow};
use anamnesis_projector::query::{Order, Query};

use crate::App;
use crate::edge::{After, Answered, Listed, May, Problem, Shown, may, put_beside};

impl App {
    pub(super) async fn providers(
        &self,
        may: &May<may::ReadDirectory>,
        (query, order): (Query, Order),
        after: After,
    ) -> Result<Shown<Listed>, Problem> {
        let compute = self.compute_providers(may, (query, order), after);
        self.answer(self.response_key(may).await?, &PROVIDERS, after, compute).await
    }

    async fn compute_providers(&self, may: &May<may::ReadDirectory>, (query, order): (Query, Order), after: After) -> Result<Answered, Problem> {
        let mut reading = self.reading(may, &PROVIDERS, after).await?;
        let mut page = reading.page::<ProviderRow>(&query).await?;
        let ids: Vec<_> = page.rows.iter().map(|row| row.row.provider_id.0).collect();
        let mut affiliations = reading.beside::<AffiliationRow>("provider_id", &ids).await?;
        let position = reading.close();
        self.open(&mut page.rows).await?;
        self.open(&mut affiliations).await?;
        let mut listed = Listed::of(&page, order);
        put_beside(&mut listed.items, "provider_id", "affiliations", &affiliations);
        let subjects = page.rows.iter().map(|row| row.stamp.subject_id).collect();
        Ok(Answered { listed, subjects, position })
    }
}
