"""`python -m tests.fuzz.mail`: bytes → `read_message` and `verify`. Anything raised, and anything
unfit that comes out, is a finding.

Begins with the mails of the unit tests. Libfuzzer's own flags may follow, such as
`-max_total_time=600`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["services.intake.mail.reading"]):
    from services.intake.mail.reading.authentication.signatures import key_name, verify
    from services.intake.mail.reading.message import read_message

from services.intake.mail.masked import without_secrets
from services.intake.mail.reading.authentication.dns import DnsZone
from tests.fuzz.running import run
from tests.support.fitness import unfit
from tests.support.mails import DEMO_ZONE, WRITTEN, envelope

KEY = asyncio.run(DnsZone.of(DEMO_ZONE).lookup("demo._domainkey.example.com", "TXT"))[0]


def one(raw: bytes) -> None:
    for around in (envelope(), envelope("")):
        reading = read_message(raw, around)
        assert not (wrong := unfit(reading)), wrong
    without_secrets(raw)
    verify(
        raw,
        {key_name(signature.domain, signature.selector): KEY for signature in reading.signatures},
    )


if __name__ == "__main__":
    run(
        one,
        [path.read_bytes() for path in sorted(WRITTEN.glob("*.eml"))],
        Path(".cache/fuzz/mail"),
        sys.argv,
    )
