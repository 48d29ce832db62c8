//! Which aggregates are there? The one list; tests compare it with `schemas/` and the routes.

use std::borrow::Cow;

use crate::{Aggregate, Event, EventKind, PayloadDecoder};

/// What everybody needs to know of an aggregate without knowing its types.
pub struct AggregateInfo {
    /// Its name.
    pub name: &'static str,
    /// The Kafka topic of its events.
    pub topic: &'static str,
    /// Every kind of event it may have, old versions included.
    pub kinds: &'static [EventKind],
}

/// The topic of an aggregate's events; `None`: there is no such aggregate.
pub fn topic_of(aggregate: &str) -> Option<&'static str> {
    REGISTRY.iter().find(|known| known.name == aggregate).map(|known| known.topic)
}

macro_rules! registry {
    ($($variant:ident($module:ident::$aggregate:ident, $event:ident)),+ $(,)?) => {
        /// Every aggregate.
        pub const REGISTRY: &[AggregateInfo] = &[$(AggregateInfo {
            name: <crate::$module::$aggregate as Aggregate>::TYPE,
            topic: <crate::$module::$aggregate as Aggregate>::TOPIC,
            kinds: <crate::$module::$event as Event>::KINDS,
        }),+];

        /// An event of any aggregate.
        #[derive(Clone, PartialEq, Debug)]
        pub enum AnyEvent {
            $(#[doc = concat!("Of the aggregate `", stringify!($module), "`.")] $variant(crate::$module::$event),)+
        }

        impl AnyEvent {
            /// Reads a payload of the given aggregate and kind. `None`: no such kind.
            pub fn decode<D: PayloadDecoder>(aggregate: &str, name: &str, version: u32, decoder: D) -> Option<Result<Self, D::Error>> {
                match aggregate {
                    $(<crate::$module::$aggregate as Aggregate>::TYPE =>
                        crate::$module::$event::decode(name, version, decoder).map(|event| event.map(Self::$variant)),)+
                    _ => None,
                }
            }

            /// The kind it is written as.
            pub fn kind(&self) -> EventKind {
                match self { $(Self::$variant(event) => event.kind(),)+ }
            }

            /// Writes the payload alone, to be sealed. Nobody is told it in this way: [`AnyEvent::told`].
            pub fn serialize_payload<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$variant(event) => event.serialize_payload(serializer),)+ }
            }
        }

        $(impl From<crate::$module::$event> for AnyEvent {
            fn from(event: crate::$module::$event) -> Self {
                Self::$variant(event)
            }
        })+
    };
}

impl AnyEvent {
    /// What it says, as it is told to whoever reads events: people's identity numbers are masked, for they are shown by an act of its own only.
    /// Fails for a payload that can't be JSON, which none is.
    pub fn told(&self) -> serde_json::Result<serde_json::Value> {
        self.masked().serialize_payload(serde_json::value::Serializer)
    }

    fn masked(&self) -> Cow<'_, Self> {
        let masked = match self {
            Self::Patient(happened) => happened.masked().map(Self::from),
            Self::Provider(happened) => happened.masked().map(Self::from),
            Self::Consent(_)
            | Self::Appointment(_)
            | Self::Record(_)
            | Self::Document(_)
            | Self::Insight(_)
            | Self::Model(_)
            | Self::Prediction(_)
            | Self::Organization(_)
            | Self::Facility(_)
            | Self::Account(_)
            | Self::Access(_)
            | Self::System(_)
            | Self::Compliance(_) => None,
        };
        masked.map_or(Cow::Borrowed(self), Cow::Owned)
    }
}

registry! {
    Consent(consent::Consent, ConsentEvent),
    Patient(patient::Patient, PatientEvent),
    Appointment(appointment::Appointment, AppointmentEvent),
    Record(record::Record, RecordEvent),
    Document(document::Document, DocumentEvent),
    Insight(insight::Insight, InsightEvent),
    Model(model::Model, ModelEvent),
    Prediction(prediction::Prediction, PredictionEvent),
    Provider(provider::Provider, ProviderEvent),
    Organization(organization::Organization, OrganizationEvent),
    Facility(facility::Facility, FacilityEvent),
    Account(account::Account, AccountEvent),
    Access(access::Access, AccessEvent),
    System(system::System, SystemEvent),
    Compliance(compliance::Compliance, ComplianceEvent),
}
