//! How is an event declared, once?

use serde::{Serialize, Serializer, de::DeserializeOwned};

/// The name and version of an event, as they stand in the journal and in `schemas/`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct EventKind {
    /// `ConsentGranted`.
    pub name: &'static str,
    /// From 1; a new shape is a new version.
    pub version: u32,
}

/// Something that has happened to an aggregate. Declared with the macro `events!`.
pub trait Event: Clone + PartialEq + Serialize + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static {
    /// Every kind that may stand in a stream, old versions included.
    const KINDS: &'static [EventKind];

    /// The kind this event is written as: the newest version.
    fn kind(&self) -> EventKind;

    /// Writes the payload alone; its kind stands beside it.
    fn serialize_payload<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// Reads a payload of the given kind and lifts an old version into the newest shape. `None`: no such kind.
    fn decode<D: PayloadDecoder>(name: &str, version: u32, decoder: D) -> Option<Result<Self, D::Error>>;
}

/// A source of one payload (Avro, JSON), told by the event which type to read.
pub trait PayloadDecoder {
    /// Why it couldn't be read.
    type Error;
    /// Reads the payload as `T`.
    fn decode<T: DeserializeOwned>(self) -> Result<T, Self::Error>;
}

/// Declares the events of an aggregate: their names, payloads and versions.
///
/// `Name(Payload) = 2 from { 1 => PayloadV1 }` reads version 1 too and lifts it by `Payload: From<PayloadV1>`. To serde both
/// are called `Name`, as their schemas are.
/// `Debug` prints the kind only, because payloads hold health data.
macro_rules! events {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($variant:ident($payload:ident) = $version:literal $(from { $($old:literal => $lifted:ident),+ $(,)? })?),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $(#[doc = concat!("See [`", stringify!($payload), "`].")] $variant($payload),)+
        }

        impl $crate::Event for $name {
            const KINDS: &'static [$crate::EventKind] = &[
                $($crate::EventKind { name: stringify!($variant), version: $version },
                  $($($crate::EventKind { name: stringify!($variant), version: $old },)+)?)+
            ];

            fn kind(&self) -> $crate::EventKind {
                match self {
                    $(Self::$variant(_) => $crate::EventKind { name: stringify!($variant), version: $version },)+
                }
            }

            fn serialize_payload<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(payload) => serde::Serialize::serialize(payload, serializer),)+
                }
            }

            fn decode<D: $crate::PayloadDecoder>(name: &str, version: u32, decoder: D) -> Option<Result<Self, D::Error>> {
                match (name, version) {
                    $((stringify!($variant), $version) => Some(decoder.decode::<$payload>().map(Self::$variant)),
                      $($((stringify!($variant), $old) => Some(decoder.decode::<$lifted>().map(|old| Self::$variant(old.into()))),)+)?)+
                    _ => None,
                }
            }
        }

        $(impl From<$payload> for $name {
            fn from(payload: $payload) -> Self {
                Self::$variant(payload)
            }
        })+

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let kind = $crate::Event::kind(self);
                write!(f, "{}.v{}", kind.name, kind.version)
            }
        }
    };
}
pub(crate) use events;
