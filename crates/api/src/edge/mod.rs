//! What every operation shares: who asks, what they send, how we answer, and that no read goes unseen.

mod accepted;
mod body;
mod disclosed;
mod problem;

pub use problem::Problem;
pub(crate) use accepted::Accepted;
pub(crate) use body::{Body, PathId, Params};
pub(crate) use disclosed::{Disclosed, record_disclosures};
