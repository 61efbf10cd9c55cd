"""An SMTP relay that keeps every mail and sends none on: where an empty stack's mail goes."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from cli.up.ports import free_port
from tests.support.waiting import eventually


class Relay:
    """`port` is where it listens. Mails are kept in the order in which they came."""

    def __init__(self) -> None:
        self.port = 0
        self._kept: list[tuple[str, EmailMessage]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = envelope.content
        assert isinstance(raw, bytes)
        message = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self._kept += [(to, message) for to in envelope.rcpt_tos]
        return "250 2.0.0 kept"

    def subjects_to(self, address: str) -> list[str]:
        return [str(mail["Subject"]) for to, mail in self._kept if to == address]

    def newest(self, address: str, about: str) -> str:
        """Subject and text of the newest mail to `address` with `about` in its subject; waits for
        one.
        """

        def come() -> Any:
            return [m for to, m in self._kept if to == address and about in str(m["Subject"])]

        what = f"a mail to {address} about {about!r}"
        mail = eventually(come, within=60, what=what)[-1]
        body = mail.get_body(("plain",))
        assert body is not None
        return f"{mail['Subject']}\n\n{body.get_content()}"

    def link(self, address: str, about: str, path: str) -> str:
        """The link to `path` in that mail."""
        text = self.newest(address, about)
        found = re.search(r"https?://[^\s>]+" + re.escape(path) + r"[^\s>]*", text)
        assert found is not None, text
        return found[0]


@contextmanager
def relay() -> Iterator[Relay]:
    """One, on a free port of this machine."""
    keeping = Relay()
    keeping.port = free_port()
    server = Controller(keeping, hostname="127.0.0.1", port=keeping.port)
    server.start()
    try:
        yield keeping
    finally:
        server.stop()
