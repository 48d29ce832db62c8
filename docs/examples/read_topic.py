"""What has happened? Prints the events in one of the topics, a line of JSON each, for `jq`, pandas or DuckDB.

    python3 -m venv .venv && .venv/bin/pip install -r docs/examples/requirements.txt
    .venv/bin/python docs/examples/read_topic.py patient-events --brokers 127.0.0.1:9092 --registry http://127.0.0.1:8081

The topics: patient-events, appointment-events, document-events, audit-events, notification-events, ai-events; and
log-heads, the signed sizes and roots of the log.

Who, when and what kind is in the clear, as ids and names. What was said about a person is sealed: you see its length,
and it doesn't open without that person's key. Whoever may read it asks the API, or runs `anamnesis replay`.
"""

import argparse
import datetime
import io
import json
import sys
import urllib.request
import uuid

import fastavro
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition


def main():
    asked = arguments()
    consumer = Consumer({
        "bootstrap.servers": asked.brokers,
        # Nothing is committed for this group: it reads everything each time.
        "group.id": f"{asked.prefix}example",
        "enable.auto.commit": False,
        # Records of a transaction that was given up are no events. (This is the default; it matters.)
        "isolation.level": "read_committed",
        # Says when a partition has been read to its end, so that this program ends too.
        "enable.partition.eof": True,
    })
    topic = asked.prefix + asked.topic
    show = head if asked.topic == "log-heads" else Envelopes(asked.registry).show
    for record in read_once(consumer, topic):
        json.dump(show(record), sys.stdout)
        print()
    consumer.close()


def read_once(consumer, topic):
    """Every record that is there now. In order within a partition; sort by `position` for the order of the log."""
    found = consumer.list_topics(topic, timeout=30).topics[topic]
    if found.error:
        sys.exit(f"{topic}: {found.error}")
    unread = set(found.partitions)
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in unread])
    while unread:
        record = consumer.poll(timeout=30)
        if record is None:
            sys.exit(f"{topic}: the brokers don't answer")
        elif record.error() and record.error().code() == KafkaError._PARTITION_EOF:
            unread.discard(record.partition())
        elif record.error():
            sys.exit(f"{topic}: {record.error()}")
        else:
            yield record


def head(record):
    """A tree head is a note as text: whose log, how many events, their root hash, the signature."""
    return {"size": int(record.key()), "note": record.value().decode()}


class Envelopes:
    """Values are in the registry's wire format: a zero, the schema's id in 4 bytes, then Avro."""

    def __init__(self, registry):
        self.registry = registry
        self.schemas = {}

    def show(self, record):
        value = record.value()
        assert value[0] == 0, "this isn't in the schema registry's wire format"
        schema = self.schema(int.from_bytes(value[1:5], "big"))
        envelope = fastavro.schemaless_reader(io.BytesIO(value[5:]), schema)
        return {name: plain(name, content) for name, content in envelope.items()}

    def schema(self, number):
        if number not in self.schemas:
            with urllib.request.urlopen(f"{self.registry}/schemas/ids/{number}", timeout=30) as answer:
                self.schemas[number] = fastavro.parse_schema(json.loads(json.load(answer)["schema"]))
        return self.schemas[number]


SEALED = {"data", "sealedMetadata"}


def plain(name, content):
    """As JSON has it: ids as UUIDs, times as ISO 8601, and of what is sealed only how long it is."""
    if isinstance(content, dict):
        return {inner: plain(inner, value) for inner, value in content.items()}
    if isinstance(content, datetime.datetime):
        return content.isoformat()
    if not isinstance(content, bytes):
        return content
    if name in SEALED:
        return {"sealed_bytes": len(content)}
    return str(uuid.UUID(bytes=content)) if len(content) == 16 else content.hex()


def arguments():
    parser = argparse.ArgumentParser(description="Prints the events in a topic as lines of JSON.")
    parser.add_argument("topic", help="patient-events, …, or log-heads")
    parser.add_argument("--brokers", default="127.0.0.1:9092", help="host:port, several with commas")
    parser.add_argument("--registry", default="http://127.0.0.1:8081", help="the schema registry's URL")
    parser.add_argument("--prefix", default="", help="what this installation puts in front of its topics' names")
    return parser.parse_args()


if __name__ == "__main__":
    main()
