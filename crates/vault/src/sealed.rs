//! What does an encrypted value look like from outside? (docs/formats.md, "Sealed value")

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeStruct};
use uuid::Uuid;

use crate::padding::bucket;
use crate::suite::{Suite, TAG};

pub(crate) const VERSION: u8 = 0x01;
const KEY_ID: usize = 2;
const SALT: usize = KEY_ID + 16;
const COMMITMENT: usize = SALT + 32;
/// Where the ciphertext starts.
pub(crate) const HEADER: usize = COMMITMENT + 32;
const SHORTEST: usize = HEADER + bucket(0) + TAG;

/// An encrypted value: the only form in which a payload may be stored, sent or logged.
///
/// It is made by [`crate::DataKey::seal`], or taken back from storage with [`Sealed::from_stored`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sealed {
    suite: Suite,
    bytes: Vec<u8>,
}

/// Why stored bytes are no sealed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSealed {
    /// Shorter than the shortest sealed value.
    #[error("a sealed value has at least {SHORTEST} bytes, this has {0}")]
    TooShort(usize),
    /// Written by a later format, or not by us.
    #[error("version byte {0:#04x} is not a sealed value's")]
    Version(u8),
    /// An unknown cipher.
    #[error("suite {0:#04x} is unknown")]
    Suite(u8),
}

impl Sealed {
    /// Takes stored bytes for a sealed value, if version, suite and length allow it. Whether it opens, opening tells.
    pub fn from_stored(bytes: Vec<u8>) -> Result<Self, NotSealed> {
        if bytes.len() < SHORTEST {
            return Err(NotSealed::TooShort(bytes.len()));
        }
        if bytes[0] != VERSION {
            return Err(NotSealed::Version(bytes[0]));
        }
        let suite = Suite::from_byte(bytes[1]).ok_or(NotSealed::Suite(bytes[1]))?;
        Ok(Self { suite, bytes })
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes to store, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The data key that opens it.
    pub fn key_id(&self) -> Uuid {
        Uuid::from_bytes(self.array(KEY_ID))
    }

    /// The header with room for what follows; the sealer appends ciphertext and tag.
    pub(crate) fn header(suite: Suite, key_id: Uuid, salt: &[u8; 32], commitment: &[u8; 32], plain_len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + plain_len + TAG);
        bytes.extend_from_slice(&[VERSION, suite.byte()]);
        bytes.extend_from_slice(key_id.as_bytes());
        bytes.extend_from_slice(salt);
        bytes.extend_from_slice(commitment);
        bytes
    }

    pub(crate) fn made(suite: Suite, bytes: Vec<u8>) -> Self {
        Self { suite, bytes }
    }

    pub(crate) fn suite(&self) -> Suite {
        self.suite
    }

    pub(crate) fn salt(&self) -> &[u8; 32] {
        self.bytes[SALT..COMMITMENT].try_into().expect("checked when it was made")
    }

    pub(crate) fn commitment(&self) -> &[u8; 32] {
        self.bytes[COMMITMENT..HEADER].try_into().expect("checked when it was made")
    }

    pub(crate) fn ciphertext(&self) -> &[u8] {
        &self.bytes[HEADER..self.bytes.len() - TAG]
    }

    pub(crate) fn tag(&self) -> [u8; TAG] {
        self.array(self.bytes.len() - TAG)
    }

    fn array(&self, start: usize) -> [u8; 16] {
        self.bytes[start..start + 16].try_into().expect("checked when it was made")
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes under key {})", self.bytes.len(), self.key_id())
    }
}

/// `{"s":"<base64>"}`, where JSON must carry a sealed value.
impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serializer.serialize_struct("Sealed", 1)?;
        json.serialize_field("s", &BASE64_STANDARD.encode(&self.bytes))?;
        json.end()
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Json {
            s: String,
        }
        let json = Json::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(json.s).map_err(|_| de::Error::custom("`s` is not base64"))?;
        Self::from_stored(bytes).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes() -> Vec<u8> {
        let mut bytes = vec![7; SHORTEST];
        bytes[0] = 0x01;
        bytes[1] = 0x02;
        bytes
    }

    #[test]
    fn stored_bytes_are_checked_before_they_count_as_sealed() {
        assert!(Sealed::from_stored(bytes()).is_ok());
        assert_eq!(Sealed::from_stored(bytes()[1..].to_vec()), Err(NotSealed::TooShort(SHORTEST - 1)));
        assert_eq!(Sealed::from_stored(vec![]), Err(NotSealed::TooShort(0)));
        let with = |at: usize, byte| {
            let mut bytes = bytes();
            bytes[at] = byte;
            Sealed::from_stored(bytes)
        };
        assert_eq!(with(0, 0x02), Err(NotSealed::Version(0x02)));
        assert_eq!(with(1, 0x03), Err(NotSealed::Suite(0x03)));
    }

    #[test]
    fn json_carries_it_as_base64_and_gives_it_back() {
        let sealed = Sealed::from_stored(bytes()).unwrap();
        let json = serde_json::to_string(&sealed).unwrap();
        assert!(json.starts_with(r#"{"s":"AQIHBwcH"#), "{json}");
        assert_eq!(serde_json::from_str::<Sealed>(&json).unwrap(), sealed);
        assert!(serde_json::from_str::<Sealed>(r#"{"s":"AQI="}"#).is_err());
        assert!(serde_json::from_str::<Sealed>(r#"{"plain":"AQI="}"#).is_err());
    }

    #[test]
    fn debug_shows_no_bytes() {
        let sealed = Sealed::from_stored(bytes()).unwrap();
        let id = sealed.key_id();
        assert_eq!(format!("{sealed:?}"), format!("Sealed({SHORTEST} bytes under key {id})"));
    }
}
