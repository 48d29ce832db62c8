//! What does a client hold after signing in? 256 random bits; the database holds their SHA-256 only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use crate::AccessError;

/// Tokens begin with this, so that a scanner for leaked secrets knows them.
const PREFIX: &str = "anm_";

/// What the database knows of a token.
pub(crate) type TokenHash = [u8; 32];

/// A new token for the client, and what to store.
pub(crate) fn issue() -> Result<(SecretString, TokenHash), AccessError> {
    let mut bits = [0; 32];
    OsRng.try_fill_bytes(&mut bits).map_err(|_| AccessError::Broken("draw random bits"))?;
    let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bits));
    let hash = hash(&token);
    Ok((token.into(), hash))
}

/// What would be stored for `token`. (256 random bits need no slow hash.)
pub(crate) fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}
