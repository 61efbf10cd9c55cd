"""The mail side of the demo's far end: an SMTP server that keeps every mail and sends none on. Its
path is `/mail/<address>`.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
from email.header import decode_header, make_header
from email.message import Message

from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.demo.behaviour import Behaviour, Mode
from deploy.demo.receipts import Receipts
from shared.people.folding import fold_address


class MailSink:
    """aiosmtpd's handler: one receipt per recipient."""

    def __init__(self, receipts: Receipts, behaviour: Behaviour) -> None:
        self._receipts, self._behaviour = receipts, behaviour

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """An address of the path `refuse`, `error` or `drop` is turned away here, as real relays
        do.
        """
        mode, _ = self._behaviour.of(f"/mail/{fold_address(address)}")
        if mode is Mode.REFUSE:
            return "550 5.1.1 no such mailbox"
        # For now, by a code of 4xx: the sender tries again.
        if mode in {Mode.ERROR, Mode.DROP}:
            return "451 4.3.0 try again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        modes = [
            self._behaviour.of(f"/mail/{fold_address(address)}") for address in envelope.rcpt_tos
        ]
        # One hanging recipient hangs the whole mail, as with a real server.
        hangs = any(mode is Mode.HANG for mode, _ in modes)
        await asyncio.sleep(
            3600 if hangs else max(seconds if mode is Mode.SLOW else 0.0 for mode, seconds in modes)
        )
        raw = (
            envelope.content
            if isinstance(envelope.content, bytes)
            else (envelope.content or "").encode()
        )
        # Kept before the answer: `swallow` takes the mail and says nothing.
        for address in envelope.rcpt_tos:
            self._keep(address, raw, envelope.mail_from or "")
        if any(mode is Mode.SWALLOW for mode, _ in modes):
            await asyncio.sleep(3600)
        return "250 2.0.0 kept"

    def _keep(self, address: str, raw: bytes, mail_from: str) -> None:
        # The modern policy parses every header by its grammar, which took most of the far end's
        # time.
        message = email.message_from_bytes(raw, policy=email.policy.compat32)
        # The last server writes down whom it had the mail from (RFC 5321, section 4.4).
        headers = {"Return-Path": f"<{mail_from}>"} | {
            name: _unfold(str(value)) for name, value in message.items()
        }
        self._receipts.add(
            "mail",
            address,
            headers.get("Message-ID", "").strip(),
            subject=headers.get("Subject", ""),
            body=_text_of(message),
            headers=headers,
            ticket_id=headers.get("X-Signalbox-Ticket"),
        )


def _unfold(value: str) -> str:
    """A header's text in one line, RFC 2047 words decoded."""
    line = "".join(value.splitlines())
    return str(make_header(decode_header(line))) if "=?" in line else line


def _text_of(message: Message) -> str:
    """The plain part, or else the HTML one."""
    # Reversed, so that the first part of each type wins.
    parts = {part.get_content_type(): part for part in reversed(list(message.walk()))}
    part = parts.get("text/plain") or parts.get("text/html")
    raw = part.get_payload(decode=True) if part is not None else b""
    return raw.decode("utf-8", "replace").replace("\r\n", "\n") if isinstance(raw, bytes) else ""


async def serve_mailbox(mailbox: MailSink, host: str, port: int) -> asyncio.Server:
    """Listen on `port`. Raises OSError where it is taken."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: SMTP(mailbox, loop=loop, hostname="sink.example", enable_SMTPUTF8=True), host, port
    )
