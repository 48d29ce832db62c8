//! How does a text carry a signature that any C2SP tool can check? (C2SP signed-note, Ed25519)
//!
//! A note is text, an empty line, and lines of signatures: `— <key name> <base64 of key id and signature>`.

use std::fmt;
use std::str::FromStr;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::{SECRET_KEY_LENGTH, Signature, Signer as _};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Signature type Ed25519, in front of keys of both kinds.
const ED25519: u8 = 1;
const PRIVATE: &str = "PRIVATE+KEY+";
const SIGNATURE_LINE: &str = "— ";
/// In front of the origin where a checkpoint has the origin alone; no origin has a space.
const STATEMENT: &str = "anamnesis/statement/1 ";
const MAX_NOTE_BYTES: usize = 64 * 1024;

type KeyId = [u8; 4];

/// What is wrong with a note, a key or a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a name without spaces and plus signs.
    #[error("a key's name must not be empty nor have spaces or plus signs")]
    Name,
    /// Not a C2SP key of type Ed25519 whose id fits.
    #[error("not a C2SP Ed25519 key")]
    Key,
    /// Not text, an empty line and signature lines; or longer than 64 KiB.
    #[error("not a signed note")]
    Note,
    /// The text isn't a C2SP checkpoint.
    #[error("not a checkpoint")]
    Checkpoint,
    /// The checkpoint is of another log than the key.
    #[error("the checkpoint is of another log")]
    Origin,
    /// The key has no signature in the note.
    #[error("the note is not signed by this key")]
    Unsigned,
    /// The key's signature is not over this text.
    #[error("the note's signature does not hold")]
    Signature,
}

/// The public half of a log's key; its text form is C2SP's `vkey`, `<name>+<key id>+<base64>`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    key: ed25519_dalek::VerifyingKey,
}

impl VerifyingKey {
    /// The key's name, which is also the log's origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text of a note that this key has signed, with its final newline.
    pub(super) fn open<'a>(&self, note: &'a str) -> Result<&'a str, NoteError> {
        let (text, signatures) = split(note)?;
        let mut signed = Err(NoteError::Unsigned);
        for line in signatures.lines() {
            let (name, id, signature) = signature_line(line)?;
            if name == self.name && id == self.id() {
                let signature = Signature::from_slice(&signature).map_err(|_| NoteError::Signature)?;
                self.key.verify_strict(text.as_bytes(), &signature).map_err(|_| NoteError::Signature)?;
                signed = Ok(text);
            }
        }
        signed
    }

    /// A statement about this log that its signer has made ([`super::Signer::attest`]).
    pub fn open_statement<'a>(&self, note: &'a str) -> Result<&'a str, NoteError> {
        let text = self.open(note)?.strip_prefix(STATEMENT).ok_or(NoteError::Note)?;
        text.strip_prefix(&self.name).and_then(|rest| rest.strip_prefix('\n')).ok_or(NoteError::Origin)
    }

    fn id(&self) -> KeyId {
        let sha = Sha256::new().chain_update(&self.name).chain_update([b'\n', ED25519]).chain_update(self.key.as_bytes());
        let [a, b, c, d, ..] = <[u8; 32]>::from(sha.finalize());
        [a, b, c, d]
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), encode_key(self.key.as_bytes()).as_str())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({self})")
    }
}

impl FromStr for VerifyingKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, id, bytes) = split_key(text)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| NoteError::Key)?;
        let key = Self { name, key };
        (key.id() == id && !key.key.is_weak()).then_some(key).ok_or(NoteError::Key)
    }
}

/// The secret half. Its text form is the one of Go's `sumdb/note`, `PRIVATE+KEY+<name>+<key id>+<base64>`.
pub(super) struct SigningKey {
    key: ed25519_dalek::SigningKey,
    public: VerifyingKey,
}

impl SigningKey {
    pub(super) fn from_seed(name: &str, seed: &[u8; SECRET_KEY_LENGTH]) -> Result<Self, NoteError> {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = VerifyingKey { name: valid_name(name)?.to_owned(), key: key.verifying_key() };
        Ok(Self { key, public })
    }

    pub(super) fn from_text(text: &str) -> Result<Self, NoteError> {
        let (name, id, seed) = split_key(text.strip_prefix(PRIVATE).ok_or(NoteError::Key)?)?;
        let key = Self::from_seed(&name, &Zeroizing::new(seed))?;
        (key.public.id() == id).then_some(key).ok_or(NoteError::Key)
    }

    pub(super) fn to_text(&self) -> Zeroizing<String> {
        let secret = encode_key(self.key.as_bytes());
        let (name, id) = (&self.public.name, hex::encode(self.public.id()));
        Zeroizing::new(format!("{PRIVATE}{name}+{id}+{}", secret.as_str()))
    }

    pub(super) fn public(&self) -> &VerifyingKey {
        &self.public
    }

    /// The note of `text`, which must end with a newline. The same text always gives the same note.
    pub(super) fn sign(&self, text: &str) -> String {
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        let signature = BASE64.encode([&self.public.id()[..], &signature].concat());
        format!("{text}\n{SIGNATURE_LINE}{} {signature}\n", self.public.name)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, secret)", self.public.name)
    }
}

/// What is signed when the log's key says something else than a head; `statement` ends with a newline.
pub(super) fn statement_text(origin: &str, statement: &str) -> String {
    format!("{STATEMENT}{origin}\n{statement}")
}

fn valid_name(name: &str) -> Result<&str, NoteError> {
    let valid = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+');
    valid.then_some(name).ok_or(NoteError::Name)
}

fn encode_key(key: &[u8; 32]) -> Zeroizing<String> {
    let typed = Zeroizing::new([&[ED25519], &key[..]].concat());
    Zeroizing::new(BASE64.encode(&*typed))
}

/// Name, id and key of `<name>+<key id>+<base64>`; the last may itself have plus signs.
fn split_key(text: &str) -> Result<(String, KeyId, [u8; 32]), NoteError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteError::Key);
    };
    let mut key_id = KeyId::default();
    hex::decode_to_slice(id, &mut key_id).map_err(|_| NoteError::Key)?;
    let typed = Zeroizing::new(BASE64.decode(key).map_err(|_| NoteError::Key)?);
    let (&ED25519, key) = typed.split_first().ok_or(NoteError::Key)? else {
        return Err(NoteError::Key);
    };
    Ok((valid_name(name)?.to_owned(), key_id, key.try_into().map_err(|_| NoteError::Key)?))
}

/// A note's text with its final newline, and its signature lines.
fn split(note: &str) -> Result<(&str, &str), NoteError> {
    let strange = note.len() > MAX_NOTE_BYTES || note.contains(|c: char| c.is_ascii_control() && c != '\n');
    let empty_line = note.rfind("\n\n").filter(|_| !strange).ok_or(NoteError::Note)?;
    let (text, signatures) = (&note[..=empty_line], &note[empty_line + 2..]);
    (signatures.ends_with('\n')).then_some((text, signatures)).ok_or(NoteError::Note)
}

fn signature_line(line: &str) -> Result<(&str, KeyId, Vec<u8>), NoteError> {
    let (name, encoded) = line.strip_prefix(SIGNATURE_LINE).and_then(|rest| rest.split_once(' ')).ok_or(NoteError::Note)?;
    let bytes = BASE64.decode(encoded).map_err(|_| NoteError::Note)?;
    let (id, signature) = bytes.split_first_chunk().ok_or(NoteError::Note)?;
    Ok((valid_name(name).map_err(|_| NoteError::Note)?, *id, signature.to_vec()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;
    use crate::tree::{Hash, Head, SignedCheckpoint};

    fn key() -> SigningKey {
        SigningKey::from_seed("log.example/anamnesis", &std::array::from_fn(|i| u8::try_from(i).unwrap())).unwrap()
    }

    /// An independent program (Go's sumdb/note) signed the vector with the same key.
    #[test]
    fn our_signature_is_the_one_that_go_makes() {
        let vector: serde_json::Value = serde_json::from_str(include_str!("../../../../docs/formats/checkpoint.json")).unwrap();
        let root: Hash = vector["root"].as_str().unwrap().parse().unwrap();
        assert_eq!(hex::encode(key().key.as_bytes()), vector["test_seed"]);
        assert_eq!(key().public().to_string(), vector["vkey"]);
        assert_eq!(SignedCheckpoint::sign(Head { size: 600, root }, &key()).note(), vector["note"]);
    }

    #[test]
    fn a_key_survives_its_text() {
        let text = key().to_text();
        assert!(text.starts_with("PRIVATE+KEY+log.example/anamnesis+dae4d4a3+AQAB"));
        assert_eq!(SigningKey::from_text(&text).unwrap().public(), key().public());
    }

    #[test]
    fn a_key_with_a_wrong_id_type_or_name_is_refused() {
        let vkey = key().public().to_string();
        for wrong in [
            vkey.replace("dae4d4a3", "dae4d4a4"),
            vkey.replace("+AQ", "+Ag"),
            vkey.replace("log.example/", "log.example "),
            vkey.replace("log.example/anamnesis", ""),
            vkey[..vkey.len() - 4].to_owned(),
            format!("{vkey}AAAA"),
            // The identity point: it would accept a signature of anybody.
            "weak+8b94416d+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        ] {
            assert!(wrong.parse::<VerifyingKey>().is_err(), "{wrong}");
        }
    }

    fn open(note: &str) -> Result<Head, NoteError> {
        SignedCheckpoint::open(note, key().public()).map(|signed| signed.head())
    }

    const BODY: &str = "log.example/anamnesis\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

    #[test]
    fn extensions_and_the_signatures_of_witnesses_are_passed_over() {
        let head = Head { size: 7, root: Hash::default() };
        let witness = SigningKey::from_seed("witness.example", &[9; 32]).unwrap();
        let signature = witness.sign(BODY).split_once("\n\n").unwrap().1.to_owned();
        assert_eq!(open(&format!("{}{signature}", key().sign(BODY))), Ok(head));
        assert_eq!(open(&key().sign(&format!("{BODY}an extension\n"))), Ok(head));
        assert_eq!(open(&format!("{BODY}\n{signature}")), Err(NoteError::Unsigned));
    }

    #[test]
    fn not_one_bit_of_a_note_can_be_flipped() {
        let note = key().sign(BODY);
        assert!(open(&note).is_ok());
        for bit in 0..note.len() * 8 {
            let mut bytes = note.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(flipped) = String::from_utf8(bytes) {
                assert!(open(&flipped).is_err(), "bit {bit}");
            }
        }
    }

    #[test]
    fn only_one_spelling_of_a_checkpoint_is_read_even_if_it_is_signed() {
        for wrong in [
            BODY.replace("\n7\n", "\n07\n"),
            BODY.replace("\n7\n", "\n+7\n"),
            BODY.replace("\n7\n", "\n-7\n"),
            BODY.replace("\n7\n", "\n\n"),
            BODY.replace("\n7\n", "\n18446744073709551616\n"),
            BODY.replace("AAA=", "AA=="),
            BODY.replace("AAA=", "AAB="),
            BODY.replace("AAA=", "AAA"),
            BODY.replace("log.example/anamnesis", ""),
            format!("{BODY}\nmore\n"),
            "log.example/anamnesis\n7\n".to_owned(),
        ] {
            assert_eq!(open(&key().sign(&wrong)), Err(NoteError::Checkpoint), "{wrong}");
        }
        assert_eq!(open(&key().sign(&BODY.replace("anamnesis", "other"))), Err(NoteError::Origin));
    }

    #[test]
    fn a_statement_is_no_checkpoint_and_a_checkpoint_no_statement() {
        let note = key().sign(&statement_text("log.example/anamnesis", "7 things\n"));
        assert_eq!(key().public().open_statement(&note), Ok("7 things\n"));
        assert!(open(&note).is_err());
        assert_eq!(key().public().open_statement(&key().sign(BODY)), Err(NoteError::Note));
        assert_eq!(key().public().open_statement(&key().sign(&statement_text("log.other", "7 things\n"))), Err(NoteError::Origin));
        assert_eq!(key().public().open_statement(&note.replace('7', "8")), Err(NoteError::Signature));
    }

    #[test]
    fn what_is_not_a_note_is_refused() {
        let note = key().sign(BODY);
        let long = key().sign(&format!("{BODY}{}\n", "x".repeat(MAX_NOTE_BYTES)));
        for wrong in ["", "\n\n", BODY, note.trim_end(), &note.replace("— ", "- "), &note.replace('\n', "\r\n"), &format!("{note}more\n"), &long] {
            assert!(matches!(open(wrong), Err(NoteError::Note | NoteError::Unsigned)), "{wrong}");
        }
    }
}
