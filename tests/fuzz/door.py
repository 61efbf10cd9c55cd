"""`python -m tests.fuzz.door`: bytes → strict JSON → every form. Either an object that fits, or
`Refused` with a reason.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris
import orjson

with atheris.instrument_imports(include=["shared.http.strict_json", "services.intake.forms"]):
    from services.intake.forms import PAGE_ACTIONS, TICKET_ACTIONS, TicketForm, fill
    from shared.http.strict_json import canonical, parse

from shared.errors import Refused
from tests.fuzz.running import run

FORMS = tuple(
    dict.fromkeys(
        [TicketForm, *(form for _, form in (*TICKET_ACTIONS.values(), *PAGE_ACTIONS.values()))]
    )
)
DETAILS = {"access_granted": True, "third_party_services": ["a"], "logs": "H12"}
URGENT = {
    "subject": "Down",
    "body": "All of it",
    "app": "shop",
    "priority": "urgent",
    "urgent": DETAILS,
}
SEEDS = [
    orjson.dumps(URGENT),
    b'{"subject":"a","body":"b","attachments":["x"]}',
    *(
        b'{"a":%s}' % value
        for value in (
            b"NaN",
            b'"\\u0000"',
            b'"\\ud800"',
            b"9223372036854775808",
            b"1e999",
            b'1,"a":2',
        )
    ),
    b'{"score":5,"comment":"x"}',
    b'{"provider":"redisco"}',
    b"[" * 30 + b"]" * 30,
]


def one(raw: bytes) -> None:
    try:
        found = parse(raw)
    except Refused as refusal:
        assert refusal.status in (400, 413), refusal
        return
    assert (
        orjson.loads(canonical(found)) == found
    )  # what was let in can be written again, and reads the same
    assert b"\\u0000" not in canonical(found)
    for form in FORMS:
        try:
            filled = fill(form, found)
        except Refused as refusal:
            assert refusal.status == 422, refusal
            continue
        filled.model_dump_json().encode()


if __name__ == "__main__":
    run(one, SEEDS, Path(".cache/fuzz/door"), sys.argv)
