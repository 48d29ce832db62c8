//! Which id has a resource here, and which one does a reference mean?

use std::collections::HashMap;

use anamnesis_domain::{
    Code, Instant, Line,
    provider::{NPI_SYSTEM, Specialty},
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    Bundle, Entry, EntryError, Planned,
    bundle::{is_id, is_type},
    draft,
    elements::{CodeableConcept, Reference},
    specialty::specialties,
};

/// The types whose identifiers give their ids, so that references by identifier mean the same in every import.
const DIRECTORY: [&str; 3] = ["Organization", "Location", "Practitioner"];

/// `(source, resource type, id)` → an id.
type Derive<'d> = dyn Fn(&str, &str, &str) -> Uuid + Send + Sync + 'd;

/// What gives ids, and what is known of providers, facilities and medications in all the files of one import.
pub struct Resolver<'d> {
    source: Line,
    derive: Box<Derive<'d>>,
    learned: Names,
}

/// A resolver's view of one bundle.
pub struct Scope<'s> {
    pub(crate) resolver: &'s Resolver<'s>,
    names: Names,
    specialties: HashMap<Uuid, Vec<Specialty>>,
}

/// What resources are called by: `Patient/1`, `urn:uuid:…`, `Practitioner?identifier=system|value`.
#[derive(Default)]
struct Names {
    ids: HashMap<String, Found>,
    medications: HashMap<String, Code>,
}

/// A resource that a reference means.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) resource_type: String,
    pub(crate) id: Uuid,
}

/// What a reference means.
pub(crate) enum Meaning {
    /// A resource.
    Resource(Found),
    /// A resource inside the one that refers to it, or nothing but words.
    Words,
    /// Nothing: why.
    Nothing(&'static str),
}

impl<'d> Resolver<'d> {
    /// A resolver for what comes from `source`; `derive(source, resource type, id)` must always answer the same.
    pub fn new(source: Line, derive: impl Fn(&str, &str, &str) -> Uuid + Send + Sync + 'd) -> Self {
        Self { source, derive: Box::new(derive), learned: Names::default() }
    }

    /// Notes the providers, facilities and medications of a bundle, so that every bundle of the import may refer to them.
    pub fn learn(&mut self, bundle: &Bundle<'_>) {
        let mut learned = std::mem::take(&mut self.learned);
        for entry in bundle.entries() {
            if entry.resource_type().is_some_and(|name| DIRECTORY.contains(&name) || name == "Medication") {
                learned.add(self, entry);
            }
        }
        self.learned = learned;
    }

    /// The view of one bundle, in which its entries refer to each other.
    pub fn scope<'s>(&'s self, bundle: &Bundle<'_>) -> Scope<'s> {
        let mut names = Names::default();
        for entry in bundle.entries() {
            names.add(self, entry);
        }
        let mut scope = Scope { resolver: self, names, specialties: HashMap::new() };
        scope.specialties = bundle.entries().into_iter().filter_map(|entry| scope.specialties_in(entry)).collect();
        scope
    }

    pub(crate) fn source(&self) -> &Line {
        &self.source
    }

    /// The id made of what the source calls a resource by.
    pub(crate) fn derived(&self, resource_type: &str, id: &str) -> Uuid {
        (self.derive)(self.source.as_str(), resource_type, id)
    }

    /// The id made of an identifier, whatever the source.
    fn derived_by_identifier(&self, resource_type: &str, system: &str, value: &str) -> Uuid {
        (self.derive)(system, &format!("{resource_type}?identifier"), value)
    }

    /// The id a resource has here: by an identifier where its type is one of the directory's, else by its own id.
    pub(crate) fn aggregate_id(&self, entry: &Entry<'_>) -> Option<Uuid> {
        let (head, resource_type) = (entry.head.as_ref()?, entry.resource_type()?);
        if DIRECTORY.contains(&resource_type) {
            let identifiers = head.identifiers();
            let identifier = identifiers.iter().find(|(system, _)| *system == NPI_SYSTEM).or(identifiers.first());
            if let Some((system, value)) = identifier {
                return Some(self.derived_by_identifier(resource_type, system, value));
            }
        }
        Some(self.derived(resource_type, entry.id()?))
    }
}

impl Names {
    fn add(&mut self, resolver: &Resolver<'_>, entry: &Entry<'_>) {
        let (Some(resource_type), Some(head), Some(id)) = (entry.resource_type(), &entry.head, resolver.aggregate_id(entry)) else { return };
        let full_url = entry.full_url.clone();
        let by_id = entry.id().map(|id| format!("{resource_type}/{id}"));
        let by_identifier = head.identifiers().into_iter().map(|(system, value)| by_identifier(resource_type, system, value));
        for name in full_url.into_iter().chain(by_id).chain(by_identifier) {
            if let Some(code) = medication(entry) {
                self.medications.insert(name.clone(), code);
            }
            self.ids.insert(name, Found { resource_type: resource_type.to_owned(), id });
        }
    }
}

/// What a Medication is.
fn medication(entry: &Entry<'_>) -> Option<Code> {
    #[derive(Deserialize)]
    struct Medication {
        code: CodeableConcept,
    }
    entry.resource_type().filter(|name| *name == "Medication")?;
    serde_json::from_str::<Medication>(entry.json()?).ok()?.code.code()
}

fn by_identifier(resource_type: &str, system: &str, value: &str) -> String {
    format!("{resource_type}?identifier={system}|{value}")
}

impl Scope<'_> {
    /// Plans what follows from an entry of the bundle at the moment `now`.
    pub fn plan(&self, entry: &Entry<'_>, now: Instant) -> Result<Planned, EntryError> {
        draft::plan(self, entry, now).map_err(|error| error.of(entry.index(), entry.resource_type()))
    }

    /// What a reference means; `resource_type` is what it must be where it doesn't say itself.
    pub(crate) fn meaning(&self, reference: &Reference, resource_type: &str) -> Meaning {
        if let Some(target) = &reference.target {
            return self.meaning_of_text(target);
        }
        let identifier = reference.identifier.as_ref().map(|identifier| (identifier.system.as_deref(), identifier.value.as_deref()));
        match identifier {
            Some((Some(system), Some(value))) => self.by_identifier(reference.r#type.as_deref().unwrap_or(resource_type), system, value),
            _ => Meaning::Words,
        }
    }

    /// The code of the Medication that a reference means.
    pub(crate) fn medication(&self, reference: &Reference) -> Option<Code> {
        let name = decoded(reference.target.as_ref()?);
        let relative = relative(&name).map(|(resource_type, id)| format!("{resource_type}/{id}"));
        let names = [Some(name), relative];
        names.iter().flatten().find_map(|name| self.names.medications.get(name).or_else(|| self.resolver.learned.medications.get(name))).cloned()
    }

    /// The fields of medicine that the roles of a provider in this bundle name.
    pub(crate) fn specialties(&self, provider: Uuid) -> Vec<Specialty> {
        self.specialties.get(&provider).cloned().unwrap_or_default()
    }

    fn specialties_in(&self, entry: &Entry<'_>) -> Option<(Uuid, Vec<Specialty>)> {
        #[derive(Deserialize)]
        struct Role {
            practitioner: Reference,
            specialty: Vec<CodeableConcept>,
        }
        entry.resource_type().filter(|name| *name == "PractitionerRole")?;
        let role: Role = serde_json::from_str(entry.json()?).ok()?;
        match self.meaning(&role.practitioner, "Practitioner") {
            Meaning::Resource(found) => Some((found.id, specialties(&role.specialty))),
            Meaning::Words | Meaning::Nothing(_) => None,
        }
    }

    fn known(&self, name: &str) -> Option<Meaning> {
        self.names.ids.get(name).or_else(|| self.resolver.learned.ids.get(name)).cloned().map(Meaning::Resource)
    }

    fn meaning_of_text(&self, reference: &str) -> Meaning {
        if reference.starts_with('#') {
            return Meaning::Words;
        }
        if let Some(known) = self.known(reference) {
            return known;
        }
        if reference.starts_with("urn:") {
            return Meaning::Nothing("must name an entry of the bundle");
        }
        if let Some((resource_type, search)) = reference.split_once('?') {
            let decoded = decoded(search);
            return match decoded.strip_prefix("identifier=").and_then(|identifier| identifier.split_once('|')) {
                Some((system, value)) if is_type(resource_type) => self.by_identifier(resource_type, system, value),
                _ => Meaning::Nothing("must be a search by identifier=system|value"),
            };
        }
        let Some((resource_type, id)) = relative(reference) else {
            return Meaning::Nothing("must be a reference such as Patient/123");
        };
        self.known(&format!("{resource_type}/{id}"))
            .unwrap_or_else(|| Meaning::Resource(Found { resource_type: resource_type.to_owned(), id: self.resolver.derived(resource_type, id) }))
    }

    fn by_identifier(&self, resource_type: &str, system: &str, value: &str) -> Meaning {
        if let Some(known) = self.known(&by_identifier(resource_type, system, value)) {
            return known;
        }
        if DIRECTORY.contains(&resource_type) {
            let id = self.resolver.derived_by_identifier(resource_type, system, value);
            return Meaning::Resource(Found { resource_type: resource_type.to_owned(), id });
        }
        Meaning::Nothing("must name an entry of the bundle by its identifier")
    }
}

/// The type and id at the end of a reference or address, whatever version of the resource it means.
fn relative(reference: &str) -> Option<(&str, &str)> {
    let versionless = reference.split("/_history/").next()?;
    let mut parts = versionless.rsplit('/');
    let (id, resource_type) = (parts.next()?, parts.next()?);
    (is_id(id) && is_type(resource_type) && resource_type.starts_with(|c: char| c.is_ascii_uppercase())).then_some((resource_type, id))
}

/// Text without the percent signs of an address.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|two| std::str::from_utf8(two).ok()).and_then(|two| u8::from_str_radix(two, 16).ok());
        let (byte, after) = match code {
            Some(code) if *first == b'%' => (code, &after[2..]),
            _ => (*first, after),
        };
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}
