//! How is an account shown? With its owner's profile and its roles. Never with a secret: none is known here.

use std::collections::BTreeMap;

use anamnesis_domain::access::AccessAction;
use anamnesis_domain::consent::DataCategory;
use anamnesis_projections::accounts::{ACCOUNTS, UserProfileRow, UserRoleRow, UserRow};
use anamnesis_projector::query::{Order, Query};
use serde_json::Value;
use uuid::Uuid;

use crate::App;
use crate::edge::{After, Disclosed, Disclosure, Listed, May, Problem, elements, may, put_beside};

impl App {
    /// An account may be a patient's: then to see it is to see that patient's data.
    pub(super) async fn accounts(
        &self,
        may: &May<may::ManageAccounts>,
        (query, order): (Query, Order),
        after: After,
        resource_id: Option<Uuid>,
    ) -> Result<Disclosed<Listed>, Problem> {
        let mut reading = self.reading(may, &ACCOUNTS, after).await?;
        let mut page = reading.page::<UserRow>(&query).await?;
        let ids: Vec<_> = page.rows.iter().map(|row| row.row.user_id.0).collect();
        let mut profiles = reading.beside::<UserProfileRow>("user_id", &ids).await?;
        let mut roles = reading.beside::<UserRoleRow>("user_id", &ids).await?;
        let position = reading.close();
        self.open(&mut page.rows).await?;
        self.open(&mut profiles).await?;
        self.open(&mut roles).await?;
        let mut listed = Listed::of(&page, order);
        put_beside(&mut listed.items, "user_id", "profile", &profiles);
        listed.items.iter_mut().filter_map(|item| item.get_mut("profile")).for_each(the_only);
        put_beside(&mut listed.items, "user_id", "roles", &roles);
        let patients = page.rows.iter().filter_map(|row| row.row.patient_id);
        let disclosure = Disclosure {
            action: if resource_id.is_some() { AccessAction::Read } else { AccessAction::Search },
            resource_type: "accounts",
            resource_id,
            subjects: patients.map(|patient| (patient, vec![DataCategory::Demographics])).collect::<BTreeMap<_, _>>(),
            elements: [elements::<UserRow>(), elements::<UserProfileRow>(), elements::<UserRoleRow>()].concat(),
            as_of_position: None,
            result_count: page.rows.len(),
        };
        Ok(Disclosed::new(listed, disclosure).at(position))
    }
}

/// An account has one profile.
fn the_only(list: &mut Value) {
    *list = list.get_mut(0).map(Value::take).unwrap_or_default();
}
