//! How is what is known of patients shown? The same from the read models as from the past.

use std::collections::BTreeMap;

use anamnesis_domain::access::AccessAction;
use anamnesis_domain::consent::DataCategory;
use anamnesis_domain::{PatientId, Recorded};
use anamnesis_projections::appointments::{APPOINTMENTS, Appointments};
use anamnesis_projections::consents::{CONSENTS, Consents};
use anamnesis_projections::history_lists::{Allergies, Conditions, HISTORY_LISTS, Medications};
use anamnesis_projections::insights::{INSIGHTS, Insights};
use anamnesis_projections::kernel::{Class, Fold, Projection, Row, Stamped, Streams, fold_until};
use anamnesis_projections::patients::{PATIENTS, Patients};
use anamnesis_projections::records::{RECORDS, Records};
use anamnesis_projector::history::Moment;
use anamnesis_projector::query::{Order, Page, Query};
use uuid::Uuid;

use super::call::Needs;
use super::disclosed::record_reach;
use super::moment::{After, AsOf};
use super::page::{Json, Listed};
use super::read::{by_id, of_history};
use super::{Disclosed, Disclosure, May, Problem};
use crate::App;

/// A table about patients, as the edge shows it.
pub(crate) trait View: Fold {
    /// The projection that the table belongs to.
    const PROJECTION: &'static Projection;
    /// What is recorded as asked for.
    const RESOURCE: &'static str;
    /// Which part of a patient's data it is.
    const CATEGORY: DataCategory;
    /// Whom a row is about.
    fn patient(row: &Self::Row) -> PatientId;
}

macro_rules! views {
    ($($fold:ident of $projection:ident: $resource:literal, $category:ident);+ $(;)?) => {
        $(impl View for $fold {
            const PROJECTION: &'static Projection = &$projection;
            const RESOURCE: &'static str = $resource;
            const CATEGORY: DataCategory = DataCategory::$category;

            fn patient(row: &Self::Row) -> PatientId {
                row.patient_id
            }
        })+
    };
}

views! {
    Patients of PATIENTS: "patients", Demographics;
    Conditions of HISTORY_LISTS: "conditions", Records;
    Allergies of HISTORY_LISTS: "allergies", Records;
    Medications of HISTORY_LISTS: "medications", Records;
    Appointments of APPOINTMENTS: "appointments", Appointments;
    Records of RECORDS: "records", Records;
    Insights of INSIGHTS: "insights", Insights;
    Consents of CONSENTS: "consents", Demographics;
}

/// Of which moment: now, but not before something, or as of the past.
pub(crate) struct When {
    pub(crate) after: After,
    pub(crate) as_of: Option<AsOf>,
}

/// A list that was asked for.
pub(crate) struct Asked {
    pub(crate) query: Query,
    pub(crate) order: Order,
    /// Whose, if one patient's.
    pub(crate) patient: Option<PatientId>,
    pub(crate) when: When,
}

/// An answer's rows, opened, with the position they reflect.
struct Found<R> {
    page: Page<R>,
    position: u64,
    as_of: Option<u64>,
}

impl App {
    /// Shows one thing by its id.
    pub(crate) async fn show<V: View, P: Needs>(&self, may: &May<P>, id: Uuid, when: When) -> Result<Disclosed<Json>, Problem> {
        let query = by_id::<V::Row>(id);
        let found = match when.as_of {
            Some(AsOf(moment)) => self.past::<V, P>(may, moment, &query, PastOf::Stream(id)).await?,
            None => self.present::<V, P>(may, &query, when.after, None).await?,
        };
        let shown = found.page.rows.first().filter(|row| may.scope.covers(V::patient(&row.row))).ok_or_else(Problem::not_found)?;
        let disclosure = Disclosure { resource_id: Some(id), ..disclosure::<V>(&found, AccessAction::Read) };
        let disclosed = Disclosed::new(shown.json(), disclosure).at(found.position);
        Ok(disclosed.header("etag", format!("\"{}\"", shown.stamp.sequence)))
    }

    /// Shows a page of a list.
    pub(crate) async fn list<V: View, P: Needs>(&self, may: &May<P>, asked: Asked) -> Result<Disclosed<Listed>, Problem> {
        let patient = self.whose(may, asked.patient).await?;
        let query = asked.query.is("patient_id", patient.map(|patient| patient.0));
        let found = match (asked.when.as_of, patient) {
            (Some(AsOf(moment)), Some(patient)) => self.past::<V, P>(may, moment, &query, PastOf::Patient(patient)).await?,
            (Some(_), None) => return Err(Problem::field("as_of", "needs `patient`: the past is told of one patient")),
            (None, _) => self.present::<V, P>(may, &query, asked.when.after, None).await?,
        };
        Ok(Disclosed::new(Listed::of(&found.page, asked.order), disclosure::<V>(&found, AccessAction::Search)).at(found.position))
    }

    /// Shows a page of a list that belongs to a patient who must be there.
    pub(crate) async fn list_of<V: View, P: Needs>(&self, may: &May<P>, patient: PatientId, asked: Asked) -> Result<Disclosed<Listed>, Problem> {
        self.reach(may, patient).await?;
        let query = asked.query.is("patient_id", Some(patient.0));
        let found = match asked.when.as_of {
            Some(AsOf(moment)) => self.past::<V, P>(may, moment, &query, PastOf::Stream(patient.0)).await?,
            None => self.present::<V, P>(may, &query, asked.when.after, Some(patient)).await?,
        };
        let disclosure = Disclosure { resource_id: Some(patient.0), ..disclosure::<V>(&found, AccessAction::Search) };
        Ok(Disclosed::new(Listed::of(&found.page, asked.order), disclosure.naming::<V>(patient)).at(found.position))
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

    /// Whose data is listed: that of the patient who was named, or the caller's own if that is all they may see.
    async fn whose<P: Needs>(&self, may: &May<P>, named: Option<PatientId>) -> Result<Option<PatientId>, Problem> {
        if let Some(patient) = named {
            self.reach(may, patient).await?;
        }
        Ok(named.or(may.own()))
    }

    async fn present<V: View, P: Needs>(
        &self,
        may: &May<P>,
        query: &Query,
        after: After,
        whose: Option<PatientId>,
    ) -> Result<Found<V::Row>, Problem> {
        let mut reading = self.reading(may, V::PROJECTION, after).await?;
        if let Some(patient) = whose
            && !reading.has::<<Patients as Fold>::Row>(patient.0).await?
        {
            return Err(Problem::not_found());
        }
        let mut page = reading.page(query).await?;
        let position = reading.position;
        drop(reading);
        self.open(&mut page.rows).await?;
        Ok(Found { page, position, as_of: None })
    }

    async fn past<V: View, P: Needs>(&self, may: &May<P>, moment: Moment, query: &Query, of: PastOf) -> Result<Found<V::Row>, Problem> {
        let position = self.position_at(&may.call, "as_of", moment).await?;
        let history = self.history(may);
        let events = match of {
            PastOf::Stream(id) => history.of_stream(stream::<V>(), id, position).await,
            PastOf::Patient(patient) => history.of_patient(patient.0, position).await,
        };
        let events = events.map_err(of_history)?;
        if events.is_empty() && matches!(of, PastOf::Stream(_)) {
            return Err(Problem::not_found());
        }
        Ok(Found { page: query.pick(folded::<V>(&events)?), position, as_of: Some(position) })
    }
}

/// What the past is folded from.
#[derive(Clone, Copy)]
enum PastOf {
    Stream(Uuid),
    Patient(PatientId),
}

/// The aggregate whose streams a view is folded from.
fn stream<V: View>() -> &'static str {
    match V::STREAMS {
        Streams::Of([aggregate, ..]) => aggregate,
        Streams::Of([]) | Streams::All => "",
    }
}

fn folded<V: View>(events: &[Recorded]) -> Result<Vec<Stamped<V::Row>>, Problem> {
    fold_until::<V>(events).map_err(|error| of_history(error.into()))
}

fn disclosure<V: View>(found: &Found<V::Row>, action: AccessAction) -> Disclosure {
    let rows = &found.page.rows;
    Disclosure {
        action,
        resource_type: V::RESOURCE,
        resource_id: None,
        subjects: rows.iter().map(|row| (V::patient(&row.row), vec![V::CATEGORY])).collect(),
        elements: elements::<V::Row>(),
        as_of_position: found.as_of,
        result_count: rows.len(),
    }
}

/// The names of the fields that a row shows.
pub(crate) fn elements<R: Row>() -> Vec<&'static str> {
    R::TABLE.columns.iter().filter(|column| column.class != Class::Blind).map(|column| column.name).collect()
}

impl Disclosure {
    /// Names a patient even if nothing was found: that there is nothing is told of them too.
    fn naming<V: View>(mut self, patient: PatientId) -> Self {
        self.subjects = BTreeMap::from([(patient, vec![V::CATEGORY])]);
        self
    }
}
