//! What every operation shares: who asks, what they send, how we answer, and that no read goes unseen.

mod accepted;
mod answers;
mod body;
mod cached;
mod call;
mod checked;
mod directory;
mod disclosed;
mod filter;
mod moment;
mod named;
mod objects;
mod page;
mod problem;
mod proxies;
mod read;
mod shown;
mod view;

pub(crate) use accepted::{Accepted, CommandAnswers, of_command};
pub(crate) use answers::{ListAnswers, QueryProblems, RowAnswers, schemas};
pub(crate) use body::{Body, Nothing, Params, PathId};
pub(crate) use cached::{Answered, Span, Whole};
pub(crate) use call::{Call, May, Needs, authenticate, may, of_access, origin};
pub(crate) use directory::put_beside;
pub(crate) use disclosed::{Disclosed, Disclosure, Reason, Released, record_denial, record_disclosures, record_released};
pub(crate) use filter::{CodeFilter, name_words, search_words};
pub(crate) use moment::{After, AsOf, AsOfParams, NoParams};
pub(crate) use page::{Cursor, Item, Limit, Listed, Paging, Sort, expire_if_over};
pub use problem::Problem;
pub use proxies::TrustedProxies;
pub(crate) use read::by_id;
pub(crate) use shown::Shown;
pub(crate) use view::{Asked, View, When, elements};
