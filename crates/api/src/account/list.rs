use anamnesis_domain::account::AccountStatus;
use anamnesis_domain::{Email, PatientId, ProviderId};
use anamnesis_projections::accounts::UserRow;
use anamnesis_projector::query::Order;
use anamnesis_projector::read::blind;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Sort, may};

/// Which accounts: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AccountFilter {
    /// The e-mail address, in any case.
    #[param(inline)]
    email: Option<Email>,
    /// Whether it may be used.
    #[param(inline)]
    status: Option<AccountStatus>,
    /// Which patient's it is.
    #[param(inline)]
    patient: Option<PatientId>,
    /// Which provider's it is.
    #[param(inline)]
    provider: Option<ProviderId>,
    /// Which come first; the oldest unless said otherwise.
    #[param(inline)]
    sort: Option<Sort>,
    /// How many at most.
    #[param(inline)]
    limit: Option<Limit>,
    /// Where to go on.
    #[param(inline)]
    cursor: Option<Cursor>,
}

/// Lists accounts, each with its profile and its roles, in the order in which they were made.
#[utoipa::path(get, path = "/v1/accounts", tag = "accounts", params(AccountFilter, After), responses(ListAnswers<UserRow>))]
pub(crate) async fn list_accounts(
    State(app): State<App>,
    may: May<may::ManageAccounts>,
    after: After,
    Params(filter): Params<AccountFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let order = Sort::of(filter.sort, Order::oldest_first("created_at"));
    let keys = app.index(&may).await?;
    let query = Paging { limit: filter.limit, cursor: filter.cursor }
        .query::<UserRow>(order)?
        .is("status", filter.status)
        .is("patient_id", filter.patient)
        .is("provider_id", filter.provider)
        .hashed("email_index", filter.email.map(|email| blind::<UserRow>(&keys, "email_index", &email.normalised())));
    app.accounts(&may, (query, order), after, None).await
}
