//! What does a decision rest on besides its own stream?
//!
//! A booking rests on the provider's hours. Whoever carries out a command reads its grounds before the decision and sees to it
//! that none of them has changed when its events are written.

use std::future::Future;

use uuid::Uuid;

use crate::document::Document;
use crate::facility::Facility;
use crate::model::Model;
use crate::organization::Organization;
use crate::patient::Patient;
use crate::provider::Provider;
use crate::{Aggregate, DocumentId, FacilityId, ModelId, PatientId, ProviderId, redact::redacted};

/// Another stream whose state a decision rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ground {
    /// The organization that the decision is made in.
    Organization,
    /// A patient.
    Patient(PatientId),
    /// A provider.
    Provider(ProviderId),
    /// A facility.
    Facility(FacilityId),
    /// A document.
    Document(DocumentId),
    /// An AI model.
    Model(ModelId),
}

impl Ground {
    /// Whether decisions on other streams may rest on streams of that type.
    pub fn is_of_type(aggregate_type: &str) -> bool {
        [Organization::TYPE, Patient::TYPE, Provider::TYPE, Facility::TYPE, Document::TYPE, Model::TYPE].contains(&aggregate_type)
    }
}

/// The states of the streams that a decision rests on; absent where it rests on none, or where there is none.
#[derive(Clone, Default, PartialEq)]
pub struct Grounds {
    /// The organization.
    pub organization: Organization,
    /// The patient.
    pub patient: Patient,
    /// The provider.
    pub provider: Provider,
    /// The facility.
    pub facility: Facility,
    /// The document.
    pub document: Document,
    /// The AI model.
    pub model: Model,
}

redacted!(Grounds);

/// Where states are read.
pub trait States {
    /// Why a state can't be read.
    type Error;

    /// The organization that they are read in.
    fn organization(&self) -> Uuid;

    /// The state of a stream; absent, if there is none.
    fn state<A: Aggregate>(&mut self, id: Uuid) -> impl Future<Output = Result<A, Self::Error>> + Send;
}

impl Grounds {
    /// Reads them.
    pub async fn read<S: States + Send>(grounds: &[Ground], states: &mut S) -> Result<Self, S::Error> {
        let mut found = Self::default();
        for ground in grounds {
            match ground {
                Ground::Organization => found.organization = states.state(states.organization()).await?,
                Ground::Patient(id) => found.patient = states.state(id.0).await?,
                Ground::Provider(id) => found.provider = states.state(id.0).await?,
                Ground::Facility(id) => found.facility = states.state(id.0).await?,
                Ground::Document(id) => found.document = states.state(id.0).await?,
                Ground::Model(id) => found.model = states.state(id.0).await?,
            }
        }
        Ok(found)
    }
}
