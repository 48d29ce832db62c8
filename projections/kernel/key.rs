//! What is a row called?

use uuid::Uuid;

/// A row's key: the values of its table's key columns, in their order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key(Vec<KeyPart>);

/// The value of one key column. Never anything that a person would be known by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum KeyPart {
    /// An id.
    Uuid(Uuid),
    /// A name out of a list: a role.
    Text(&'static str),
}

impl Key {
    /// The parts, in the order of the key's columns.
    pub fn parts(&self) -> &[KeyPart] {
        &self.0
    }

    /// The binary form that sealed columns are bound to: ids as 16 bytes, texts with their length before them.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 16);
        for part in &self.0 {
            match part {
                KeyPart::Uuid(id) => bytes.extend_from_slice(id.as_bytes()),
                KeyPart::Text(text) => {
                    bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
                    bytes.extend_from_slice(text.as_bytes());
                }
            }
        }
        bytes
    }

    /// The parts as Postgres reads them.
    pub fn cells(&self) -> Vec<String> {
        self.0.iter().map(KeyPart::cell).collect()
    }
}

impl KeyPart {
    /// As Postgres reads it.
    pub fn cell(&self) -> String {
        match self {
            Self::Uuid(id) => id.to_string(),
            Self::Text(text) => (*text).to_owned(),
        }
    }
}

impl<T: Into<KeyPart>> From<T> for Key {
    fn from(part: T) -> Self {
        Self(vec![part.into()])
    }
}

impl<A: Into<KeyPart>, B: Into<KeyPart>> From<(A, B)> for Key {
    fn from((first, second): (A, B)) -> Self {
        Self(vec![first.into(), second.into()])
    }
}

impl From<Vec<KeyPart>> for Key {
    fn from(parts: Vec<KeyPart>) -> Self {
        Self(parts)
    }
}

impl From<Uuid> for KeyPart {
    fn from(id: Uuid) -> Self {
        Self::Uuid(id)
    }
}

impl From<&'static str> for KeyPart {
    fn from(text: &'static str) -> Self {
        Self::Text(text)
    }
}
