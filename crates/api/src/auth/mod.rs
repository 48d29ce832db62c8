//! Who is it? Sign-in and sign-out.

pub(crate) mod login;
pub(crate) mod logout;
