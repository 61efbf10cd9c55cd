"""Mails for tests: written by hand in files, or put together here, whole or broken on purpose."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import dkim

from services.intake.mail.reading.models import Envelope

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = ROOT / "tests" / "unit" / "intake" / "mail" / "reading" / "mails"
RECEIVED_AT = datetime(2026, 3, 3, 15, 4, 5, tzinfo=UTC)
DEMO_KEY = ROOT / "deploy" / "demo" / "dkim.pem"
DEMO_ZONE = ROOT / "deploy" / "demo" / "dns.yaml"


def written(name: str) -> bytes:
    """A mail of the folder, as it would come by SMTP: with CRLF."""
    return (WRITTEN / f"{name}.eml").read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def envelope(
    mail_from: str = "ann@example.org", *, peer: str = "203.0.113.9", helo: str = "mail.example.org"
) -> Envelope:
    return Envelope(
        mail_from=mail_from,
        rcpt_to=("support@signalbox.example",),
        peer=peer,
        helo=helo,
        received_at=RECEIVED_AT,
    )


def mail(
    body: str | bytes = "Hello.\n",
    headers: Mapping[str, str | bytes | None] | None = None,
    extra: Sequence[bytes] = (),
) -> bytes:
    """A message with the usual headers; `headers` replaces some, None leaves one out, `extra` are
    raw header lines on top.
    """
    usual: dict[str, str | bytes | None] = {
        "From": "Ann Archer <ann@example.org>",
        "To": "support@signalbox.example",
        "Subject": "Help",
        "Message-ID": "<m-1@example.org>",
        "Date": "Tue, 3 Mar 2026 15:04:05 +0000",
    }
    lines = list(extra)
    for name, value in {**usual, **(headers or {})}.items():
        if value is not None:
            lines.append(
                f"{name}: ".encode() + (value.encode() if isinstance(value, str) else value)
            )
    text = body.encode() if isinstance(body, str) else body
    return b"\r\n".join(lines) + b"\r\n\r\n" + text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def multipart(
    *parts: bytes, subtype: str = "mixed", headers: Mapping[str, str | bytes | None] | None = None
) -> bytes:
    """`parts` are whole parts, headers and all."""
    body = b"".join(b"--frontier\r\n%s\r\n" % part for part in parts) + b"--frontier--\r\n"
    return mail(
        body,
        {
            **(headers or {}),
            "MIME-Version": "1.0",
            "Content-Type": f"multipart/{subtype}; boundary=frontier",
        },
    )


def attached(content: bytes, name: str = "a.bin", kind: str = "application/octet-stream") -> bytes:
    """A part with `content` in base64."""
    head = f'Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="{name}"\r\n\r\n'
    return head.encode() + base64.encodebytes(content).replace(b"\n", b"\r\n")


def signed(
    raw: bytes,
    domain: str,
    key: bytes | None = None,
    *,
    selector: str = "demo",
    length: bool = False,
    headers: str = "",
) -> bytes:
    """With a DKIM signature of `domain`; the demo's published key signs where no other is given.
    `headers` is its `h=`, in lower case; empty: dkimpy's own choice.
    """
    header = dkim.sign(
        raw,
        selector.encode(),
        domain.encode(),
        key or DEMO_KEY.read_bytes(),
        length=length,
        canonicalize=(b"relaxed", b"relaxed") if headers else (b"relaxed", b"simple"),
        include_headers=headers.encode().split(b":") if headers else None,
    )
    return bytes(header) + raw
