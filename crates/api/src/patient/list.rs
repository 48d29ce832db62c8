use anamnesis_domain::{AccountId, Date, Email, Line, PatientNumber, Phone, ProviderId};
use anamnesis_projections::normal;
use anamnesis_projections::patients::{PatientRow, PatientStatus, Patients};
use anamnesis_projections::words::Kind;
use anamnesis_projector::query::{Order, Query};
use anamnesis_projector::read::blind;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::edge::{After, Asked, Cursor, Disclosed, Limit, ListAnswers, Listed, May, Paging, Params, Problem, Sort, When, may, name_words};

/// Which patients: all that is given must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PatientFilter {
    /// The patient number.
    #[param(inline)]
    number: Option<PatientNumber>,
    /// Words of any of the names, whole and in any case.
    #[param(inline)]
    name: Option<Line>,
    /// The family name; with `birth_date`.
    #[param(inline)]
    family: Option<Line>,
    /// The birth date; with `family`.
    #[param(inline)]
    birth_date: Option<Date>,
    /// A phone number, however it is spaced.
    #[param(inline)]
    phone: Option<Phone>,
    /// An e-mail address, in any case.
    #[param(inline)]
    email: Option<Email>,
    /// Any other number of theirs: insurance, social security, another house's.
    #[param(inline)]
    identifier: Option<Line>,
    /// Whether they are looked after here: `ACTIVE` or `DEACTIVATED`; or as another patient: `MERGED`. Those are only listed if asked for.
    #[param(value_type = Option<String>)]
    status: Option<PatientStatus>,
    /// Whose account it is.
    #[param(inline)]
    account: Option<AccountId>,
    /// Who their primary care provider is.
    #[param(inline)]
    primary_care_provider: Option<ProviderId>,
    /// Who is in their care team.
    #[param(inline)]
    care_team_member: Option<ProviderId>,
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

/// Lists patients, in the order of their registration.
#[utoipa::path(get, path = "/v1/patients", tag = "patients", params(PatientFilter, After), responses(ListAnswers<PatientRow>))]
pub(crate) async fn list_patients(
    State(app): State<App>,
    may: May<may::ReadPatients>,
    after: After,
    Params(filter): Params<PatientFilter>,
) -> Result<Disclosed<Listed>, Problem> {
    let order = Sort::of(filter.sort, Order::oldest_first("created_at"));
    let paging = Paging { limit: filter.limit, cursor: filter.cursor.clone() };
    let query = filter.narrow(&app, &may, paging.query::<PatientRow>(order)?).await?;
    app.list::<Patients, _>(&may, Asked { query, order, patient: None, when: When { after, as_of: None } }).await
}

impl PatientFilter {
    async fn narrow(self, app: &App, may: &May<may::ReadPatients>, query: Query) -> Result<Query, Problem> {
        let family_and_birth = self.family_and_birth()?;
        let words = name_words(self.name.as_ref())?;
        let statuses = self.status.map_or(vec![PatientStatus::Active, PatientStatus::Deactivated], |status| vec![status]);
        let query = query.among("status", statuses).is("user_id", self.account).is("primary_care_provider", self.primary_care_provider);
        let keys = app.index(may).await?;
        let hash = |column, normalised: String| blind::<PatientRow>(&keys, column, &normalised);
        let words = words.into_iter().map(|word| (Kind::Name, word));
        let phone = self.phone.map(|phone| (Kind::Phone, phone.normalised()));
        let email = self.email.map(|email| (Kind::Email, email.normalised()));
        let identifier = self.identifier.map(|one| (Kind::Identifier, normal::identifier(one.as_str())));
        let member = self.care_team_member.map(|provider| (Kind::Provider, provider.to_string()));
        let words = words.chain(phone).chain(email).chain(identifier).chain(member);
        Ok(query
            .hashed("patient_number_index", self.number.map(|number| hash("patient_number_index", number.normalised())))
            .hashed("family_and_birth_index", family_and_birth.map(|both| hash("family_and_birth_index", both)))
            .worded(app.tokens::<PatientRow, _>(may, words).await?))
    }

    fn family_and_birth(&self) -> Result<Option<String>, Problem> {
        match (&self.family, self.birth_date) {
            (Some(family), Some(birth_date)) => Ok(Some(normal::family_and_birth(family, birth_date))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(Problem::field("birth_date", "is needed with `family`; search by `name` without it")),
            (None, Some(_)) => Err(Problem::field("family", "is needed with `birth_date`")),
        }
    }
}
