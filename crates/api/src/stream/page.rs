//! What is the next page, and is it recorded before it is given?

use std::collections::{BTreeMap, BTreeSet};

use anamnesis_domain::access::{AccessAction, AccessEvent, AccessedSubject, MAX_SUBJECTS};
use anamnesis_domain::consent::DataCategory;
use anamnesis_domain::{AnyEvent, Line, PatientId, Recorded};
use anamnesis_journal::log::{Place, open};
use anamnesis_projector::history::AGGREGATES;
use anamnesis_stream::Topic;

use super::body::Stream;
use super::rights::{Allowed, Rights, category, records_streaming_of_records, resource_type};
use crate::edge::{Problem, Released, record_released};

/// Places looked at together: most of the log may be of other topics, or of nobody within reach.
const PLACES: u32 = 2_000;
/// Events of a page, at most.
const EVENTS: usize = 200;
/// A page ends early after so many sealed bytes: some events are documents.
const BYTES: usize = 512 * 1024;

/// What was found when the log was looked at.
pub(super) struct Page {
    /// What may be given, written; empty: nothing of it.
    pub(super) written: String,
    /// How many events that is.
    pub(super) events: u64,
    /// Everything up to here was looked at.
    pub(super) up_to: u64,
    /// Whether that is all there is to see now.
    pub(super) is_last: bool,
}

impl Stream {
    /// The next page. When it is there, it has been recorded.
    pub(super) async fn page(&mut self) -> Result<Page, Problem> {
        let _turn = self.open.turn().await?;
        let (positions, mut up_to, mut is_last) = self.look().await?;
        if positions.is_empty() {
            return Ok(Page { written: String::new(), events: 0, up_to, is_last });
        }
        let entries = self.app.log.at_within(&positions, BYTES).await?;
        if let Some(last) = entries.last().filter(|_| entries.len() < positions.len()) {
            (up_to, is_last) = (last.position, false);
        }
        let mut events = Vec::with_capacity(entries.len());
        for opened in open(entries, &self.app.vault).await? {
            events.push(opened.map_err(|unopened| {
                tracing::error!(%unopened, "a stream can't go on");
                Problem::internal()
            })?);
        }
        let given = self.allowed(events).await?;
        self.record(&given).await?;
        let mut written = String::new();
        for event in &given {
            let told = self.telling.tell(event).map_err(|error| {
                tracing::error!(%error, event.position, "an event can't be told");
                Problem::internal()
            })?;
            written.push_str(&self.format.event(event.position, &told));
        }
        Ok(Page { written, events: given.len() as u64, up_to, is_last })
    }

    /// Which of the next positions may be given, how far was looked, and whether there is no more.
    async fn look(&self) -> Result<(Vec<u64>, u64, bool), Problem> {
        let mut places = self.app.log.places_after(self.start.after, PLACES).await?;
        let is_cut = self.start.until.is_some_and(|until| places.last().is_some_and(|last| last.position >= until));
        places.retain(|place| self.start.until.is_none_or(|until| place.position <= until));
        let rights = Rights::of(&self.may.call.actor, self.topic, self.form);
        let may_cover = |place: &&Place| rights.may_cover(place.organization_id, &place.aggregate_type, place.subject_id);
        let most = self.start.left.map_or(EVENTS, |left| usize::try_from(left).unwrap_or(EVENTS).min(EVENTS));
        let positions: Vec<_> = places.iter().filter(may_cover).map(|place| place.position).take(most).collect();
        let end = places.last().map_or(self.start.after, |last| last.position);
        match positions.last() {
            Some(last) if positions.len() == most && *last < end => Ok((positions.clone(), *last, false)),
            Some(_) | None => Ok((positions, end, is_cut || places.len() < PLACES as usize)),
        }
    }

    /// What of it may be given at this moment: the session and its roles as they are now, consents as they are now.
    async fn allowed(&mut self, events: Vec<Recorded>) -> Result<Vec<Recorded>, Problem> {
        self.renew().await?;
        let rights = Rights::of(&self.may.call.actor, self.topic, self.form);
        let decided: Vec<_> = events.into_iter().map(|event| (rights.may(&event), event)).filter(|(may, _)| *may != Allowed::Never).collect();
        let asked: BTreeSet<_> =
            decided.iter().filter_map(|(may, _)| if let Allowed::IfConsented(patient, _) = may { Some(*patient) } else { None }).collect();
        let consents = if asked.is_empty() { None } else { Some(self.app.consents(&self.may, &asked).await?) };
        let is_allowed = |may: Allowed| match may {
            Allowed::Always => true,
            Allowed::IfConsented(patient, category) => consents.as_ref().is_some_and(|consents| consents.cover(patient, category)),
            Allowed::Never => false,
        };
        let given = decided.into_iter().filter(|(may, _)| is_allowed(*may)).map(|(_, event)| event);
        Ok(given.filter(|event| !self.telling.is_identified() || !records_streaming_of_records(event)).collect())
    }

    /// The rights as they are now; an error if there are none any more.
    pub(super) async fn renew(&mut self) -> Result<(), Problem> {
        self.may = self.may.renewed(&self.app).await?;
        let is_nothing = Rights::of(&self.may.call.actor, self.topic, self.form).is_nothing();
        if is_nothing { Err(Problem::forbidden()) } else { Ok(()) }
    }

    /// One access for each page, naming every patient in it and what kinds of events were theirs. What names nobody is no access, but
    /// that the audit log was read is recorded in any case.
    async fn record(&self, events: &[Recorded]) -> Result<(), Problem> {
        if !self.telling.is_identified() || events.is_empty() {
            return Ok(());
        }
        let subjects = subjects(events);
        if subjects.is_empty() && self.topic == Topic::Audit {
            return self.record_some(&[], events.len()).await;
        }
        for some in subjects.chunks(MAX_SUBJECTS) {
            self.record_some(some, events.len()).await?;
        }
        Ok(())
    }

    async fn record_some(&self, subjects: &[AccessedSubject], result_count: usize) -> Result<(), Problem> {
        let resource_type = resource_type(self.topic);
        let released =
            Released { action: AccessAction::Replay, resource_type: &resource_type, resource_id: None, as_of_position: None, result_count };
        record_released(&self.app, &self.may.call, released, subjects.to_vec()).await
    }
}

/// Whom events tell of, and what of each.
fn subjects(events: &[Recorded]) -> Vec<AccessedSubject> {
    let mut told: BTreeMap<PatientId, (Vec<DataCategory>, BTreeSet<&str>)> = BTreeMap::new();
    for event in events {
        for patient in patients(event) {
            let (categories, types) = told.entry(patient).or_default();
            if !categories.contains(&category(event)) {
                categories.push(category(event));
            }
            types.insert(&event.event_type);
        }
    }
    let subject = |(patient_id, (categories, types)): (PatientId, (Vec<DataCategory>, BTreeSet<&str>))| AccessedSubject {
        patient_id,
        categories,
        elements: types.into_iter().filter_map(|name| Line::try_from(name).ok()).collect(),
    };
    told.into_iter().map(subject).collect()
}

/// The patients whom an event tells of: whose it is, or whom a record of an access or a compliance matter names.
fn patients(event: &Recorded) -> Vec<PatientId> {
    match event.event.value() {
        Some(AnyEvent::Access(AccessEvent::DataAccessed(accessed))) => accessed.subjects.iter().map(|subject| subject.patient_id).collect(),
        Some(AnyEvent::Access(AccessEvent::AccessDenied(denied))) => denied.patient_ids.clone(),
        Some(AnyEvent::Compliance(happened)) => happened.patient_ids().to_vec(),
        Some(_) | None if AGGREGATES.contains(&event.aggregate_type) => vec![PatientId(event.subject_id)],
        Some(_) | None => Vec::new(),
    }
}
