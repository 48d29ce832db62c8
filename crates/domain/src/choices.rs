//! How is a closed list of choices declared, once?

/// Declares an enum that is written as its text, everywhere: JSON, Avro, tables.
///
/// The text is taken as a token: a `literal` would be wrapped, and utoipa, not knowing that, would describe the choice by the name of its variant.
macro_rules! choices {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$choice_meta:meta])* $choice:ident = $text:tt),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum $name {
            $(#[doc = concat!("Written `", $text, "`.")] #[serde(rename = $text)] $(#[$choice_meta])* $choice,)+
        }

        impl $name {
            /// Every choice, in the order of the declaration.
            pub const ALL: &'static [Self] = &[$(Self::$choice),+];

            /// As it is written.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$choice => $text,)+ }
            }

            /// The choice with that text.
            pub fn named(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$choice),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use choices;
