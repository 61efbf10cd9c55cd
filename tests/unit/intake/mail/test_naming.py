"""What a mail names: tickets, apps, priorities; and that nobody finds out by mail which apps there
are.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.mail.admission.case import MailIdentity
from services.intake.mail.admission.naming import (
    find_named_app,
    find_named_priority,
    messages_of_ours,
    notice_of,
    ticket_in_subject,
    tokens_in,
    words_for,
)
from services.intake.world.directory import App
from shared.signed.reply_address import reply_address, ticket_in

SUPPORT, OURS = "support@signalbox.example", "notifications.signalbox.example"
TICKET, NOTICE = "tkt_" + "a" * 26, "ntc_" + "b" * 26
ANN, BEN = "ann@example.com", "ben@example.com"
APPS = {
    "shop": App(name="shop", owner=ANN, stage="production"),
    "blog": App(name="blog", owner=BEN, stage="production", collaborators=(ANN,)),
    "secret": App(name="secret", owner=BEN, stage="production"),
}

NAMED = [
    ("", "It fails.", None),
    ("[shop] It fails", "", "shop"),
    ("Re: [SHOP] it fails", "", "shop"),
    ("[external] [blog] it fails", "", "blog"),
    ("[EXTERNAL] it fails", "", None),
    ("[H12] Request timeouts since noon", "", None),
    ("[PROD] database slow", "", None),
    ("[JIRA-123] it fails", "", None),
    ("[secret] it fails", "", None),
    ("[no-such-app] it fails", "", None),
    ("[secret] and [shop]", "", "shop"),
    ("it fails", "App: shop\n\nIt fails.", "shop"),
    ("it fails", "Hello,\n app: blog \nIt fails.", "blog"),
    ("it fails", "App: crashes since noon", None),
    ("it fails", "App: crashes\nApp: shop", "shop"),
    ("it fails", "Application: secret", None),
    ("[shop] it fails", "App: secret", "shop"),
    ("it fails", "\n" * 30 + "App: shop", None),
    ("it fails", "The app: it is slow", None),
    ("[two words] it fails", "", None),
]


@pytest.mark.parametrize(("subject", "text", "app"), NAMED)
def test_the_app(subject: str, text: str, app: str | None) -> None:
    found = find_named_app(subject, text, ANN, APPS.get)
    assert (found and found.name) == app


@given(st.text(max_size=60), st.text(max_size=200))
def test_words_never_name_an_app_the_sender_may_not_use(subject: str, text: str) -> None:
    """Nobody's words: with no app of theirs there is no app, whatever is written."""
    theirs = f"[secret] [{subject}] {subject}"
    assert find_named_app(theirs, f"App: secret\nApp: {text}\n{text}", ANN, APPS.get) in (
        None,
        APPS["shop"],
        APPS["blog"],
    )
    assert find_named_app(theirs, f"App: {text}", "nobody@example.com", APPS.get) is None


@pytest.mark.parametrize(
    ("subject", "ticket"),
    [
        (f"Still broken [{TICKET}]", TICKET),
        (f"re: {TICKET.upper()}", TICKET),
        (f"x{TICKET}", None),
        (f"{TICKET}a", None),
        ("[tkt_short]", None),
        ("", None),
    ],
)
def test_a_ticket_in_the_subject(subject: str, ticket: str | None) -> None:
    assert ticket_in_subject(subject) == ticket


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Priority: urgent\n\nDown", "urgent"),
        ("priority : HIGH", "high"),
        ("Priority: *urgent*", "urgent"),
        ("Priority: what\nPriority: low", "low"),
        ("Priority: whatever", None),
        ("It is urgent", None),
        ("", None),
    ],
)
def test_the_priority(text: str, wanted: str | None) -> None:
    assert find_named_priority(text) == wanted


def test_reply_addresses_among_others() -> None:
    address = reply_address(b"a secret of sixteen", SUPPORT, TICKET, ANN)
    given = [
        SUPPORT,
        "friend@elsewhere.example",
        address.upper(),
        f"support+{TICKET}@signalbox.example",
        "support+x.y@signalbox.example",
    ]
    (thread,) = tokens_in(given, SUPPORT)
    assert (thread.ticket_id, len(thread.seal)) == (TICKET, 20)
    assert ticket_in(SUPPORT, address.replace("@signalbox", "@evil")) is None
    assert ticket_in(SUPPORT, f"other{address}") is None


def test_our_messages_among_others_the_latest_first() -> None:
    given = [
        "<x@client.example>",
        f"<{TICKET}@{OURS}>",
        f"<{NOTICE}@evil.example>",
        f"<{NOTICE}@{OURS.upper()}>",
        f"<tkt_no@{OURS}>",
    ]
    assert messages_of_ours(given, OURS) == ([TICKET], [NOTICE])
    assert notice_of(f"<{NOTICE}@{OURS}>", OURS) == NOTICE
    assert notice_of(f"<{TICKET}@{OURS}>", OURS) is None
    assert notice_of(None, OURS) is None


def test_a_ticket_always_has_a_subject_and_a_body() -> None:
    assert words_for(" \n ", "  ", 200, 100) == (
        "(no subject)",
        "(The mail has no text of its own.)",
    )
    subject, body = words_for("a\r\nb" + "x" * 300, "y" * 200, 200, 100)
    assert (len(subject), subject[:3], len(body), body[-1]) == (200, "a b", 100, "…")


def test_mail_is_taken_for_our_few_addresses_only() -> None:
    names = MailIdentity(SUPPORT, frozenset({SUPPORT, f"bot@{OURS}"}), OURS)
    taken = [
        SUPPORT,
        "Support@SIGNALBOX.example",
        f"support+{TICKET}.x@signalbox.example",
        f"bot@{OURS}",
        "postmaster@signalbox.example",
    ]
    assert all(map(names.takes, taken))
    refused = [
        "agent@signalbox.example",
        "supportx@signalbox.example",
        "support@evil.example",
        "support",
        "",
        "@signalbox.example",
    ]
    assert not any(map(names.takes, refused))
