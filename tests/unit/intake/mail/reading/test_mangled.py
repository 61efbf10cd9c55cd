"""Whatever happened to a mail on its way: it is read, and what comes out is fit."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.intake.mail.reading.authentication.signatures import verify
from services.intake.mail.reading.message import read_message
from tests.support.examples import examples
from tests.support.fitness import unfit
from tests.support.mails import WRITTEN, envelope
from tests.support.mangling import mangled

MAILS = [path.read_bytes().replace(b"\n", b"\r\n") for path in sorted(WRITTEN.glob("*.eml"))]


@settings(max_examples=examples(200), suppress_health_check=[HealthCheck.too_slow])
@given(raw=st.sampled_from(MAILS), random=st.randoms(use_true_random=False), null=st.booleans())
def test_mangled_mail_is_read(raw: bytes, random: Random, null: bool) -> None:
    worse = mangled(raw, random)
    assert not unfit(read_message(worse, envelope("" if null else "ann@example.org")))
    verify(worse, {})


@settings(max_examples=examples(200))
@given(raw=st.binary(max_size=2000))
def test_any_bytes_are_read(raw: bytes) -> None:
    assert not unfit(read_message(raw, envelope()))
