//! How is a `u64` written where numbers have a sign? As Avro's `long`: positions, counts and sizes never come near its end.
//!
//! For fields: `#[serde(with = "crate::long")]`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
pub(crate) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    Long(*number).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Long::deserialize(deserializer).map(|long| long.0)
}

/// For optional fields: `#[serde(with = "crate::long::optional")]`.
pub(crate) mod optional {
    use super::{Deserialize, Deserializer, Long, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde passes fields by reference")]
    pub(crate) fn serialize<S: Serializer>(number: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        number.map(Long).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        Option::<Long>::deserialize(deserializer).map(|number| number.map(|long| long.0))
    }
}

struct Long(u64);

impl Serialize for Long {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        i64::try_from(self.0).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Long {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::try_from(i64::deserialize(deserializer)?).map(Self).map_err(de::Error::custom)
    }
}
