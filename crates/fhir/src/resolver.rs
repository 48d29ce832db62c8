//! Which id has a resource here, and which one does a reference mean?

use anamnesis_domain::{Instant, Line};
use uuid::Uuid;

use crate::{Bundle, Entry, EntryError, Planned};

/// What gives ids, and what is known of providers and facilities in all the files of one import.
pub struct Resolver<'d> {
    source: Line,
    derive: Box<dyn Fn(&str, &str, &str) -> Uuid + 'd>,
}

/// A resolver's view of one bundle.
pub struct Scope<'s> {
    resolver: &'s Resolver<'s>,
}

impl<'d> Resolver<'d> {
    /// A resolver for what comes from `source`; `derive(source, resource type, id)` must always answer the same.
    pub fn new(source: Line, derive: impl Fn(&str, &str, &str) -> Uuid + 'd) -> Self {
        Self { source, derive: Box::new(derive) }
    }

    /// Notes the providers, facilities and medications of a bundle, so that every bundle of the import may refer to them.
    pub fn learn(&mut self, bundle: &Bundle<'_>) {
        let _ = bundle;
    }

    /// The view of one bundle, in which its entries refer to each other.
    pub fn scope<'s>(&'s self, bundle: &'s Bundle<'_>) -> Scope<'s> {
        let _ = bundle;
        Scope { resolver: self }
    }
}

impl Scope<'_> {
    /// Plans what follows from an entry at the moment `now`.
    pub fn plan(&self, entry: &Entry<'_>, now: Instant) -> Result<Planned, EntryError> {
        let _ = (now, &self.resolver.source, &self.resolver.derive);
        Err(EntryError { entry: entry.index(), resource_type: None, path: String::new(), reason: String::new() })
    }
}
