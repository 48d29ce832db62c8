//! Who asks too often?
//!
//! Counted for a minute from the first time, by user and endpoint; sign-ins by the address that is signed in to, known or
//! not, and by where they come from. In Redis for all processes together; while it can't be reached, in each for itself.

use std::time::Duration;

use anamnesis_cache::{Cache, Key};
use anamnesis_vault::IndexKeys;
use uuid::Uuid;

use crate::{AccessError, Actor};

/// How often in a minute; 0: as often as they like.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The same user the same endpoint.
    pub requests: u64,
    /// Anybody the same address.
    pub sign_ins: u64,
    /// Anybody from the same place any address.
    pub sign_ins_from_one_place: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests: 12_000, sign_ins: 20, sign_ins_from_one_place: 600 }
    }
}

/// The endpoint under which sign-ins are counted, by whom they are for and by where they come from.
const SIGN_IN: &str = "sign-in";
const SIGN_IN_FROM: &str = "sign-in-from";

impl Limits {
    pub(crate) async fn request(&self, cache: &Cache, actor: &Actor, endpoint: &str) -> Result<(), AccessError> {
        count(cache, self.requests, || Key::rate_limit(actor.organization_id, actor.account_id, endpoint)).await
    }

    /// Neither an address nor a place stands in Redis as it is: both are keyed hashes, in the installation's own name.
    pub(crate) async fn sign_in(&self, cache: &Cache, keys: &IndexKeys, email: &str, place: Option<&str>) -> Result<(), AccessError> {
        let key = |endpoint, text: &str| Key::rate_limit(Uuid::nil(), Uuid::new_v8(keys.blind(&format!("rate.{endpoint}"), text)), endpoint);
        if let Some(place) = place {
            count(cache, self.sign_ins_from_one_place, || key(SIGN_IN_FROM, place)).await?;
        }
        count(cache, self.sign_ins, || key(SIGN_IN, email)).await
    }
}

async fn count(cache: &Cache, limit: u64, key: impl FnOnce() -> Key) -> Result<(), AccessError> {
    if limit == 0 {
        return Ok(());
    }
    let counted = cache.count(&key()).await;
    if counted.count <= limit { Ok(()) } else { Err(AccessError::TooOften { again_in: whole_seconds(counted.starts_anew_in) }) }
}

fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs() + 1)
}
