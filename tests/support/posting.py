"""Mail as the world sends it: over SMTP to the real listener, by swaks where it is on the PATH,
else by the standard library.
"""

from __future__ import annotations

import re
import secrets
import shutil
import smtplib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from tests.support.desk import Person
from tests.support.stack import Stack
from tests.support.waiting import eventually

SUPPORT = "support@signalbox.example"
OURS = "notifications.signalbox.example"


@dataclass(frozen=True)
class Post:
    """The way to the listener. `example.com` is the demo's own domain: mail in its name from here
    passes SPF and DMARC, provided the envelope's sender is of it too."""

    stack: Stack

    def writes(
        self,
        sender: str,
        subject: str = "Help",
        body: str = "It does not work.",
        *,
        to: str = SUPPORT,
        envelope: str | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> bytes:
        """Send one; gives the message as it went over the wire. `envelope`: another sender there;
        `headers`: None leaves one out.
        """
        raw = written(sender, subject, body, to=to, headers=headers)
        self.sends(raw, envelope if envelope is not None else sender, to)
        return raw

    def sends(self, raw: bytes, envelope: str, to: str = SUPPORT) -> None:
        """Those very bytes."""
        host, _, port = self.stack.smtp.rpartition(":")
        if shutil.which("swaks") and b"\0" not in raw:
            command = [
                "swaks",
                "--silent",
                "2",
                "--server",
                host,
                "--port",
                port,
                "--from",
                envelope or "<>",
                "--to",
                to,
                "--data",
                "-",
            ]
            done = subprocess.run(
                command,
                input=raw.replace(b"\r\n", b"\n"),
                capture_output=True,
                timeout=30,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return
        with smtplib.SMTP(host, int(port), timeout=30) as client:
            client.sendmail(envelope, [to], raw)

    def is_taken_in(self) -> bool:
        """Whether the listener listens."""
        host, _, port = self.stack.smtp.rpartition(":")
        try:
            with smtplib.SMTP(host, int(port), timeout=5) as client:
                return client.noop()[0] == 250
        except OSError:
            return False

    def forges(
        self, sender: str, subject: str = "Help", body: str = "It does not work.", **more: Any
    ) -> bytes:
        """In somebody's name, from a server that may not."""
        return self.writes(sender, subject, body, envelope="forger@evil.example", **more)


def written(
    sender: str,
    subject: str,
    body: str,
    *,
    to: str = SUPPORT,
    headers: Mapping[str, str | None] | None = None,
) -> bytes:
    """A message with the usual headers and a Message-ID of its own."""
    usual: dict[str, str | None] = {
        "From": sender,
        "To": to,
        "Subject": subject,
        "Date": formatdate(),
        "Message-ID": f"<{secrets.token_hex(8)}@client.example.com>",
    }
    lines = [
        f"{name}: {value}"
        for name, value in {**usual, **(headers or {})}.items()
        if value is not None
    ]
    return "\r\n".join([*lines, "", *body.splitlines(), ""]).encode()


def report(kind: str, about: str, of: list[str], ours: str) -> bytes:
    """A report on our mail `ours`. `kind`: delivery-status or feedback-report; `of`: what its
    second part says.
    """
    lines = [
        "From: MAILER-DAEMON@mx.example.com",
        f"To: bot@{OURS}",
        f"Subject: {about}",
        "MIME-Version: 1.0",
        f"Message-ID: <{secrets.token_hex(8)}@mx.example.com>",
        "Auto-Submitted: auto-replied",
        f'Content-Type: multipart/report; report-type={kind}; boundary="b"',
        "",
        "--b",
        "Content-Type: text/plain",
        "",
        "About a mail of yours.",
        "--b",
        f"Content-Type: message/{kind}",
        "",
        *of,
        "",
        "--b",
        "Content-Type: message/rfc822-headers",
        "",
        f"Message-ID: {ours}",
        "--b--",
        "",
    ]
    return "\r\n".join(lines).encode()


def bounced(about: str, address: str, ours: str) -> bytes:
    failed = [
        f"Final-Recipient: rfc822; {address}",
        "Action: failed",
        "Status: 5.1.1",
        "Diagnostic-Code: smtp; 550 no such user",
    ]
    return report(
        "delivery-status", about, ["Reporting-MTA: dns; mx.example.com", "", *failed], ours
    )


@dataclass(frozen=True)
class MailDesk:
    """What staff see of mail."""

    agent: Person

    def about(self, subject: str, state: str | None = None) -> list[dict[str, Any]]:
        """The messages with this subject."""
        found, cursor = [], {}
        while True:
            page = self.agent.get(
                "/v1/mail", limit=200, **({"state": state} if state else {}), **cursor
            )
            found += [message for message in page["items"] if message["subject"] == subject]
            if not page["next"]:
                return found
            cursor = {"cursor": page["next"]}

    def settles(self, subject: str, state: str, within: float = 40) -> dict[str, Any]:
        """The one message with this subject, once it is in `state`."""

        def there() -> Any:
            found = self.about(subject)
            assert len(found) == 1, found
            assert found[0]["state"] == state, found[0]
            return self.agent.get(f"/v1/mail/{found[0]['id']}")

        return dict(eventually(there, within=within, what=f"the mail {subject!r} {state}"))

    def counts(self) -> dict[str, Any]:
        return dict(self.agent.get("/v1/mail", limit=1)["counts"])

    def is_balanced(self, within: float = 40, received: int = 0) -> dict[str, Any]:
        """The sums, once nothing is in hand and they are right. What was told 250 is told of a
        little later, a run at a time: whoever sent much says with `received` how many deliveries
        there must be in all."""

        def right() -> Any:
            counts = self.counts()
            assert counts["received"] >= received, counts
            assert counts["in_hand"] == 0, counts
            assert counts["balanced"], counts
            assert counts["received"] == sum(
                counts[name] for name in ("ticketed", "threaded", "quarantined", "duplicate")
            ), counts
            return counts

        return dict(eventually(right, within=within, what="the sums of mail"))


def reply_to(mail: Mapping[str, Any]) -> str:
    """The address a received mail of ours asks to be answered at."""
    return str({name.lower(): value for name, value in mail["headers"].items()}["reply-to"])


def confirming_link(mail: Mapping[str, Any]) -> str:
    """The link of a confirmation mail."""
    found = re.search(r"https?://\S+/confirm\?token=\S+", mail["body"])
    assert found, mail["body"]
    return found[0]
