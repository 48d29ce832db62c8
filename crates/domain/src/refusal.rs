//! How does a rule say no?

/// A broken rule, with a stable name and a sentence for the caller. Declared with the macro `refusals!`.
pub trait Refusal: std::error::Error + Clone + Copy + PartialEq + Send + Sync + 'static {
    /// The rule's name, as in problem types and receipts: `already_granted`.
    fn rule(&self) -> &'static str;
    /// What kind of no it is.
    fn broken(&self) -> Broken;
    /// The field of the request that it is about, if it is about one.
    fn field(&self) -> Option<&'static str>;
    /// The refusal with that name, to repeat the answer that a receipt holds.
    fn named(rule: &str) -> Option<Self>;
}

/// The two kinds of no.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    /// What is asked for doesn't fit the present state; it might another time (409).
    State,
    /// What is asked for makes no sense at any time (422).
    Request,
}

/// Declares an aggregate's refusals: `Variant = "its name", State|Request|Request(field), "a sentence for the caller"`.
macro_rules! refusals {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($variant:ident = $rule:literal, $broken:ident $(($field:ident))?, $sentence:literal;)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
        pub enum $name {
            $(#[doc = $sentence] #[error($sentence)] $variant,)+
        }

        impl $crate::Refusal for $name {
            fn rule(&self) -> &'static str {
                match self { $(Self::$variant => $rule,)+ }
            }
            fn broken(&self) -> $crate::Broken {
                match self { $(Self::$variant => $crate::Broken::$broken,)+ }
            }
            fn field(&self) -> Option<&'static str> {
                let field = match self { $(Self::$variant => concat!($(stringify!($field))?),)+ };
                (!field.is_empty()).then_some(field)
            }
            fn named(rule: &str) -> Option<Self> {
                match rule { $($rule => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
pub(crate) use refusals;
