use serde_json::Value;
use uuid::Uuid;

use super::{OpenError, ZSTD, open, seal, seal_with};
use crate::compression::compress;
use crate::padding::bucket;
use crate::provider::wrap_context;
use crate::sealed::{HEADER, Sealed};
use crate::secret::Secret;
use crate::suite::{Suite, TAG};
use crate::{KeyName, KeyOwner, Purpose};

fn vectors(file: &str) -> Value {
    let path = format!("{}/../../docs/formats/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn bytes(vector: &Value, field: &str) -> Vec<u8> {
    hex::decode(vector[field].as_str().unwrap()).unwrap()
}

fn uuid(vector: &Value, field: &str) -> Uuid {
    vector[field].as_str().unwrap().parse().unwrap()
}

fn sealed_again(vector: &Value, secret: &str, key_id: &str, context: &[u8], body: &str) -> Sealed {
    let suite = Suite::from_byte(u8::try_from(vector["suite"].as_u64().unwrap_or(1)).unwrap()).unwrap();
    let flags = u8::try_from(vector["flags"].as_u64().unwrap_or(0)).unwrap();
    let secret = Secret::from_slice(&bytes(vector, secret)).unwrap();
    let salt = bytes(vector, "salt").try_into().unwrap();
    seal_with(&secret, uuid(vector, key_id), suite, context, flags, &bytes(vector, body), &salt)
}

#[test]
fn the_same_salt_gives_the_same_bytes_as_the_vectors() {
    for vector in vectors("sealed.json").as_array().unwrap() {
        let sealed = sealed_again(vector, "data_key", "key_id", &bytes(vector, "context"), "stored_body");
        assert_eq!(hex::encode(sealed.as_bytes()), vector["sealed"], "{}", vector["name"]);
    }
}

#[test]
fn a_wraps_context_is_the_vectors() {
    for wrap in vectors("wraps.json")[0]["wraps"].as_array().unwrap() {
        let owner = KeyOwner {
            organization: uuid(wrap, "organization"),
            subject: uuid(wrap, "subject"),
            purpose: Purpose::from_name(wrap["purpose"].as_str().unwrap()).unwrap(),
        };
        let version = u32::try_from(wrap["version"].as_u64().unwrap()).unwrap();
        let name = KeyName { key_id: uuid(wrap, "key_id"), owner, version };
        assert_eq!(hex::encode(wrap_context(&name)), wrap["context"]);
    }
}

#[test]
fn a_plaintext_is_padded_as_the_vectors_say() {
    for vector in vectors("padding.json").as_array().unwrap() {
        let len = usize::try_from(vector["plain_len"].as_u64().unwrap()).unwrap();
        assert_eq!(Some(bucket(len) as u64), vector["bucket"].as_u64(), "of {len}");
    }
}

#[test]
fn only_the_bucket_of_a_length_shows() {
    let secret = Secret::random();
    let len = |body: usize| seal(&secret, Uuid::nil(), Suite::default(), b"", &noise(body)).as_bytes().len();
    for (body, plain) in [(0, 256), (1, 256), (251, 256), (252, 512), (4091, 4096), (4092, 4352)] {
        assert_eq!(len(body), HEADER + plain + TAG, "of {body}");
    }
}

#[test]
fn a_body_is_compressed_only_if_that_saves_a_bucket() {
    let secret = Secret::random();
    let len = |body: &[u8]| seal(&secret, Uuid::nil(), Suite::default(), b"", body).as_bytes().len() - HEADER - TAG;
    assert_eq!(len(&[b'a'; 2_000]), 256);
    assert_eq!(len(&noise(2_000)), 2_048);
    assert!(compress(&noise(2_000)).is_none());
}

#[test]
fn another_key_is_told_before_anything_is_decrypted() {
    let sealed = seal(&Secret::random(), Uuid::nil(), Suite::default(), b"", b"body");
    assert_eq!(open(&Secret::random(), b"", &sealed), Err(OpenError::Commitment));
}

/// Whoever holds the key may still not spell a plaintext in two ways.
#[test]
fn a_plaintext_has_one_spelling() {
    let secret = Secret::from_slice(&[7; 32]).unwrap();
    let opened = |flags, body: &[u8]| {
        let sealed = seal_with(&secret, Uuid::nil(), Suite::default(), b"", flags, body, &[0; 32]);
        open(&secret, b"", &sealed).map(|body| body.to_vec())
    };
    assert_eq!(opened(0, b"body"), Ok(b"body".to_vec()));
    assert!(matches!(opened(2, b"body"), Err(OpenError::Malformed("an unknown flag"))));
    assert!(matches!(opened(ZSTD, b"body"), Err(OpenError::Malformed(_))));
    let bomb = zstd::bulk::compress(&vec![0; super::MAX_BODY_BYTES + 1], 1).unwrap();
    assert!(matches!(opened(ZSTD, &bomb), Err(OpenError::Malformed(_))));

    for plain in [padded(300, b"body", 0), padded(256, b"body", 1), padded(512, b"body", 0), prefix_only(252)] {
        assert!(matches!(sealed_plain(&secret, &plain), Err(OpenError::Malformed(_))));
    }
    assert_eq!(sealed_plain(&secret, &padded(256, b"body", 0)).unwrap(), b"body");
}

fn padded(len: usize, body: &[u8], filler: u8) -> Vec<u8> {
    let mut plain = vec![0];
    crate::bytes::lp(&mut plain, body);
    plain.resize(len, filler);
    plain
}

fn prefix_only(claimed: u32) -> Vec<u8> {
    let mut plain = vec![0; 256];
    plain[1..5].copy_from_slice(&claimed.to_be_bytes());
    plain
}

/// Seals a whole plaintext, well-formed or not, and opens it again.
fn sealed_plain(secret: &Secret, plain: &[u8]) -> Result<Vec<u8>, OpenError> {
    let (suite, salt) = (Suite::default(), [0; 32]);
    let keys = super::ValueKeys::derive(secret, suite, &salt, b"");
    let mut bytes = Sealed::header(suite, Uuid::nil(), &salt, keys.commitment(), plain.len());
    bytes.extend_from_slice(plain);
    let tag = suite.encrypt(keys.cipher_key(), keys.nonce(), b"", &mut bytes[HEADER..]);
    bytes.extend_from_slice(&tag);
    open(secret, b"", &Sealed::from_stored(bytes).unwrap()).map(|body| body.to_vec())
}

fn noise(len: usize) -> Vec<u8> {
    use rand::{Rng, SeedableRng};
    let mut bytes = vec![0; len];
    rand::rngs::StdRng::seed_from_u64(7).fill(bytes.as_mut_slice());
    bytes
}
