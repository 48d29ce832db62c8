use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::thread;

use tempfile::TempDir;
use uuid::Uuid;

use super::{Keyring, KeyringError};
use crate::{KeyName, KeyOwner, KeyProvider, ProviderError, Secret};

const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn entry(id: &str, secret: &str) -> String {
    format!("[[key]]\nid = \"{id}\"\nepoch = 1\ncreated = \"2026-01-02T03:04:05Z\"\nsecret = \"{secret}\"\n")
}

fn id(last: char) -> String {
    format!("c0ffee00-1234-4567-8000-00000000000{last}")
}

fn written(text: &str, mode: u32) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyring.toml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    (folder, path)
}

fn name() -> KeyName {
    let owner = KeyOwner::data(Uuid::from_u128(1), Uuid::from_u128(2));
    KeyName { key_id: Uuid::from_u128(3), owner, version: 1 }
}

#[test]
fn the_first_start_makes_a_keyring_that_only_its_owner_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyring.toml");
    let made = Keyring::open_or_create(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    let again = Keyring::open_or_create(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "a second start changes nothing");
    assert_eq!(made.keys[0].id, again.keys[0].id);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left behind");
}

#[test]
fn processes_that_start_at_once_end_with_the_same_keyring() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyring.toml");
    let ids: Vec<_> = thread::scope(|scope| {
        let starting: Vec<_> = (0..8).map(|_| scope.spawn(|| Keyring::open_or_create(&path).unwrap().keys[0].id)).collect();
        starting.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn a_keyring_that_others_can_touch_is_refused() {
    for mode in [0o640, 0o604, 0o620, 0o610, 0o601, 0o644, 0o666] {
        let (_folder, path) = written(&entry(&id('1'), SECRET), mode);
        let refused = Keyring::open(&path).unwrap_err();
        assert!(matches!(refused, KeyringError::Exposed { mode: found, .. } if found == mode), "{mode:o}: {refused}");
    }
    let (_folder, path) = written(&entry(&id('1'), SECRET), 0o400);
    assert!(Keyring::open(&path).is_ok());
}

#[test]
fn a_malformed_keyring_is_refused_without_repeating_it() {
    let good = entry(&id('1'), SECRET);
    let malformed = [
        String::new(),
        "key = []".to_owned(),
        "nonsense".to_owned(),
        good.replace("secret", "sekret"),
        good.replace("epoch = 1", "epoch = 0"),
        good.replace("epoch = 1", "epoch = -1"),
        good.replace("epoch = 1\n", ""),
        good.replace("2026-01-02", "yesterday"),
        good.replace(SECRET, &SECRET[..40]),
        good.replace(SECRET, &SECRET.replace('A', "?")),
        good.replace(SECRET, &format!("{SECRET}\" \"")),
        good.replace(&id('1'), &Uuid::nil().to_string()),
        format!("{good}{good}"),
        format!("{good}comment = \"\"\n"),
        format!("password = \"\"\n{good}"),
    ];
    for text in malformed {
        let (_folder, path) = written(&text, 0o600);
        let refused = Keyring::open(&path).map(|_| ()).unwrap_err();
        assert!(matches!(refused, KeyringError::Malformed { .. }), "{text}: {refused}");
        assert!(!format!("{refused} {refused:?}").contains("AECAwQF"), "{refused:?} repeats the secret");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Keyring::open(&folder.path().join("none")), Err(KeyringError::Io { .. })));
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    assert!(Keyring::open(folder.path()).is_err(), "a folder is no keyring");
}

#[tokio::test]
async fn the_first_key_wraps_and_every_key_unwraps() {
    let (old, new) = (entry(&id('1'), SECRET), entry(&id('2'), &SECRET.replace("AAEC", "CCCC")));
    let (_before, path) = written(&old, 0o600);
    let before = Keyring::open(&path).unwrap();
    let (_after, path) = written(&format!("{new}{old}"), 0o600);
    let after = Keyring::open(&path).unwrap();

    let secret = Secret::random();
    let wrap = before.wrap(&name(), &secret).await.unwrap();
    assert_eq!((wrap.wrapping_key_id.to_string(), wrap.epoch), (id('1'), 1));
    assert_eq!(after.unwrap(&name(), &wrap.wrapped).await.unwrap().expose(), secret.expose());
    let wrap = after.wrap(&name(), &secret).await.unwrap();
    assert_eq!(wrap.wrapping_key_id.to_string(), id('2'));
    let unknown = ProviderError::UnknownWrappingKey(wrap.wrapping_key_id);
    assert_eq!(before.unwrap(&name(), &wrap.wrapped).await.unwrap_err(), unknown);
}

#[tokio::test]
async fn a_wrap_opens_for_its_own_key_only() {
    let (_folder, path) = written(&entry(&id('1'), SECRET), 0o600);
    let keyring = Keyring::open(&path).unwrap();
    let wrap = keyring.wrap(&name(), &Secret::random()).await.unwrap();
    let owner = name().owner;
    let others = [
        KeyName { key_id: Uuid::from_u128(9), ..name() },
        KeyName { version: 2, ..name() },
        KeyName { owner: KeyOwner { subject: Uuid::from_u128(9), ..owner }, ..name() },
        KeyName { owner: KeyOwner { organization: Uuid::from_u128(9), ..owner }, ..name() },
        KeyName { owner: KeyOwner { purpose: crate::Purpose::Digest, ..owner }, ..name() },
    ];
    for other in others {
        let refused = keyring.unwrap(&other, &wrap.wrapped).await.unwrap_err();
        assert_eq!(refused, ProviderError::WrapRefused(other.key_id));
    }
}

#[test]
fn nothing_of_a_keyring_shows_when_printed() {
    let (_folder, path) = written(&entry(&id('1'), SECRET), 0o600);
    assert_eq!(format!("{:?}", Keyring::open(&path).unwrap()), "Keyring(1 keys, ..)");
    assert_eq!(format!("{:?}", Secret::random()), "Secret(..)");
}
