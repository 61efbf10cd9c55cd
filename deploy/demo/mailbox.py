"""The mail side of the demo's far end: an SMTP server that keeps every mail and sends none on. Its path is `/mail/<address>`."""

from __future__ import annotations

import asyncio
import email
import email.policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.demo.behaviour import Behaviour, Mode
from deploy.demo.receipts import Receipts


class Mailbox:
    """aiosmtpd's handler: one receipt per recipient."""

    def __init__(self, receipts: Receipts, behaviour: Behaviour) -> None:
        self._receipts, self._behaviour = receipts, behaviour

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        """An address of the path `refuse`, `error` or `drop` is turned away here, as real relays do."""
        mode, _ = self._behaviour.of(f"/mail/{address.lower()}")
        if mode is Mode.REFUSE:
            return "550 5.1.1 no such mailbox"
        if mode in {Mode.ERROR, Mode.DROP}:
            return "451 4.3.0 try again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        modes = [self._behaviour.of(f"/mail/{address.lower()}") for address in envelope.rcpt_tos]
        hangs = any(mode is Mode.HANG for mode, _ in modes)
        await asyncio.sleep(3600 if hangs else max(seconds if mode is Mode.SLOW else 0.0 for mode, seconds in modes))
        raw = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        for address in envelope.rcpt_tos:
            self._keep(address, raw)
        if any(mode is Mode.SWALLOW for mode, _ in modes):
            await asyncio.sleep(3600)
        return "250 2.0.0 kept"

    def _keep(self, address: str, raw: bytes) -> None:
        message = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        text = message.get_body(("plain", "html"))
        self._receipts.add(
            "mail", address, str(message.get("Message-ID", "")).strip(), subject=str(message.get("Subject", "")),
            body=text.get_content() if text is not None else "",
            headers={name: str(value) for name, value in message.items()},
            ticket_id=str(message["X-Signalbox-Ticket"]) if "X-Signalbox-Ticket" in message else None,
        )  # fmt: skip


async def serve_mailbox(mailbox: Mailbox, host: str, port: int) -> asyncio.Server:
    """Listen on `port`. Raises OSError where it is taken."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: SMTP(mailbox, loop=loop, hostname="sink.example", enable_SMTPUTF8=True), host, port)
