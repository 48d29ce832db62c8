//! What does a reader get, if the person's data may have been erased?

use std::fmt;

/// A value that was opened, or that nobody can open any more because its key was destroyed. Never an error.
#[derive(Clone, PartialEq, Eq)]
pub enum Opened<T> {
    /// The value.
    Value(T),
    /// Its subject was erased.
    Erased,
}

impl<T> Opened<T> {
    /// Applies `f` to the value, if there is one.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Opened<U> {
        match self {
            Self::Value(value) => Opened::Value(f(value)),
            Self::Erased => Opened::Erased,
        }
    }

    /// The value, or `None` when it was erased.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Erased => None,
        }
    }
}

/// The value is most likely about a person.
impl<T> fmt::Debug for Opened<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Value(_) => "Value(..)",
            Self::Erased => "Erased",
        })
    }
}
