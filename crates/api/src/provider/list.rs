use anamnesis_domain::provider::Specialty;
use anamnesis_domain::{AccountId, Language, Line, ProviderNumber};
use anamnesis_projections::normal;
use anamnesis_projections::providers::{ProviderRow, ProviderStatus};
use anamnesis_projections::words::Kind;
use anamnesis_projector::query::{Order, Query};
use anamnesis_projector::read::blind;
use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

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
    /// A language that patients can be spoken to in, as in BCP 47: `de` finds `de-CH` too.
    #[param(inline)]
    language: Option<Language>,
    /// At least so many stars on average: 1 to 5, as in `4.5`.
    #[param(inline)]
    min_rating: Option<MinRating>,
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
    /// In which order: by registration, or the best rated first and those without a rating last.
    #[param(inline)]
    sort: Option<Sort>,
    /// How many at most.
    #[param(inline)]
    limit: Option<Limit>,
    /// Where to go on.
    #[param(inline)]
    cursor: Option<Cursor>,
}

/// In which order providers are listed.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Sort {
    Registered,
    Rating,
}

/// A mean of stars, kept in hundredths.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(try_from = "f64")]
#[schema(value_type = f64, minimum = 1, maximum = 5)]
pub(crate) struct MinRating(u64);

impl TryFrom<f64> for MinRating {
    type Error = &'static str;

    fn try_from(stars: f64) -> Result<Self, Self::Error> {
        // the smallest mean that isn't less
        let hundredths = (100..=500_u32).find(|hundredths| f64::from(*hundredths) / 100.0 >= stars);
        hundredths.filter(|_| stars >= 1.0).map(|hundredths| Self(hundredths.into())).ok_or("must be 1 to 5")
    }
}

/// Lists providers, each with where they work, in the order of their registration or rating.
#[utoipa::path(get, path = "/v1/providers", tag = "providers", params(ProviderFilter, After), responses(ListAnswers<ProviderRow>))]
pub(crate) async fn list_providers(
    State(app): State<App>,
    may: May<may::ReadDirectory>,
    after: After,
    Params(filter): Params<ProviderFilter>,
) -> Result<Shown<Listed>, Problem> {
    let order = match filter.sort {
        None | Some(Sort::Registered) => Order::oldest_first("created_at"),
        Some(Sort::Rating) => Order::largest_first("rating_hundredths"),
    };
    let paging = Paging { limit: filter.limit, cursor: filter.cursor.clone() };
    let query = filter.narrow(&app, &may, paging.query::<ProviderRow>(order)?).await?;
    app.providers(&may, (query, order), after).await
}

impl ProviderFilter {
    async fn narrow(self, app: &App, may: &May<may::ReadDirectory>, query: Query) -> Result<Query, Problem> {
        let words = name_words(self.name.as_ref())?;
        let keys = app.index(may).await?;
        let hash = |column, normalised: String| blind::<ProviderRow>(&keys, column, &normalised);
        let words = words.into_iter().map(|word| (Kind::Name, word));
        let identifier = self.identifier.map(|one| (Kind::Identifier, normal::identifier(one.as_str())));
        let language = self.language.map(|language| (Kind::Language, normal::language(&language)));
        Ok(query
            .is("status", self.status)
            .is("is_verified", self.verified)
            .is("user_id", self.account)
            .holds("specialties", self.specialty)
            .at_least("rating_hundredths", self.min_rating.map(|least| least.0))
            .hashed("provider_number_index", self.number.map(|number| hash("provider_number_index", number.normalised())))
            .worded(app.tokens::<ProviderRow, _>(may, words.chain(identifier).chain(language)).await?))
    }
}
