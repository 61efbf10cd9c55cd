"""The second step of a login: codes by time (RFC 6238), and recovery codes for who lost the device.

A document of directory kind `second-steps` holds the secret sealed (AES-256-GCM, with a key derived
from the installation's secret, bound to the address), and HMACs of the recovery codes. Whoever
reads the directory without the installation's secret learns neither. A code counts for its half
minute and the ones beside it (clocks differ), and once.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import orjson
import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.events import Instant
from shared.people.folding import fold_address

ISSUER = "Signalbox"
# RFC 6238's usual half minute; authenticator apps assume it.
STEP_S = 30
ENROLMENT_LASTS = timedelta(minutes=15)
RECOVERY_CODES = 10
# The present half minute first: nearly every code is of it.
_BESIDE = (0, -1, 1)
# Bytes; 96 bits are what AES-GCM wants.
_NONCE = 12
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that are mistaken for others."""

Change = Literal["on", "codes", "recovery-used"]


class SecondStep(BaseModel):
    """`used`: the number of the half minute whose code switched it on, which counts no more.
    `recovery`: what is left of the codes. `change` is what was done last, and told by mail.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    secret: str
    recovery: tuple[str, ...]
    used: int
    on_since: Instant
    change: Change = "on"
    account_since: str | None = None

    def kept(self) -> dict[str, Any]:
        """As the directory holds it."""
        return self.model_dump(mode="json", exclude_none=True)


def second_step_in(document: Mapping[str, Any] | None) -> SecondStep | None:
    """The second step a document is; None for none, and where it cannot be read."""
    try:
        return SecondStep.model_validate(document, extra="ignore") if document else None
    # Unreadable counts as none here; the caller decides what that opens.
    except ValidationError:
        return None


def new_secret() -> str:
    """160 bits in base32, as authenticator apps take it."""
    return pyotp.random_base32()


def uri_of(totp_secret: str, email: str, issuer: str = ISSUER) -> str:
    """What the QR code says (the Key URI format). `issuer`: what the app calls us."""
    return pyotp.TOTP(totp_secret).provisioning_uri(name=email, issuer_name=issuer)


def seal(secret: bytes, email: str, totp_secret: str) -> str:
    """The secret of an account's codes, as the directory keeps it."""
    return _seal(secret, f"kept\0{fold_address(email)}", totp_secret.encode())


def open_secret(secret: bytes, email: str, sealed: str) -> str | None:
    """None where it was sealed for another address, or with another installation's secret."""
    raw = _unseal(secret, f"kept\0{fold_address(email)}", sealed)
    return raw.decode() if raw is not None else None


def make_enrolment(secret: bytes, email: str, totp_secret: str, now: datetime) -> str:
    """A secret on its way: shown to its owner, and not kept before a code of it has come back."""
    said = {"secret": totp_secret, "until": (now + ENROLMENT_LASTS).timestamp()}
    # Another word in front of the address than for a kept secret: the one can never pass as the
    # other.
    return _seal(secret, f"enrolment\0{fold_address(email)}", orjson.dumps(said))


def read_enrolment(secret: bytes, email: str, token: str, now: datetime) -> str | None:
    """The secret of an enrolment of this address that is not over."""
    raw = _unseal(secret, f"enrolment\0{fold_address(email)}", token)
    # Nothing of a token that does not open is read.
    said = orjson.loads(raw) if raw is not None else None
    if said is None or said["until"] <= now.timestamp():
        return None
    return str(said["secret"])


def step_of(totp_secret: str, code: str, now: datetime) -> int | None:
    """The number of the half minute for which the code is good; None: for none near `now`."""
    # Apps show a blank in the middle.
    digits = "".join(code.split())
    if len(digits) != 6 or not (digits.isascii() and digits.isdecimal()):
        return None
    totp, here = pyotp.TOTP(totp_secret, interval=STEP_S), int(now.timestamp()) // STEP_S
    # All three are compared, so that the time taken tells nothing.
    found = [
        here + away
        for away in _BESIDE
        if hmac.compare_digest(totp.generate_otp(here + away), digits)
    ]
    return found[0] if found else None


def recovery_codes(secret: bytes, email: str, drawn: str) -> list[str]:
    """Ten codes of ten letters (49 bits each), derived: asked for again, they are the same."""
    made = []
    for number in range(RECOVERY_CODES):
        raw = _digest(secret, "recovery-code", fold_address(email), drawn, str(number))
        # 256 is no multiple of 31, so some letters come a little more often. Ten of them are enough
        # all the same.
        letters = "".join(_LETTERS[byte % len(_LETTERS)] for byte in raw[:10])
        made.append(f"{letters[:5]}-{letters[5:]}")
    return made


def recovery_hash(secret: bytes, email: str, code: str) -> str:
    """What is kept of a recovery code. Blanks, hyphens and capitals do not count."""
    plain = "".join(letter for letter in code.lower() if letter.isalnum())
    return _digest(secret, "recovery-hash", fold_address(email), plain).hex()


def _seal(secret: bytes, about: str, raw: bytes) -> str:
    nonce = secrets.token_bytes(_NONCE)
    sealed = AESGCM(_key(secret)).encrypt(nonce, raw, about.encode())
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def _unseal(secret: bytes, about: str, sealed: str) -> bytes | None:
    try:
        # `validate`: without it, characters outside base64 would be skipped, and several texts
        # would be one token.
        raw = base64.b64decode(sealed, altchars=b"-_", validate=True)
        return AESGCM(_key(secret)).decrypt(raw[:_NONCE], raw[_NONCE:], about.encode())
    except (InvalidTag, ValueError):
        return None


def _key(secret: bytes) -> bytes:
    return _digest(secret, "second-step-key")


def _digest(secret: bytes, *parts: str) -> bytes:
    hasher = hmac.new(secret, digestmod="sha256")
    for part in ("signalbox-second-step", *parts):
        raw = part.encode()
        # The length before each part: ("ab", "c") and ("a", "bc") must not be the same.
        hasher.update(b"%d:" % len(raw))
        hasher.update(raw)
    return hasher.digest()
