//! journal

pub mod row;
pub mod tree;
