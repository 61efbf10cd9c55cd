"""What a mail names: tickets, apps, priorities; and that nobody finds out by mail which apps there are."""

from __future__ import annotations

import pytest

from services.intake.directory import App
from services.intake.mail.case import Names
from services.intake.mail.naming import app_named, messages_of_ours, notice_of, priority_named, tokens_in, words_for
from shared.reply_address import reply_address, ticket_in

SUPPORT, OURS = "support@signalbox.example", "notifications.signalbox.example"
TICKET, NOTICE = "tkt_" + "a" * 26, "ntc_" + "b" * 26
ANN, BEN = "ann@example.com", "ben@example.com"
APPS = {
    "shop": App(name="shop", owner=ANN, stage="production"),
    "blog": App(name="blog", owner=BEN, stage="production", collaborators=(ANN,)),
    "secret": App(name="secret", owner=BEN, stage="production"),
}

NAMED = [
    ("", "It fails.", None, False),
    ("[shop] It fails", "", "shop", False),
    ("Re: [SHOP] it fails", "", "shop", False),
    ("[external] [blog] it fails", "", "blog", False),
    ("[EXTERNAL] it fails", "", None, False),
    ("[secret] it fails", "", None, True),
    ("[no-such-app] it fails", "", None, True),
    ("[secret] and [shop]", "", "shop", False),
    ("it fails", "App: shop\n\nIt fails.", "shop", False),
    ("it fails", "Hello,\n app: blog \nIt fails.", "blog", False),
    ("it fails", "Application: secret", None, True),
    ("[shop] it fails", "App: secret", None, True),
    ("it fails", "\n" * 30 + "App: secret", None, False),
    ("it fails", "The app: it is slow", None, False),
    ("[two words] it fails", "", None, False),
]


@pytest.mark.parametrize(("subject", "text", "app", "refused"), NAMED)
def test_the_app(subject: str, text: str, app: str | None, refused: bool) -> None:
    found = app_named(subject, text, ANN, APPS.get)
    assert ((found.app.name if found.app else None), found.refused) == (app, refused)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("Priority: urgent\n\nDown", "urgent"), ("priority : HIGH", "high"), ("Priority: whatever", None), ("It is urgent", None), ("", None)],
)
def test_the_priority(text: str, wanted: str | None) -> None:
    assert priority_named(text) == wanted


def test_reply_addresses_among_others() -> None:
    address = reply_address(b"a secret of sixteen", SUPPORT, TICKET, ANN)
    given = [SUPPORT, "friend@elsewhere.example", address.upper(), f"support+{TICKET}@signalbox.example", "support+x.y@signalbox.example"]
    (thread,) = tokens_in(given, SUPPORT)
    assert (thread.ticket_id, len(thread.seal)) == (TICKET, 20)
    assert ticket_in(SUPPORT, address.replace("@signalbox", "@evil")) is None
    assert ticket_in(SUPPORT, f"other{address}") is None


def test_our_messages_among_others_the_latest_first() -> None:
    given = ["<x@client.example>", f"<{TICKET}@{OURS}>", f"<{NOTICE}@evil.example>", f"<{NOTICE}@{OURS.upper()}>", f"<tkt_no@{OURS}>"]
    assert messages_of_ours(given, OURS) == ([TICKET], [NOTICE])
    assert notice_of(f"<{NOTICE}@{OURS}>", OURS) == NOTICE
    assert notice_of(f"<{TICKET}@{OURS}>", OURS) is None
    assert notice_of(None, OURS) is None


def test_a_ticket_always_has_a_subject_and_a_body() -> None:
    assert words_for(" \n ", "  ", 200, 100) == ("(no subject)", "(The mail has no text of its own.)")
    subject, body = words_for("a\r\nb" + "x" * 300, "y" * 200, 200, 100)
    assert (len(subject), subject[:3], len(body), body[-1]) == (200, "a b", 100, "…")


def test_mail_is_taken_for_our_few_addresses_only() -> None:
    names = Names(SUPPORT, frozenset({SUPPORT, f"bot@{OURS}"}), OURS)
    taken = [SUPPORT, "Support@SIGNALBOX.example", f"support+{TICKET}.x@signalbox.example", f"bot@{OURS}", "postmaster@signalbox.example"]
    assert all(map(names.takes, taken))
    refused = ["agent@signalbox.example", "supportx@signalbox.example", "support@evil.example", "support", "", "@signalbox.example"]
    assert not any(map(names.takes, refused))
