//! One command of the program a file.

pub(crate) mod account;
pub(crate) mod doctor;
pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod projection;
pub(crate) mod reactor;
pub(crate) mod replay;
pub(crate) mod roles;
pub(crate) mod up;
pub(crate) mod verify;
