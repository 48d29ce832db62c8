use anamnesis_domain::provider::Specialty;
use anamnesis_domain::{AccountId, Line, ProviderNumber};
use anamnesis_projections::normal;
use anamnesis_projections::providers::{ProviderRow, ProviderStatus};
use anamnesis_projector::query::{Order, Query};
use anamnesis_projector::read::blind;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, Cursor, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Shown, may, name_words};

/// Which providers: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProviderFilter {
    /// The provider number.
    #[param(inline)]
    number: Option<ProviderNumber>,
    /// Words of the name, whole and in any case.
    #[param(inline)]
    name: Option<Line>,
    /// What they are trained in.
    #[param(inline)]
    specialty: Option<Specialty>,
    /// Any other number of theirs.
    #[param(inline)]
    identifier: Option<Line>,
    /// Whether they are at work: `ACTIVE` or `SUSPENDED`.
    #[param(value_type = Option<String>)]
    status: Option<ProviderStatus>,
    /// Whether their licence was verified.
    verified: Option<bool>,
    /// Whose account it is.
    #[param(inline)]
    account: Option<AccountId>,
    /// How many at most.
    #[param(inline)]
    limit: Option<Limit>,
    /// Where to go on.
    #[param(inline)]
    cursor: Option<Cursor>,
}

/// Lists providers, each with where they work, in the order of their registration.
#[utoipa::path(get, path = "/v1/providers", tag = "providers", params(ProviderFilter, After), responses(ListAnswers<ProviderRow>))]
pub(crate) async fn list_providers(
    State(app): State<App>,
    may: May<may::ReadDirectory>,
    after: After,
    Params(filter): Params<ProviderFilter>,
) -> Result<Shown<Listed>, Problem> {
    let order = Order::oldest_first("created_at");
    let paging = Paging { limit: filter.limit, cursor: filter.cursor.clone() };
    let query = filter.narrow(&app, &may, paging.query::<ProviderRow>(order)?).await?;
    app.providers(&may, (query, order), after).await
}

impl ProviderFilter {
    async fn narrow(self, app: &App, may: &May<may::ReadDirectory>, query: Query) -> Result<Query, Problem> {
        let words = name_words(self.name.as_ref())?;
        let keys = app.index(may).await?;
        let hash = |column, normalised: String| blind::<ProviderRow>(&keys, column, &normalised);
        Ok(query
            .is("status", self.status)
            .is("is_verified", self.verified)
            .is("user_id", self.account)
            .holds("specialties", self.specialty)
            .hashed("provider_number_index", self.number.map(|number| hash("provider_number_index", number.normalised())))
            .hashed("identifier_index", self.identifier.map(|one| hash("identifier_index", normal::identifier(one.as_str()))))
            .hashed("name_index", words.into_iter().map(|word| hash("name_index", word))))
    }
}
