//! Where do the key-encryption keys live when there is no key service?
//!
//! In a TOML file that only its owner can read. (docs/formats.md, "Keyring file")

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use async_trait::async_trait;
use base64::prelude::{BASE64_STANDARD, Engine};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::key::KeyName;
use crate::provider::{KeyProvider, ProviderError, Wrap, wrap_context};
use crate::seal;
use crate::sealed::Sealed;
use crate::secret::{Secret, random_id};
use crate::suite::Suite;

const URI: &str = "keyring:local";
/// Thousands of keys; whoever has a longer file has given us the wrong one.
const LONGEST_FILE_BYTES: u64 = 1 << 20;

/// Key-encryption keys from a local file. The first one wraps, all of them unwrap.
pub struct Keyring {
    keys: Vec<WrappingKey>,
}

/// Why a keyring file isn't used.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// It can't be read or written.
    #[error("keyring {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Others than its owner can read or change it.
    #[error("keyring {path} has mode {mode:04o}: only its owner may read it (chmod 600)")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It isn't what docs/formats.md says. What stands in it is not repeated here.
    #[error("keyring {path} is malformed: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and in which line.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyringFile {
    key: Vec<WrappingKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrappingKey {
    id: Uuid,
    epoch: u64,
    #[expect(dead_code, reason = "for people; checked to be a time")]
    created: DateTime<Utc>,
    #[serde(deserialize_with = "secret_from_base64")]
    secret: Secret,
}

impl Keyring {
    /// Reads the keyring, or makes one with a single fresh key (mode 0600) where there is none.
    ///
    /// Two processes that start together end with the same keyring: the file appears whole, and only once.
    pub fn open_or_create(path: &Path) -> Result<Self, KeyringError> {
        if !fs::exists(path).map_err(io_error(path))? {
            create(path).map_err(io_error(path))?;
        }
        Self::open(path)
    }

    /// Reads the keyring.
    pub fn open(path: &Path) -> Result<Self, KeyringError> {
        let text = read(path)?;
        let malformed = |reason| KeyringError::Malformed { path: path.to_owned(), reason };
        // the parser's own message quotes the line, secret and all
        let file: KeyringFile = toml::from_str(&text).map_err(|error| malformed(line_of(&text, &error)))?;
        check(&file.key).map_err(malformed)?;
        Ok(Self { keys: file.key })
    }

    fn key(&self, id: Uuid) -> Result<&WrappingKey, ProviderError> {
        self.keys.iter().find(|key| key.id == id).ok_or(ProviderError::UnknownWrappingKey(id))
    }
}

#[async_trait]
impl KeyProvider for Keyring {
    fn uri(&self) -> &str {
        URI
    }

    async fn wrap(&self, name: &KeyName, secret: &Secret) -> Result<Wrap, ProviderError> {
        let current = &self.keys[0];
        let aad = wrap_context(name);
        let wrapped = seal::seal(&current.secret, current.id, Suite::default(), &aad, secret.expose());
        Ok(Wrap { wrapping_key_id: current.id, wrapping_key_version: 1, epoch: current.epoch, wrapped })
    }

    async fn unwrap(&self, name: &KeyName, wrapped: &Sealed) -> Result<Secret, ProviderError> {
        let key = self.key(wrapped.key_id())?;
        seal::open(&key.secret, &wrap_context(name), wrapped)
            .ok()
            .and_then(|secret| Secret::from_slice(&secret))
            .ok_or(ProviderError::WrapRefused(name.key_id))
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} keys, ..)", self.keys.len())
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, KeyringError> {
    let file = File::open(path).map_err(io_error(path))?;
    let metadata = file.metadata().map_err(io_error(path))?;
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyringError::Exposed { path: path.to_owned(), mode });
    }
    if !metadata.is_file() || metadata.len() > LONGEST_FILE_BYTES {
        let reason = "not a file, or longer than 1 MiB".to_owned();
        return Err(KeyringError::Malformed { path: path.to_owned(), reason });
    }
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1));
    file.take(LONGEST_FILE_BYTES).read_to_string(&mut text).map_err(io_error(path))?;
    Ok(text)
}

/// Writes beside the path, then links: nobody sees half a keyring, and nobody's keyring is overwritten.
fn create(path: &Path) -> io::Result<()> {
    let draft = path.with_added_extension(random_id().simple().to_string());
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let linked = file.write_all(fresh().as_bytes()).and_then(|()| file.sync_all()).and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(parent(path))?.sync_all(),
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn fresh() -> Zeroizing<String> {
    let secret = Zeroizing::new(BASE64_STANDARD.encode(Secret::random().expose()));
    let created = DateTime::<Utc>::from(SystemTime::now()).to_rfc3339_opts(SecondsFormat::Secs, true);
    Zeroizing::new(format!(
        "# The keys that wrap every data key. Without this file nothing can be read again: keep a copy of it,\n\
         # apart from the copies of the database. The first key wraps, all of them unwrap.\n\n\
         [[key]]\nid = \"{id}\"\nepoch = 1\ncreated = \"{created}\"\nsecret = \"{secret}\"\n",
        id = random_id(),
        secret = secret.as_str(),
    ))
}

fn check(keys: &[WrappingKey]) -> Result<(), String> {
    if keys.is_empty() {
        return Err("it has no key".to_owned());
    }
    for (at, key) in keys.iter().enumerate() {
        if key.id.is_nil() || key.epoch == 0 {
            return Err(format!("key {} needs an id and an epoch from 1", at + 1));
        }
        if keys[..at].iter().any(|earlier| earlier.id == key.id) {
            return Err(format!("the id of key {} is there twice", at + 1));
        }
    }
    Ok(())
}

fn secret_from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let text = Zeroizing::new(String::deserialize(deserializer)?);
    let bytes = BASE64_STANDARD.decode(text.as_str()).map(Zeroizing::new).ok();
    bytes.and_then(|bytes| Secret::from_slice(&bytes)).ok_or_else(|| serde::de::Error::custom("a secret is 32 bytes in base64"))
}

fn line_of(text: &str, error: &toml::de::Error) -> String {
    match error.span() {
        Some(span) => format!("see line {}", text[..span.start].lines().count().max(1)),
        None => "a [[key]] needs id, epoch, created and secret".to_owned(),
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> KeyringError {
    let path = path.to_owned();
    move |source| KeyringError::Io { path, source }
}

#[cfg(test)]
mod tests;
