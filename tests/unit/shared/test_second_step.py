"""Codes of the second step: RFC 6238's own table, what is sealed, and what counts."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from shared.people.second_step import (
    RECOVERY_CODES,
    make_enrolment,
    new_secret,
    open_secret,
    read_enrolment,
    recovery_codes,
    recovery_hash,
    seal,
    step_of,
    uri_of,
)

KEY, ANN, EVE = b"a secret of sixteen", "ann@shop.example", "eve@shop.example"
RFC = base64.b32encode(b"12345678901234567890").decode()
NOW = datetime(2026, 11, 22, 3, 0, 10, tzinfo=UTC)
HERE = int(NOW.timestamp()) // 30


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_codes_are_those_of_the_rfc(at: int, code: str) -> None:
    """RFC 6238, appendix B, SHA-1, the last six digits."""
    assert step_of(RFC, code, datetime.fromtimestamp(at, UTC)) == at // 30


@pytest.mark.parametrize(
    ("away", "counts"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_code_counts_for_its_half_minute_and_those_beside_it(away: int, counts: bool) -> None:
    secret = new_secret()
    code = pyotp.TOTP(secret).generate_otp(HERE + away)
    assert step_of(secret, code, NOW) == (HERE + away if counts else None)
    assert step_of(secret, f" {code[:3]} {code[3:]} ", NOW) == (HERE + away if counts else None)


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "000000 1"])
def test_what_is_no_code_counts_for_nothing(code: str) -> None:
    assert step_of(new_secret(), code, NOW) is None


def test_a_sealed_secret_opens_for_its_address_in_its_installation() -> None:
    secret = new_secret()
    sealed = seal(KEY, ANN, secret)
    assert secret not in sealed and seal(KEY, ANN, secret) != sealed
    assert open_secret(KEY, "Ann@Shop.example", sealed) == secret
    assert open_secret(KEY, EVE, sealed) is None
    assert open_secret(b"another secret, longer", ANN, sealed) is None
    another = "B" if sealed.startswith("A") else "A"
    for damaged in ("", "no base64!", sealed[:-4], sealed[:10], another + sealed[1:]):
        assert open_secret(KEY, ANN, damaged) is None


def test_an_enrolment_is_for_its_address_a_quarter_of_an_hour_and_nothing_else() -> None:
    secret = new_secret()
    token = make_enrolment(KEY, ANN, secret, NOW)
    assert read_enrolment(KEY, ANN, token, NOW + timedelta(minutes=14)) == secret
    assert read_enrolment(KEY, ANN, token, NOW + timedelta(minutes=15)) is None
    assert read_enrolment(KEY, EVE, token, NOW) is None
    assert read_enrolment(KEY, ANN, seal(KEY, ANN, secret), NOW) is None
    assert open_secret(KEY, ANN, token) is None


def test_recovery_codes_are_ten_and_derived() -> None:
    codes = recovery_codes(KEY, ANN, "drawn")
    assert len(set(codes)) == RECOVERY_CODES
    assert codes == recovery_codes(KEY, ANN, "drawn")
    for other in (
        recovery_codes(KEY, EVE, "drawn"),
        recovery_codes(KEY, ANN, "other"),
        recovery_codes(b"another secret, longer", ANN, "drawn"),
    ):
        assert set(other).isdisjoint(codes)
    assert recovery_hash(KEY, ANN, codes[0]) == recovery_hash(
        KEY, ANN, f" {codes[0].upper().replace('-', ' ')}"
    )
    assert recovery_hash(KEY, EVE, codes[0]) != recovery_hash(KEY, ANN, codes[0])


def test_the_qr_code_says_whose_it_is() -> None:
    assert uri_of(RFC, ANN).startswith("otpauth://totp/Signalbox:ann%40shop.example?secret=")
