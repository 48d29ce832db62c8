//! Is this the account's password?
//!
//! Argon2id with 19 MiB, two passes, one lane (OWASP's first choice). It costs about 80 ms of a core on purpose, so
//! it runs off the async threads and only a few at a time.

use std::sync::{Arc, LazyLock};

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::AccessError;

/// How many characters a password has at least (NIST SP 800-63B asks for 8; this is for health records) and at most.
pub(crate) const LENGTH: std::ops::RangeInclusive<usize> = 12..=256;

/// Checks and makes password hashes, a few at a time.
#[derive(Clone)]
pub(crate) struct Passwords {
    permits: Arc<Semaphore>,
}

impl Passwords {
    pub(crate) fn new(at_once: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(at_once)) }
    }

    /// The hash to store, in PHC form.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, AccessError> {
        if !LENGTH.contains(&password.expose_secret().chars().count()) {
            return Err(AccessError::WeakPassword);
        }
        self.off_thread(move || {
            hasher()
                .hash_password(password.expose_secret().as_bytes())
                .map(|hash| hash.to_string())
                .map_err(|_| AccessError::Broken("hash a password"))
        })
        .await?
    }

    /// True if it fits. Without a stored hash it takes as long and says no, so that nobody learns who has an account.
    pub(crate) async fn fits(&self, password: SecretString, stored: Option<String>) -> Result<bool, AccessError> {
        self.off_thread(move || {
            let known = stored.is_some();
            let stored = stored.unwrap_or_else(|| NOBODY.clone());
            let fits = PasswordHash::new(&stored).is_ok_and(|hash| hasher().verify_password(password.expose_secret().as_bytes(), &hash).is_ok());
            fits && known
        })
        .await
    }

    async fn off_thread<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AccessError> {
        let _permit = self.permits.acquire().await.map_err(|_| AccessError::Broken("wait for a turn"))?;
        tokio::task::spawn_blocking(work).await.map_err(|_| AccessError::Broken("hash a password"))
    }
}

static NOBODY: LazyLock<String> = LazyLock::new(|| {
    hasher()
        .hash_password(b"nobody has this password")
        .map(|hash| hash.to_string())
        .expect("the parameters are valid, and salt comes from the system")
});

fn hasher() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("19 MiB, two passes and one lane are within Argon2's limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_fits_and_nobody_has_none() {
        let passwords = Passwords::new(1);
        let stored = passwords.hash("correct horse battery".to_owned().into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(passwords.fits("correct horse battery".to_owned().into(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.fits("correct horse batterz".to_owned().into(), Some(stored)).await.unwrap());
        assert!(!passwords.fits("nobody has this password".to_owned().into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_short_password_is_refused() {
        assert!(matches!(Passwords::new(1).hash("elevenchars".to_owned().into()).await, Err(AccessError::WeakPassword)));
    }
}
