//! How much may one command bring? Texts are bounded by their types; lists, and types made of plain strings, here.

use super::{Address, ClinicalValue, Code, Coding, EmailContact, HumanName, Identifier, Line, PhoneContact, Text};

/// The most entries a list in a command may have.
const MAX_ENTRIES: usize = 100;
/// The most bytes of a code, its system or its display text.
const MAX_CODING_BYTES: usize = 2_000;

/// Whether a value keeps within the limits for one command.
pub(crate) trait Bounded {
    /// It does.
    fn is_bounded(&self) -> bool;
}

impl<T: Bounded> Bounded for Vec<T> {
    fn is_bounded(&self) -> bool {
        self.len() <= MAX_ENTRIES && self.iter().all(T::is_bounded)
    }
}

impl<T: Bounded> Bounded for Option<T> {
    fn is_bounded(&self) -> bool {
        self.as_ref().is_none_or(T::is_bounded)
    }
}

impl Bounded for Code {
    fn is_bounded(&self) -> bool {
        self.codings.is_bounded() && short(self.text.as_ref())
    }
}

impl Bounded for Coding {
    fn is_bounded(&self) -> bool {
        short(self.system.as_ref()) && short(Some(&self.code)) && short(self.display.as_ref())
    }
}

fn short(text: Option<&String>) -> bool {
    text.is_none_or(|text| text.len() <= MAX_CODING_BYTES)
}

impl Bounded for HumanName {
    fn is_bounded(&self) -> bool {
        self.given.is_bounded() && self.prefix.is_bounded() && self.suffix.is_bounded()
    }
}

impl Bounded for Address {
    fn is_bounded(&self) -> bool {
        self.lines.is_bounded()
    }
}

impl Bounded for ClinicalValue {
    fn is_bounded(&self) -> bool {
        match self {
            Self::Code(code) => code.is_bounded(),
            Self::Quantity(quantity) => quantity.value.is_finite(),
            Self::Text(_) => true,
        }
    }
}

macro_rules! bounded_by_type {
    ($($name:ident),+) => {
        $(impl Bounded for $name {
            fn is_bounded(&self) -> bool {
                true
            }
        })+
    };
}

bounded_by_type!(Line, Text, PhoneContact, EmailContact, Identifier);
