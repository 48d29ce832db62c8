//! The operations on patients.

mod add_identifier;
mod assign_primary_care_provider;
mod change_care_team;
mod change_contact;
mod change_emergency_contacts;
mod change_health_goals;
mod change_insurance;
mod change_risk_factors;
mod correct_demographics;
mod deactivate;
mod end_history_entry;
mod entries;
mod get;
mod link_account;
mod list;
mod list_allergies;
mod list_conditions;
mod list_disclosures;
mod list_medications;
mod mark_history_entry_in_error;
mod merge;
mod reactivate;
mod record_allergy;
mod record_condition;
mod record_death;
mod record_medication;
mod register;
mod remove_identifier;
mod reveal_identifiers;
mod undo_merge;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

/// The collection's name in paths.
pub(crate) const COLLECTION: &str = "patients";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_conditions::list_patient_conditions))
        .routes(routes!(list_allergies::list_patient_allergies))
        .routes(routes!(list_medications::list_patient_medications))
        .routes(routes!(list_disclosures::list_patient_disclosures))
        .routes(routes!(list::list_patients))
        .routes(routes!(get::get_patient))
        .routes(routes!(register::register_patient))
        .routes(routes!(correct_demographics::correct_patient_demographics))
        .routes(routes!(change_contact::change_patient_contact))
        .routes(routes!(change_insurance::change_patient_insurance))
        .routes(routes!(change_emergency_contacts::change_patient_emergency_contacts))
        .routes(routes!(add_identifier::add_patient_identifier))
        .routes(routes!(remove_identifier::remove_patient_identifier))
        .routes(routes!(reveal_identifiers::reveal_patient_identifiers))
        .routes(routes!(record_condition::record_patient_condition))
        .routes(routes!(record_allergy::record_patient_allergy))
        .routes(routes!(record_medication::record_patient_medication))
        .routes(routes!(end_history_entry::end_patient_history_entry))
        .routes(routes!(mark_history_entry_in_error::mark_patient_history_entry_in_error))
        .routes(routes!(assign_primary_care_provider::assign_primary_care_provider))
        .routes(routes!(change_care_team::change_patient_care_team))
        .routes(routes!(change_health_goals::change_patient_health_goals))
        .routes(routes!(change_risk_factors::change_patient_risk_factors))
        .routes(routes!(link_account::link_patient_account))
        .routes(routes!(record_death::record_patient_death))
        .routes(routes!(deactivate::deactivate_patient))
        .routes(routes!(reactivate::reactivate_patient))
        .routes(routes!(merge::merge_patient))
        .routes(routes!(undo_merge::undo_patient_merge))
}
