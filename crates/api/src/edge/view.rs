//! How is what is known of patients shown? The same from the read models as from the past.

use std::collections::{BTreeMap, BTreeSet};

use anamnesis_access::Scope;
use anamnesis_cache::Key;
use anamnesis_domain::access::AccessAction;
use anamnesis_domain::consent::DataCategory;
use anamnesis_domain::{PatientId, Recorded};
use anamnesis_projections::amendment_requests::{AMENDMENT_REQUESTS, AmendmentRequests};
use anamnesis_projections::appointments::{APPOINTMENTS, Appointments};
use anamnesis_projections::audit_logs::{AUDIT_LOGS, AuditLogs};
use anamnesis_projections::compliance::{COMPLIANCE, Designations, Findings, LegalHolds, Trainings};
use anamnesis_projections::compliance_logs::{COMPLIANCE_LOGS, ComplianceLogs};
use anamnesis_projections::consents::{CONSENTS, Consents};
use anamnesis_projections::data_access_logs::{DATA_ACCESS_LOGS, DataAccessLogs};
use anamnesis_projections::documents::{DOCUMENTS, Documents};
use anamnesis_projections::history_lists::{Allergies, Conditions, HISTORY_LISTS, Medications};
use anamnesis_projections::insights::{INSIGHTS, Insights};
use anamnesis_projections::kernel::{Class, Fold, Projection, Row, Sealed, Stamped, Streams, fold_until};
use anamnesis_projections::patients::{PATIENTS, Patients};
use anamnesis_projections::predictions::{PREDICTIONS, Predictions};
use anamnesis_projections::records::{RECORDS, Records};
use anamnesis_projector::history::{AGGREGATES, Moment, Part};
use anamnesis_projector::query::{Order, Page, Query};
use serde_json::Value;
use uuid::Uuid;

use super::call::Needs;
use super::disclosed::record;
use super::moment::{After, AsOf};
use super::page::{Item, Listed, etag};
use super::read::{Found, by_id};
use super::{Disclosed, Disclosure, May, Problem, Whole};
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
    fn patient(row: &Stamped<Self::Row>) -> Option<PatientId>;
    /// Whom a row tells of: whom it is about, and whom it names.
    fn told_of(row: &Stamped<Self::Row>) -> Vec<PatientId>;
    /// Where one row is cached, if it is.
    fn cached(organization: Uuid, id: Uuid) -> Option<Key>;
}

macro_rules! views {
    ($($fold:ident of $projection:ident: $resource:literal, $category:ident, $patient:expr $(, naming $named:expr)? $(, cached as $key:expr)?);+ $(;)?) => {
        $(impl View for $fold {
            const PROJECTION: &'static Projection = &$projection;
            const RESOURCE: &'static str = $resource;
            const CATEGORY: DataCategory = DataCategory::$category;

            fn patient(row: &Stamped<Self::Row>) -> Option<PatientId> {
                let patient: fn(&Stamped<Self::Row>) -> Option<PatientId> = $patient;
                patient(row)
            }

            fn told_of(row: &Stamped<Self::Row>) -> Vec<PatientId> {
                let named: Option<fn(&Stamped<Self::Row>) -> Vec<PatientId>> = views!(@given $($named)?);
                let named = named.map(|named| named(row)).unwrap_or_default();
                Self::patient(row).into_iter().chain(named).collect()
            }

            fn cached(organization: Uuid, id: Uuid) -> Option<Key> {
                let key: Option<fn(Uuid, Uuid) -> Key> = views!(@given $($key)?);
                key.map(|key| key(organization, id))
            }
        })+
    };
    (@given) => { None };
    (@given $given:expr) => { Some($given) };
}

views! {
    Patients of PATIENTS: "patients", Demographics, |of| Some(of.row.patient_id), cached as Key::patient_profile;
    Conditions of HISTORY_LISTS: "conditions", Records, |of| Some(of.row.patient_id);
    Allergies of HISTORY_LISTS: "allergies", Records, |of| Some(of.row.patient_id);
    Medications of HISTORY_LISTS: "medications", Records, |of| Some(of.row.patient_id);
    AmendmentRequests of AMENDMENT_REQUESTS: "amendment_requests", Records, |of| Some(of.row.patient_id);
    Appointments of APPOINTMENTS: "appointments", Appointments, |of| Some(of.row.patient_id);
    Records of RECORDS: "records", Records, |of| Some(of.row.patient_id);
    Documents of DOCUMENTS: "documents", Records, |of| Some(of.row.patient_id);
    Insights of INSIGHTS: "insights", Insights, |of| Some(of.row.patient_id);
    Predictions of PREDICTIONS: "predictions", Insights, |of| Some(of.row.patient_id);
    Consents of CONSENTS: "consents", Demographics, |of| Some(of.row.patient_id);
    DataAccessLogs of DATA_ACCESS_LOGS: "data_access_logs", All, |of| Some(of.row.patient_id);
    // an act on a patient's stream is sealed for that patient
    AuditLogs of AUDIT_LOGS: "audit_logs", All, |of| AGGREGATES.contains(&of.row.resource_type.as_str()).then_some(of.stamp.subject_id.into()),
        naming |of| of.row.new_values.as_ref().and_then(Sealed::get).map(named_in).unwrap_or_default();
    // who answers for HIPAA reads them, and nobody else
    Findings of COMPLIANCE: "compliance_findings", All, |_| None, naming |of| of.row.patient_ids.clone();
    LegalHolds of COMPLIANCE: "legal_holds", All, |_| None, naming |of| of.row.patient_ids.clone();
    Designations of COMPLIANCE: "officer_designations", All, |_| None;
    Trainings of COMPLIANCE: "workforce_trainings", All, |_| None;
    // tells kinds of acts, and nothing of what they were about
    ComplianceLogs of COMPLIANCE_LOGS: "compliance_logs", All, |_| None;
}

/// Of how many patients a page tells at most, if a row alone doesn't tell of more.
const MOST_TOLD: usize = 1_000;

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

impl App {
    /// Shows one thing by its id.
    pub(crate) async fn show<V: View, P: Needs>(&self, may: &May<P>, id: Uuid, when: When) -> Result<Disclosed<Item>, Problem> {
        self.reach_stream::<V, P>(may, id).await?;
        let query = by_id::<V::Row>(id);
        let found = match when.as_of {
            Some(AsOf(moment)) => self.past::<V, P>(may, moment, &query, PastOf::Stream(id)).await?,
            None => match V::cached(may.call.actor.organization_id, id) {
                Some(key) => {
                    let whole = Whole { key, rows: query.clone(), span: None };
                    self.look_up_within(may, V::PROJECTION, &query, whole, when.after).await?
                }
                None => self.look_up(may, V::PROJECTION, &query, when.after).await?,
            },
        };
        let is_within_reach = |row: &&Stamped<V::Row>| V::patient(row).is_some_and(|patient| may.scope.covers(patient));
        let row = found.page.rows.first().filter(is_within_reach).ok_or_else(Problem::not_found)?;
        Ok(shown(row, found.position, Disclosure { resource_id: Some(id), ..disclosure::<V>(&found, AccessAction::Read) }))
    }

    /// Shows a page of a list.
    pub(crate) async fn list<V: View, P: Needs>(&self, may: &May<P>, asked: Asked) -> Result<Disclosed<Listed>, Problem> {
        self.list_within::<V, P>(may, asked, None).await
    }

    /// Shows a page of a list of which all may be cached. That is about many patients, so only for who may see them all.
    pub(crate) async fn list_within<V: View, P: Needs>(
        &self,
        may: &May<P>,
        asked: Asked,
        whole: Option<Whole>,
    ) -> Result<Disclosed<Listed>, Problem> {
        let patient = self.whose(may, asked.patient).await?;
        let query = asked.query.is("patient_id", patient);
        let found = match (asked.when.as_of, patient) {
            (Some(AsOf(moment)), Some(patient)) => self.past::<V, P>(may, moment, &query, PastOf::Patient(patient)).await?,
            (Some(_), None) => return Err(Problem::field("as_of", "needs `patient`: the past is told of one patient")),
            (None, None) if let Some(whole) = whole.filter(|_| may.scope == Scope::Organization) => {
                self.look_up_within(may, V::PROJECTION, &query, whole, asked.when.after).await?
            }
            (None, _) => self.look_up(may, V::PROJECTION, &query, asked.when.after).await?,
        };
        let found = Found { page: no_more_than_told::<V>(found.page, asked.order), ..found };
        Ok(listed(&found, asked.order, disclosure::<V>(&found, AccessAction::Search).naming::<V>(patient)))
    }

    /// Shows the first row that a query about one patient finds, from what is cached under a key of its own.
    pub(crate) async fn show_first<V: View, P: Needs>(
        &self,
        may: &May<P>,
        patient: PatientId,
        query: &Query,
        whole: Whole,
        after: After,
    ) -> Result<Disclosed<Item>, Problem> {
        self.reach(may, patient).await?;
        let found = self.look_up_within::<V::Row, P>(may, V::PROJECTION, query, whole, after).await?;
        let disclosure = disclosure::<V>(&found, AccessAction::Read).naming::<V>(Some(patient));
        let Some(row) = found.page.rows.first() else {
            // that there is none is told of them too
            record(self, &may.call, &disclosure).await?;
            return Err(Problem::not_found());
        };
        Ok(shown(row, found.position, disclosure))
    }

    /// Shows a page of one of the lists of a patient who must be there.
    pub(crate) async fn list_of<V: View, P: Needs>(&self, may: &May<P>, patient: PatientId, asked: Asked) -> Result<Disclosed<Listed>, Problem> {
        self.reach(may, patient).await?;
        let query = asked.query.is("patient_id", Some(patient));
        let found = match asked.when.as_of {
            Some(AsOf(moment)) => self.past::<V, P>(may, moment, &query, PastOf::Stream(patient.0)).await?,
            None => self.look_up_with(may, V::PROJECTION, &query, asked.when.after, patient).await?,
        };
        let disclosure = Disclosure { resource_id: Some(patient.0), ..disclosure::<V>(&found, AccessAction::Search) };
        Ok(listed(&found, asked.order, disclosure.naming::<V>(Some(patient))))
    }

    /// Shows who has looked at a patient's data. What was done stays done, so the past of this is its beginning.
    pub(crate) async fn disclosures<P: Needs>(&self, may: &May<P>, patient: PatientId, asked: Asked) -> Result<Disclosed<Listed>, Problem> {
        self.reach(may, patient).await?;
        let (query, after, as_of) = match asked.when.as_of {
            Some(AsOf(moment)) => {
                let position = self.position_at(&may.call, "as_of", moment).await?;
                (asked.query.up_to("position", position), After::Position(position), Some(position))
            }
            None => (asked.query, asked.when.after, None),
        };
        let mut found = self.look_up(may, DataAccessLogs::PROJECTION, &query.is("patient_id", Some(patient)), after).await?;
        (found.position, found.as_of) = (as_of.unwrap_or(found.position), as_of);
        let disclosure = disclosure::<DataAccessLogs>(&found, AccessAction::Disclosures).naming::<DataAccessLogs>(Some(patient));
        Ok(listed(&found, asked.order, Disclosure { resource_id: Some(patient.0), ..disclosure }))
    }

    /// All that happened to one thing up to a moment, for an answer that no table gives.
    pub(crate) async fn past_of<V: View, P: Needs>(&self, may: &May<P>, id: Uuid, when: When) -> Result<PastOfOne, Problem> {
        self.reach_stream::<V, P>(may, id).await?;
        let position = self.end(may, when.as_of, when.after).await?;
        let history = self.history(may);
        let patient = history.subject(stream::<V>(), id).await?.ok_or_else(Problem::not_found)?.into();
        let events = history.of_stream(stream::<V>(), id, position).await?;
        if events.is_empty() {
            Err(Problem::not_found())
        } else {
            Ok(PastOfOne { id, patient, events, position, as_of: when.as_of.map(|_| position) })
        }
    }

    /// The position up to which the past is told: that of a moment, or the log's end.
    pub(crate) async fn end<P>(&self, may: &May<P>, as_of: Option<AsOf>, after: After) -> Result<u64, Problem> {
        if let Some(AsOf(moment)) = as_of {
            return self.position_at(&may.call, "as_of", moment).await;
        }
        let wanted = after.wanted(self).await?.position;
        let head = self.log.head().await?;
        if head.position >= wanted {
            return Ok(head.position);
        }
        let reached = self.log.wait_for(wanted, self.after_wait()).await;
        reached.map(|head| head.position).ok_or_else(|| Problem::unavailable("the log hasn't reached Anamnesis-After; try again"))
    }

    /// Refuses a thing of a patient out of reach, and records that it was tried: row-level security would hide it, and with it whose it is.
    async fn reach_stream<V: View, P: Needs>(&self, may: &May<P>, id: Uuid) -> Result<(), Problem> {
        if may.scope == Scope::Organization {
            return Ok(());
        }
        match self.history(may).subject(stream::<V>(), id).await? {
            Some(patient) => self.reach(may, patient.into()).await,
            None => Ok(()),
        }
    }

    /// Whose data is listed: that of the patient who was named, or the caller's own if that is all they may see.
    async fn whose<P: Needs>(&self, may: &May<P>, named: Option<PatientId>) -> Result<Option<PatientId>, Problem> {
        if let Some(patient) = named {
            self.reach(may, patient).await?;
        }
        Ok(named.or(may.own()))
    }

    async fn past<V: View, P: Needs>(&self, may: &May<P>, moment: Moment, query: &Query, of: PastOf) -> Result<Found<V::Row>, Problem> {
        let position = self.position_at(&may.call, "as_of", moment).await?;
        let history = self.history(may);
        let events = match of {
            PastOf::Stream(id) => history.of_stream(stream::<V>(), id, position).await,
            PastOf::Patient(patient) => {
                let part = Part { aggregate: only_stream::<V>(), ..Part::up_to(position) };
                history.page_of_patient(patient.0, &part).await
            }
        };
        let events = events?;
        if events.is_empty() && matches!(of, PastOf::Stream(_)) {
            return Err(Problem::not_found());
        }
        Ok(Found { page: query.pick(fold_until::<V>(&events)?), position, as_of: Some(position) })
    }
}

/// What happened to one thing of a patient.
pub(crate) struct PastOfOne {
    id: Uuid,
    patient: PatientId,
    pub(crate) events: Vec<Recorded>,
    position: u64,
    as_of: Option<u64>,
}

impl PastOfOne {
    /// Shows rows that were folded from it.
    pub(crate) fn shown<V: View>(self, rows: Vec<Stamped<V::Row>>, next: Option<String>) -> Disclosed<Listed> {
        let found = Found { page: Page { rows, next: None }, position: self.position, as_of: self.as_of };
        let disclosure = disclosure::<V>(&found, AccessAction::Read).naming::<V>(Some(self.patient));
        let listed = Listed { items: found.page.rows.iter().map(Stamped::json).collect(), next };
        Disclosed::new(listed, Disclosure { resource_id: Some(self.id), ..disclosure }).at(found.position)
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

/// The only aggregate whose events a view needs.
fn only_stream<V: View>() -> Option<&'static str> {
    match V::STREAMS {
        Streams::Of([aggregate]) => Some(aggregate),
        Streams::Of(_) | Streams::All => None,
    }
}

/// Ends a page before it tells of more patients than an access event should name; a row alone is shown in any case.
fn no_more_than_told<V: View>(page: Page<V::Row>, order: Order) -> Page<V::Row> {
    let mut told = BTreeSet::new();
    let fits = page.rows.iter().take_while(|row| {
        told.extend(V::told_of(row));
        told.len() <= MOST_TOLD
    });
    let fits = fits.count().max(1);
    page.ending_after(fits, order)
}

/// The patients whom what an event said names, at any depth.
fn named_in(said: &Value) -> Vec<PatientId> {
    let id = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).map(PatientId);
    match said {
        Value::Object(fields) => {
            let named = |(name, value): (&String, &Value)| match (name.as_str(), value) {
                ("patient_id", value) => id(value).into_iter().collect(),
                ("patient_ids", Value::Array(ids)) => ids.iter().filter_map(id).collect(),
                (_, value) => named_in(value),
            };
            fields.iter().flat_map(named).collect()
        }
        Value::Array(values) => values.iter().flat_map(named_in).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![],
    }
}

fn shown<R: Row>(row: &Stamped<R>, position: u64, disclosure: Disclosure) -> Disclosed<Item> {
    Disclosed::new(row.json(), disclosure).at(position).header("etag", etag(row.stamp.sequence))
}

fn listed<R: Row>(found: &Found<R>, order: Order, disclosure: Disclosure) -> Disclosed<Listed> {
    Disclosed::new(Listed::of(&found.page, order), disclosure).at(found.position)
}

fn disclosure<V: View>(found: &Found<V::Row>, action: AccessAction) -> Disclosure {
    let Found { page: Page { rows, .. }, as_of, .. } = found;
    Disclosure {
        action,
        resource_type: V::RESOURCE,
        resource_id: None,
        subjects: rows.iter().flat_map(V::told_of).map(|patient| (patient, vec![V::CATEGORY])).collect(),
        elements: elements::<V::Row>(),
        as_of_position: *as_of,
        result_count: rows.len(),
    }
}

/// The names of the fields that a row shows.
pub(crate) fn elements<R: Row>() -> Vec<&'static str> {
    R::TABLE.columns.iter().filter(|column| column.class != Class::Blind).map(|column| column.name).collect()
}

impl Disclosure {
    /// Names the patient who was asked for even if nothing was found: that there is nothing is told of them too.
    fn naming<V: View>(mut self, patient: Option<PatientId>) -> Self {
        if let Some(patient) = patient {
            self.subjects = BTreeMap::from([(patient, vec![V::CATEGORY])]);
        }
        self
    }
}
