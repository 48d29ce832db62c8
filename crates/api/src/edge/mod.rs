//! What every operation shares: who asks, what they send, how we answer, and that no read goes unseen.

mod accepted;
mod body;
mod call;
mod disclosed;
mod problem;

pub(crate) use accepted::{Accepted, CommandAnswers};
pub(crate) use body::{Body, Nothing, Params, PathId};
pub(crate) use call::{Call, May, authenticate, may, of_access, origin};
pub(crate) use disclosed::{Disclosed, Disclosure, record_disclosures};
pub use problem::Problem;
