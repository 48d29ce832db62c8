"""Can what we store be read with nothing but docs/formats.md?

Recomputes every test vector in docs/formats/, written from the page alone: it shares no code with the rest of the
project. Prints a line for each file and ends with 1 if anything differs.

    python3 -m venv .venv && .venv/bin/pip install -r tests/formats/requirements.txt
    .venv/bin/python tests/formats/reader.py

`--fill FILE` writes what is missing in a new vector (its outputs are null). It never changes what is there.
"""

import base64
import hashlib
import hmac
import io
import json
import os
import pathlib
import struct
import sys
import tomllib
import uuid

import fastavro
import nacl.bindings
import nacl.signing
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ROOT = pathlib.Path(__file__).resolve().parents[2]
VECTORS = ROOT / "docs" / "formats"


class Differs(Exception):
    """A vector doesn't say what the page says."""


# Notation


def lp(field):
    field = field.encode() if isinstance(field, str) else field
    return len(field).to_bytes(4, "big") + field


def uint(number, length):
    return number.to_bytes(length, "big")


def time(microseconds):
    return struct.pack(">q", microseconds)


def uid(text):
    return uuid.UUID(text).bytes if text is not None else bytes(16)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def hkdf(salt, key, info, length):
    prk = mac(salt or bytes(32), key)
    okm, block = b"", b""
    while len(okm) < length:
        block = mac(prk, block + info + bytes([len(okm) // 32 + 1]))
        okm += block
    return okm[:length]


# Sealed value

NONCE = {1: 24, 2: 12}


def bucket(length):
    if length <= 4096:
        return max(1, -(-length // 256)) * 256
    exponent = length.bit_length() - 1
    step = 1 << (exponent - exponent.bit_length())
    return -(-length // step) * step


def value_keys(suite, data_key, salt, context):
    nonce = NONCE[suite]
    info = b"anamnesis/seal/1" + bytes([suite]) + sha256(context)
    okm = hkdf(salt, data_key, info, 32 + nonce + 32)
    return okm[:32], okm[32 : 32 + nonce], okm[32 + nonce :]


def seal(suite, data_key, key_id, salt, context, flags, stored_body):
    key, nonce, commitment = value_keys(suite, data_key, salt, context)
    plain = bytes([flags]) + lp(stored_body)
    plain += bytes(bucket(len(plain)) - len(plain))
    if suite == 1:
        ciphertext = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, context, nonce, key)
    else:
        ciphertext = AESGCM(key).encrypt(nonce, plain, context)
    return b"\x01" + bytes([suite]) + key_id + salt + commitment + ciphertext


def open_sealed(data_key, context, sealed):
    version, suite, salt, commitment, ciphertext = sealed[0], sealed[1], sealed[18:50], sealed[50:82], sealed[82:]
    if version != 1 or suite not in NONCE:
        raise Differs("not a sealed value")
    key, nonce, expected = value_keys(suite, data_key, salt, context)
    if not hmac.compare_digest(expected, commitment):
        raise Differs("commitment")
    try:
        if suite == 1:
            plain = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext, context, nonce, key)
        else:
            plain = AESGCM(key).decrypt(nonce, ciphertext, context)
    except (InvalidTag, nacl.exceptions.CryptoError):
        raise Differs("tag") from None
    return body_of(plain)


def body_of(plain):
    flags, length = plain[0], int.from_bytes(plain[1:5], "big")
    stored, padding = plain[5 : 5 + length], plain[5 + length :]
    if flags > 1 or bucket(5 + length) != len(plain) or any(padding):
        raise Differs("plain")
    return zstandard.ZstdDecompressor().decompress(stored) if flags == 1 else stored


def check_sealed(vector):
    context, data_key = bytes.fromhex(vector["context"]), bytes.fromhex(vector["data_key"])
    sealed = seal(
        vector["suite"],
        data_key,
        uid(vector["key_id"]),
        bytes.fromhex(vector["salt"]),
        context,
        vector["flags"],
        bytes.fromhex(vector["stored_body"]),
    )
    same(vector, "sealed", sealed.hex())
    same(vector, "body", open_sealed(data_key, context, sealed).hex())
    for at in range(len(sealed)):
        must_not_open(data_key, context, sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], at)
    must_not_open(data_key, context + b"\0", sealed, "context")


def must_not_open(data_key, context, sealed, what):
    # the key id is bound by the context, which the caller makes from it: here both are given
    if isinstance(what, int) and 2 <= what < 18:
        return
    try:
        open_sealed(data_key, context, sealed)
    except Differs:
        return
    raise Differs(f"opens although byte {what} was changed")


def check_padding(vector):
    same(vector, "bucket", bucket(vector["plain_len"]))


# Contexts


def context(kind, place, key_id):
    def event():
        return (
            lp(place["aggregate_type"])
            + uid(place["aggregate_id"])
            + uint(place["sequence"], 8)
            + uid(place["event_id"])
            + lp(place["event_type"])
            + uint(place["event_version"], 4)
            + bytes.fromhex(place["fingerprint"])
        )

    def chunk():
        return lp(place["container"]) + lp(place["name"]) + uint(place["chunk"], 8) + bytes([place["last"]])

    between = {
        "event": event,
        "metadata": event,
        "column": lambda: lp(place["table"]) + lp(place["column"]) + lp(bytes.fromhex(place["row_key"])),
        "snapshot": lambda: lp(place["aggregate_type"])
        + uid(place["aggregate_id"])
        + uint(place["sequence"], 8)
        + uint(place["version"], 4),
        "cache": lambda: lp(place["cache"]) + lp(bytes.fromhex(place["key"])),
        "object": chunk,
        "backup": chunk,
    }
    return lp(kind) + uid(place["organization"]) + between[kind]() + uid(place["subject"]) + uid(key_id)


def check_contexts(vector):
    same(vector, "context", context(vector["kind"], vector["place"], vector["key_id"]).hex())


# Keys at rest


def wrap_context(wrap):
    owner = uid(wrap["organization"]) + uid(wrap["subject"]) + lp(wrap["purpose"])
    return lp("wrap") + uid(wrap["key_id"]) + owner + uint(wrap["version"], 4)


def keyring(text):
    file = tomllib.loads(text)
    if set(file) != {"key"} or not file["key"]:
        raise Differs("keyring")
    keys = {}
    for key in file["key"]:
        secret = base64.b64decode(key["secret"], validate=True)
        if set(key) != {"id", "epoch", "created", "secret"} or len(secret) != 32 or key["epoch"] < 1:
            raise Differs("keyring")
        keys[uid(key["id"])] = (key["epoch"], secret)
    if len(keys) != len(file["key"]) or bytes(16) in keys:
        raise Differs("keyring")
    return keys


def check_wraps(vector):
    keys = keyring(vector["keyring_toml"])
    for wrap in vector["wraps"]:
        epoch, secret = keys[uid(wrap["wrapping_key_id"])]
        same(wrap, "epoch", epoch)
        same(wrap, "context", wrap_context(wrap).hex())
        salt, data_key = bytes.fromhex(wrap["salt"]), bytes.fromhex(wrap["data_key"])
        wrapped = seal(1, secret, uid(wrap["wrapping_key_id"]), salt, wrap_context(wrap), 0, data_key)
        same(wrap, "wrapped", wrapped.hex())
        if open_sealed(secret, wrap_context(wrap), wrapped) != data_key:
            raise Differs("wrap")
        check_sealed(wrap["sealed_under_it"])


# Index keys


def index_key(vector, use, name, version_key="version"):
    info = (
        b"anamnesis/index/1" + uid(vector["organization"]) + lp(use) + lp(name) + uint(vector[version_key], 4)
    )
    return hkdf(None, bytes.fromhex(vector["index_data_key"]), info, 32)


def check_index(vector):
    for claim in vector["claims"]:
        key = index_key(vector, "claim", claim["kind"])
        same(claim, "claim", mac(key, claim["normalised_text"].encode()).hex())
    for blind in vector["blinds"]:
        key = index_key(vector, "blind", blind["column"])
        same(blind, "blind", mac(key, blind["normalised_text"].encode())[:16].hex())
    for command in vector["command_ids"]:
        same(command, "command_id", str(command_id(vector, command)))


def command_id(vector, command):
    if vector["version"] != 1:
        raise Differs("command ids are made under version 1")
    resource = lp(command["source"]) + lp(command["resource_type"]) + lp(command["id"])
    half = bytearray(mac(index_key(vector, "command-id", ""), resource)[:16])
    half[6] = 0x80 | half[6] & 0x0F
    half[8] = 0x80 | half[8] & 0x3F
    return uuid.UUID(bytes=bytes(half))


# Row digest


def check_digest(vector):
    key = hkdf(None, bytes.fromhex(vector["digest_data_key"]), b"anamnesis/digest/1", 32)
    columns = sorted(vector["columns"].items(), key=lambda column: column[0].encode())
    row = b"\x01" + lp(vector["table"]) + lp(bytes.fromhex(vector["row_key"])) + uint(len(columns), 4)
    for name, value in columns:
        row += lp(name) + (b"\0" + lp(b"") if value is None else b"\1" + lp(bytes.fromhex(value)))
    same(vector, "digest", mac(key, row).hex())


# Row, entry, leaf


def check_rows(vector):
    row_bytes, entry = spell_row(vector)
    same(vector, "row_bytes", row_bytes.hex())
    same(vector, "row_hash", sha256(row_bytes).hex())
    same(vector, "entry", entry.hex())
    same(vector, "leaf", leaf(entry).hex())


def leaf_of(vector):
    return leaf(spell_row(vector)[1]).hex()


def spell_row(vector):
    row = vector["row"]
    stream = lp(row["aggregate_type"]) + uid(row["aggregate_id"]) + uint(row["sequence"], 8)
    row_bytes = (
        b"\x01"
        + uid(row["event_id"])
        + uid(row["organization_id"])
        + stream
        + lp(row["event_type"])
        + uint(row["event_version"], 4)
        + bytes.fromhex(row["fingerprint"])
        + uid(row["subject_id"])
        + uid(row["metadata_subject_id"])
        + time(row["recorded_at_us"])
        + uid(row["command_id"])
        + uid(row["correlation_id"])
        + uid(row["causation_id"])
        + uid(row["actor_id"])
        + sha256(bytes.fromhex(row["payload"]))
        + sha256(bytes.fromhex(row["metadata"]))
    )
    at = uint(vector["position"], 8) + time(vector["logged_at_us"])
    entry = b"\x01" + at + uid(row["organization_id"]) + stream + uid(row["subject_id"]) + sha256(row_bytes)
    return row_bytes, entry


# Tree


def leaf(entry):
    return sha256(b"\0", entry)


def split(count):
    return 1 << (count - 1).bit_length() - 1


def root(leaves):
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256()
    k = split(len(leaves))
    return sha256(b"\1", root(leaves[:k]), root(leaves[k:]))


def inclusion(index, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return inclusion(index, leaves[:k]) + [root(leaves[k:])]
    return inclusion(index - k, leaves[k:]) + [root(leaves[:k])]


def consistency(size, leaves, complete=True):
    if size == len(leaves):
        return [] if complete else [root(leaves)]
    k = split(len(leaves))
    if size <= k:
        return consistency(size, leaves[:k], complete) + [root(leaves[k:])]
    return consistency(size - k, leaves[k:], False) + [root(leaves[:k])]


def tile(path, leaves):
    _, level, *number = path.split("/")
    width = 256
    if number[-2:-1] and number[-2].endswith(".p"):
        width = int(number.pop())
        number[-1] = number[-1].removesuffix(".p")
    index = int("".join(group.removeprefix("x") for group in number))
    span = 256 ** int(level)
    starts = range(index * 256 * span, (index * 256 + width) * span, span)
    return [root(leaves[start : start + span]) for start in starts]


def check_tree(vector):
    leaves = [leaf(bytes.fromhex(entry)) for entry in vector["entries"]]
    same(vector, "leaves", [hash.hex() for hash in leaves])
    for head in vector["roots"]:
        same(head, "root", root(leaves[: head["size"]]).hex())
    for proof in vector["inclusion"]:
        same(proof, "proof", hexes(inclusion(proof["index"], leaves[: proof["size"]])))
    for proof in vector["consistency"]:
        same(proof, "proof", hexes(consistency(proof["from"], leaves[: proof["to"]])))
    for stored in vector["tiles"]:
        hashes = tile(stored["path"], leaves)
        same(stored, "hashes", len(hashes))
        same(stored, "sha256", sha256(*hashes).hex())


def hexes(hashes):
    return [hash.hex() for hash in hashes]


# Tree head


def check_checkpoint(vector):
    origin, signer = vector["origin"], nacl.signing.SigningKey(bytes.fromhex(vector["test_seed"]))
    key = b"\x01" + bytes(signer.verify_key)
    key_hash = sha256(origin.encode(), b"\n", key)[:4]
    same(vector, "vkey", f"{origin}+{key_hash.hex()}+{base64.b64encode(key).decode()}")
    root_text = base64.b64encode(bytes.fromhex(vector["root"])).decode()
    text = f"{origin}\n{vector['size']}\n{root_text}\n"
    signature = base64.b64encode(key_hash + signer.sign(text.encode()).signature).decode()
    same(vector, "note", f"{text}\n\u2014 {origin} {signature}\n")


# Kafka record

TOPICS = {"patient": ("patient-events", 6), "access": ("audit-events", 12)}


def avro_long(number):
    number = (number << 1) ^ (number >> 63)
    found = b""
    while number > 0x7F:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


def avro_bytes(text):
    found = text if isinstance(text, bytes) else text.encode()
    return avro_long(len(found)) + found


def avro_optional(found):
    return b"\x00" if found is None else b"\x02" + found


def check_kafka(vector):
    row = vector["row"]
    leaf_hex = leaf_of(vector)
    topic, partitions = TOPICS[row["aggregate_type"]]
    same(vector, "topic", topic)
    first = int.from_bytes(sha256(uid(row["aggregate_id"]))[:8], "big")
    same(vector, "partition", first % partitions)
    same(vector, "key", row["event_id"] if topic == "audit-events" else row["aggregate_id"])
    same(vector, "timestamp_ms", vector["logged_at_us"] // 1000)
    schema = json.loads((ROOT / "schemas/kafka/Envelope.v1.avsc").read_text())
    fingerprint = fastavro.schema.fingerprint(fastavro.schema.to_parsing_canonical_form(schema), "CRC-64-AVRO")
    headers = {"position": str(vector["position"]), "previous-position": str(vector["previous_position"])}
    same(vector, "headers", headers | {"leaf": leaf_hex, "fingerprint": fingerprint})
    data, metadata = bytes.fromhex(row["payload"]), bytes.fromhex(row["metadata"])
    envelope = (
        uid(row["event_id"])
        + avro_bytes(row["event_type"])
        + avro_long(row["recorded_at_us"])
        + avro_bytes("anamnesis")
        + avro_bytes(str(row["event_version"]))
        + avro_bytes(row["aggregate_type"])
        + uid(row["aggregate_id"])
        + avro_long(row["sequence"])
        + avro_long(vector["position"])
        + avro_long(vector["logged_at_us"])
        + uid(row["organization_id"])
        + uid(row["subject_id"])
        + data[2:18]
        + avro_bytes(f"anamnesis.{row['aggregate_type']}.{row['event_type']}.v{row['event_version']}")
        + bytes.fromhex(row["fingerprint"])
        + avro_bytes(data)
        + uid(row["correlation_id"])
        + avro_optional(uid(row["causation_id"]) if row["causation_id"] else None)
        + uid(row["actor_id"])
        + uid(row["command_id"])
        + uid(row["metadata_subject_id"])
        + avro_optional(metadata[2:18] if metadata else None)
        + avro_optional(avro_bytes(metadata) if metadata else None)
    )
    same(vector, "value", (b"\0" + uint(vector["schema_id"], 4) + envelope).hex())
    # and a library reads the same out of it
    read = fastavro.schemaless_reader(io.BytesIO(envelope), schema)
    if read["data"] != data or read["metadataSubject"] != uid(row["metadata_subject_id"]):
        raise Differs("fastavro reads something else")


# Schemas


def check_fingerprints(lines):
    for line in lines:
        name, fingerprint = line.split()
        schema = json.loads((ROOT / "schemas" / f"{name}.avsc").read_text())
        canonical = fastavro.schema.to_parsing_canonical_form(schema)
        found = fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")
        if found != fingerprint:
            raise Differs(f"{name}: {found}, not {fingerprint}")


# Every file, every vector

READERS = {
    "checkpoint.json": check_checkpoint,
    "contexts.json": check_contexts,
    "digest.json": check_digest,
    "index.json": check_index,
    "kafka.json": check_kafka,
    "padding.json": check_padding,
    "rows.json": check_rows,
    "sealed.json": check_sealed,
    "tree.json": check_tree,
    "wraps.json": check_wraps,
}
FILL = False


def same(vector, field, found):
    if FILL and vector.get(field) is None:
        vector[field] = found
    if vector[field] != found:
        raise Differs(f"{field} is {vector[field]}, recomputed {found}")


def check_file(name):
    path = VECTORS / name
    content = json.loads(path.read_text())
    vectors = content if isinstance(content, list) else [content]
    if not vectors:
        raise Differs("no vectors")
    for number, vector in enumerate(vectors, 1):
        try:
            READERS[name](vector)
        except Differs as difference:
            raise Differs(f"vector {number} ({vector.get('name', 'unnamed')}): {difference}") from None
    if FILL:
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return len(vectors)


def main():
    present = {name for name in os.listdir(VECTORS) if name.endswith(".json")}
    wrong = [f"docs/formats/{name} has no reader" for name in present - set(READERS)]
    for name in sorted(READERS):
        try:
            print(f"{name}: {check_file(name)} read")
        except FileNotFoundError:
            wrong.append(f"docs/formats/{name} is missing")
        except Differs as difference:
            wrong.append(f"docs/formats/{name}: {difference}")
    try:
        lines = (ROOT / "schemas" / "fingerprints.txt").read_text().splitlines()
        check_fingerprints(lines)
        print(f"schemas/fingerprints.txt: {len(lines)} read")
    except Differs as difference:
        wrong.append(f"schemas/fingerprints.txt: {difference}")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--fill"]:
        FILL = True
        sys.exit(0 if check_file(sys.argv[2]) else 1)
    sys.exit(main())
