"""What a mail looks like on the wire, and webhooks' signatures as the published library checks
them.
"""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from services.notifier import mail
from services.notifier.courier import webhook
from services.notifier.courier.webhook import with_html
from services.notifier.courier.webhook_keys import secrets_of, sign_headers
from services.notifier.mail import BotSender, letter
from services.notifier.notices import HANDLERS, Notice, notices_for
from shared.channels.outcome import Accepted, Rejected, TryLater
from shared.signed.reply_address import is_made_for, ticket_in
from tests.support.examples import examples
from tests.unit.notifier_courier.test_cover_notices import COVER
from tests.unit.notifier_courier.test_notices import ASKED, HOUSE, TOLD, Known, kept
from tests.unit.notifier_courier.test_sign_in_notices import KNOWN, SIGN_IN
from tests.unit.notifier_courier.test_status_notices import NEWS, Crowd
from tests.unit.notifier_courier.test_try_out_notices import asked

SENDER = BotSender(
    "bot@signalbox.example",
    "Signalbox Support",
    "notifications.signalbox.example",
    "support@signalbox.example",
    b"a secret of sixteen",
)
RECEIVED: dict[str, Any] = {
    "subject": "Redis refuses",
    "priority": "high",
    "requested": "urgent",
    "reason": "urgent is for production apps",
    "pages": False,
    "ticket_id": "tkt_1",
    "ticket_url": "https://help.example/tickets/tkt_1",
    "to_name": "Ann",
    "at": "2026-03-03T10:00:00+00:00",
}


def parsed(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))  # type: ignore[arg-type]
    assert part is not None
    return str(part.get_content())


def test_a_confirmation() -> None:
    message = parsed(letter("ntc_1", "ann@example.com", "ticket-received", RECEIVED, SENDER))
    assert message["Subject"] == "Received: Redis refuses"
    assert message["From"] == "Signalbox Support <bot@signalbox.example>"
    assert message["To"] == "Ann <ann@example.com>"
    assert message["Message-ID"] == "<ntc_1@notifications.signalbox.example>"
    assert (
        message["References"] == message["In-Reply-To"] == "<tkt_1@notifications.signalbox.example>"
    )
    assert message["Auto-Submitted"] == "auto-replied"
    assert "urgent is for production apps" in text_of(message)
    assert "https://help.example/tickets/tkt_1" in text_of(message, "html")


@pytest.mark.parametrize("row", TOLD, ids=[row[0] for row in TOLD])
def test_every_mail_that_can_be_owed_can_be_written(row: Any) -> None:
    for notice in notices_for(row[1], Known(), HOUSE):
        if isinstance(notice, Notice) and notice.kind == "mail":
            raw = letter(notice.id, notice.to, notice.template, notice.body, SENDER)
            assert raw == letter(notice.id, notice.to, notice.template, notice.body, SENDER)
            message = parsed(raw)
            assert not message.defects
            assert message["Auto-Submitted"] in ("auto-replied", "auto-generated")
            assert notice.body.get("subject", "") in message["Subject"]


def test_every_template_is_owed_by_some_fact() -> None:
    owed = {
        n.template for row in TOLD for n in notices_for(row[1], Known(), HOUSE) if n.kind == "mail"
    }
    owed |= {
        n.template for row in NEWS for n in notices_for(row[1], Crowd(), HOUSE) if n.kind == "mail"
    }
    owed |= {
        n.template
        for fact, directory in (*SIGN_IN, (asked(kind="mail"), KNOWN), *COVER)
        for n in notices_for(fact, directory, HOUSE)
        if n.kind == "mail"
    }
    assert owed == {
        path.stem for path in Path(mail.__file__).parent.joinpath("templates").glob("*.j2")
    }
    assert {type(row[1]) for row in TOLD} >= {*HANDLERS["tickets"], *HANDLERS["mail"]}


@settings(max_examples=examples(40))
@given(subject=st.text(max_size=300), name=st.text(max_size=80), reason=st.text(max_size=300))
def test_no_text_of_a_customer_makes_a_header(subject: str, name: str, reason: str) -> None:
    body = {**RECEIVED, "subject": subject, "to_name": name, "reason": reason}
    message = parsed(letter("ntc_1", "ann@example.com", "ticket-received", body, SENDER))
    assert [header.lower() for header in message] == [
        "from",
        "to",
        "subject",
        "date",
        "message-id",
        "reply-to",
        "in-reply-to",
        "references",
        "auto-submitted",
        "x-auto-response-suppress",
        "x-loop",
        "x-signalbox-ticket",
        "mime-version",
        "content-type",
    ]
    assert message["To"].addresses[0].addr_spec == "ann@example.com"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_answers_go_to_an_address_that_is_this_persons_for_this_ticket() -> None:
    body = {**RECEIVED, "ticket_id": "tkt_" + "a" * 26}
    addresses = {
        to: parsed(letter("ntc_1", to, "ticket-received", body, SENDER))["Reply-To"]
        for to in ("ann@x.example", "ben@x.example")
    }
    ticket, seal = ticket_in(SENDER.support, addresses["ann@x.example"]) or ("", "")
    assert ticket == body["ticket_id"]
    assert is_made_for(SENDER.secret, ticket, seal, "Ann@x.example")
    assert not is_made_for(SENDER.secret, ticket, seal, "ben@x.example")
    assert not is_made_for(SENDER.secret, "tkt_" + "b" * 26, seal, "ann@x.example")
    assert len(addresses["ann@x.example"].partition("@")[0]) <= 64


def test_an_answer_that_is_about_no_ticket() -> None:
    (notice,) = notices_for(kept(), Known(), HOUSE)
    assert isinstance(notice, Notice)
    message = parsed(letter(notice.id, notice.to, notice.template, notice.body, SENDER))
    assert (message["Auto-Submitted"], message["Reply-To"]) == (
        "auto-replied",
        "support@signalbox.example",
    )
    assert message["References"] is None
    assert message["X-Signalbox-Ticket"] is None
    assert "You are not registered." in text_of(message)


def test_html_is_escaped() -> None:
    message = parsed(
        letter(
            "ntc_1",
            "ann@example.com",
            "ticket-received",
            {**RECEIVED, "subject": "<script>x</script>"},
            SENDER,
        )
    )
    assert "<script>" not in text_of(message, "html")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "ann@example.com\r\nBcc: eve@x.example",
        "a b@x.example",
        "<a@x.example>",
        "ä@a..b",
    ],
)
def test_a_bad_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError):
        letter("ntc_1", address, "ticket-received", RECEIVED, SENDER)


def test_a_receiver_can_verify_the_signature() -> None:
    secrets = secrets_of("redisco", None, b"the house's secret")
    body = orjson.dumps({"type": "ticket.assigned"})
    headers = sign_headers(secrets, "ntc_1", datetime.now(UTC), body)
    assert Webhook(secrets[0]).verify(body, headers) == {"type": "ticket.assigned"}
    assert secrets_of("mailgrid", None, b"the house's secret") != secrets
    assert secrets_of("redisco", {"webhook_secret": "whsec_b3du"}, b"x") == ("whsec_b3du",)


def test_while_two_secrets_are_live_a_receiver_verifies_with_either() -> None:
    both = secrets_of(
        "redisco",
        {"webhook_secret": "whsec_bmV3IG9uZQ==", "webhook_secret_previous": "whsec_b2xkIG9uZQ=="},
        b"x",
    )
    body = orjson.dumps({"type": "ticket.assigned"})
    headers = sign_headers(both, "ntc_1", datetime.now(UTC), body)
    assert len(both) == 2
    for secret in both:
        assert Webhook(secret).verify(body, headers) == {"type": "ticket.assigned"}
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_YW5vdGhlcg==").verify(body, headers)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, Accepted),
        (204, Accepted),
        (302, TryLater),
        (404, TryLater),
        (410, Rejected),
        (429, TryLater),
        (500, TryLater),
    ],
)
def test_what_a_status_means(status: int, kind: type) -> None:
    assert isinstance(webhook.verdict_on(status, ""), kind)


SAID = "Set **one** thing:\n\n```\nPOOL=5\n```\n<script>x</script> https://x.example/a"


@pytest.mark.parametrize(("via", "bold"), [("web", "<strong>one</strong>"), ("email", "**one**")])
def test_a_reply_is_written_as_it_is_shown(via: str, bold: str) -> None:
    reply = {
        "author": "a@x.example",
        "author_name": "Ann",
        "side": "staff",
        "body": SAID,
        "via": via,
    }
    body = {**RECEIVED, "reply": reply}
    message = parsed(letter("ntc_1", "ann@example.com", "reply-added", body, SENDER))
    page = text_of(message, "html")
    assert bold in page and "POOL=5</code></pre>" in page and "<script" not in page
    assert '<a href="https://x.example/a" rel="nofollow noopener noreferrer">' in page
    assert SAID in text_of(message).replace("\r\n", "\n")


def test_a_webhook_has_the_text_and_its_html() -> None:
    reply = {"body": "**now**", "via": "api"}
    ticket = {"id": "tkt_1", "body": "*as typed*"}
    payload = {"type": "ticket.replied", "data": {"ticket": ticket, "reply": reply, "reason": "r"}}
    data = with_html(payload)["data"]
    assert data["reply"] == {**reply, "body_html": '<p dir="auto"><strong>now</strong></p>\n'}
    assert data["ticket"]["body"] == "*as typed*" and "*as typed*" in data["ticket"]["body_html"]
    assert with_html({"type": "incident.opened", "data": {"title": "t"}}) == {
        "type": "incident.opened",
        "data": {"title": "t"},
    }
    assert with_html({"incident": {}}) == {"incident": {}}


@pytest.mark.parametrize("subject", ["Redis", ""])
def test_an_ask_to_take_part_has_two_links_and_names_the_subject_where_the_policy_lets_it(
    subject: str,
) -> None:
    fact = ASKED.model_copy(update={"subject": subject})
    (told,) = notices_for(fact, Known(), HOUSE)
    assert isinstance(told, Notice)
    message = parsed(letter(told.id, told.to, told.template, told.body, SENDER))
    text, html = text_of(message), text_of(message, "html")
    about = ": Redis" if subject else " in a support ticket"
    assert message["Subject"] == f"Ann asks you to take part{about}"
    assert ('"Redis"' in text) is bool(subject)
    link = HOUSE.take_part_url("tkt_1", "stranger@example.org", fact.expires_at)
    assert f"Take part: {link}" in text.split("\r\n")
    assert f"No thanks: {link}&answer=no" in text
    assert html.count("<a href=") == 2
    assert "answer this mail" not in text
