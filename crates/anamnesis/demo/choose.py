"""Makes the files here from Synthea's output: `choose.py <output>/fhir`. README.md says how that is made.

Leaves out what is never imported and takes half the room: claims, their benefits and provenance, and supplies.
"""

import gzip
import json
import pathlib
import sys

LEFT_OUT = {"Claim", "ExplanationOfBenefit", "Provenance", "SupplyDelivery"}
CHOSEN = {
    "hospitals": "hospitalInformation*",
    "practitioners": "practitionerInformation*",
    "abram53": "Abram53_*",
    "alphonse92": "Alphonse92_*",
    "dionne995": "Dionne995_*",
    "kathern391": "Kathern391_*",
    "loren192": "Loren192_*",
    "marty115": "Marty115_*",
}


def references(value):
    """All references in a resource."""
    if isinstance(value, list):
        return [found for item in value for found in references(item)]
    if isinstance(value, dict):
        here = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return here + [found for item in value.values() for found in references(item)]
    return []


def choose(bundle):
    entries = [entry for entry in bundle["entry"] if entry["resource"]["resourceType"] not in LEFT_OUT]
    there = {entry["fullUrl"] for entry in entries if "fullUrl" in entry}
    for entry in entries:
        for reference in references(entry["resource"]):
            if reference.startswith("urn:uuid:") and reference not in there:
                sys.exit(f"{entry['fullUrl']} refers to {reference}, which was left out")
    return {**bundle, "entry": entries}


def main(source):
    here = pathlib.Path(__file__).parent
    for name, pattern in CHOSEN.items():
        (path,) = pathlib.Path(source).glob(pattern + ".json")
        text = json.dumps(choose(json.loads(path.read_text())), ensure_ascii=False, separators=(",", ":"))
        (here / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


main(sys.argv[1])
