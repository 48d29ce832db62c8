//! journal

pub mod tree;
