"""An answer to a page by mail: the address, the Message-ID, whose mailbox, and the word in the
first line.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest

from services.intake.contacts.phone import SentPage
from services.intake.mail.admission.case import MailContext, MailIdentity
from services.intake.mail.admission.page_answers import (
    PageNamed,
    page_tokens_in,
    pages_of_ours,
    people_at,
    read_action,
)
from services.intake.mail.reading.models import Address, Authentication, Envelope, MailContent
from services.intake.mail.tallies import SenderUsageCounter
from services.portal.projector.mail import project_mail
from shared.channels import email
from shared.channels.line import ChannelContext
from shared.channels.outcome import PageMessage
from shared.events import MailReceived, MailThreaded
from shared.ids import dedup_key, page_id
from shared.policy import OnCallPolicy
from shared.signed.reply_address import is_page_made_for, page_in, page_reply_address, ticket_in
from tests.unit.notifier.lane_words import method, person, policy
from tests.unit.notifier.test_channels import NOW, SUMMONS, line_to

SECRET, SUPPORT = b"a secret of the tests", "support@signalbox.example"
PAGE = page_id("inc_" + "a" * 26 + "-ops", "obl_1")
OTHER = page_id("lane_" + "b" * 26, "obl_2")
MAILBOX = "prima@phones.example"


def rota() -> OnCallPolicy:
    mine = {**method("mail", "email"), "address": MAILBOX}
    hers = {**method("mail", "email", verified=False), "address": "second@phones.example"}
    return policy(
        people={"primary": person("primary", mine), "secondary": person("secondary", hers)}
    )


ADDRESS = page_reply_address(SECRET, SUPPORT, PAGE, "primary")


def paged() -> EmailMessage:
    """The mail that a page is."""
    line: ChannelContext = replace(line_to(None), answers_to=SUPPORT)  # type: ignore[arg-type]
    summons: PageMessage = replace(
        SUMMONS, page_id=PAGE, key=dedup_key(PAGE, 2, 1), dedup_key=dedup_key(PAGE, 2, 1)
    )
    return email.message_for(line, MAILBOX, summons)


def test_the_mail_says_where_and_how_it_is_answered() -> None:
    mail = paged()
    assert mail["Reply-To"] == ADDRESS
    assert "Answering this mail acknowledges" in mail.get_content()
    assert len(ADDRESS.partition("@")[0]) <= 64, "RFC 5321"
    assert page_in(SUPPORT, ADDRESS.upper()) is not None and ticket_in(SUPPORT, ADDRESS) is None
    plain = email.message_for(line_to(None), MAILBOX, SUMMONS)  # type: ignore[arg-type]
    assert plain["Reply-To"] is None and "Answering" not in plain.get_content()


def test_the_address_is_made_for_one_page_and_one_person() -> None:
    ((owed, seal),) = page_tokens_in(["x@y.example", ADDRESS], SUPPORT)
    assert PAGE.endswith(owed) and is_page_made_for(SECRET, owed, seal, "primary")
    assert not is_page_made_for(SECRET, owed, seal, "secondary")
    assert not is_page_made_for(SECRET, OTHER.rpartition(".")[2], seal, "primary")
    assert not is_page_made_for(b"another secret", owed, seal, "primary")


def test_our_message_ids_name_the_whole_page() -> None:
    ours = paged()["Message-ID"]
    assert pages_of_ours([ours], "signalbox.example") == [PAGE]
    assert pages_of_ours(
        [f"<{dedup_key(OTHER, 1)}@signalbox.example>", ours], "signalbox.example"
    ) == [PAGE, OTHER]
    stood_down = f"<{dedup_key(PAGE, 1)}.stand-down@signalbox.example>"
    assert (
        pages_of_ours(
            [ours.replace("signalbox", "elsewhere"), stood_down, "<x@signalbox.example>", ""],
            "signalbox.example",
        )
        == []
    )


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        ("", "acknowledge"),
        ("ack", "acknowledge"),
        ("On it, give me five minutes.", "acknowledge"),
        ("RESOLVE", "resolve"),
        ("\n\n  Fixed!\n\n-- \nPrimo", "resolve"),
        ("Escalate.", "escalate"),
        ("Not me", "escalate"),
        ("No problem, I am on it", "acknowledge"),
        ("Next I look at the database", "acknowledge"),
        ("> resolve", "acknowledge"),
        ("ack\nresolve", "acknowledge"),
    ],
)
def test_a_word_alone_in_the_first_line_asks_for_something_else(reply: str, wanted: str) -> None:
    assert read_action(reply) == wanted


def test_whose_mailbox_it_is() -> None:
    assert people_at(rota(), MAILBOX.upper()) == ["primary"]
    assert people_at(rota(), "primary@example.com") == ["primary"], "their account's own"
    assert people_at(rota(), "second@phones.example") == [], "not verified"
    assert people_at(None, MAILBOX) == []


class Known:
    """The reference data at hand."""

    directory = type(
        "Directory",
        (),
        {"app": staticmethod(lambda name: None), "provider": staticmethod(lambda slug: None)},
    )()

    def on_call(self) -> OnCallPolicy:
        return rota()

    def get(self, kind: str, doc_id: str) -> None:
        return None


class View:
    """The view of pages, as far as it has come."""

    def __init__(self, *pages: str) -> None:
        self._pages, self.asked = pages, list[Any]()

    async def ticket(self, ticket_id: str) -> None:
        return None

    async def list_waiting_pages(self, names: Any) -> list[SentPage]:
        self.asked.append(sorted(names))
        return [SentPage(page, "Down") for page in self._pages]


async def named(
    *, sender: str = MAILBOX, to: str = ADDRESS, reply_to: str = "", view: View | None = None
) -> PageNamed | None:
    view = view or View()
    names = MailIdentity(
        SUPPORT,
        frozenset(),
        "notifications.signalbox.example",
        "bot@x.example",
        "signalbox.example",
    )
    reference: Any = Known()
    cases = MailContext(reference, dict, view, None, SECRET, names, SenderUsageCounter(), view)
    reading = MailContent(
        sender=Address(address=sender),
        to=(Address(address=to),),
        in_reply_to=(reply_to,) if reply_to else (),
        digest="a" * 64,
        size=9,
    )
    case, _ = await cases.of(
        reading, Envelope(mail_from=sender, received_at=NOW), Authentication(), NOW
    )
    return case.page


async def test_with_our_message_id_nobody_is_asked() -> None:
    view = View(OTHER)
    found = await named(reply_to=paged()["Message-ID"], view=view)
    assert found == PageNamed(PAGE, "primary", "primary@example.com", by_token=True, genuine=True)
    assert view.asked == [], "a page is acknowledged with the view away"


async def test_without_it_the_page_is_among_those_that_wait_for_the_sender() -> None:
    view = View(OTHER, PAGE)
    found = await named(view=view)
    assert found is not None and found.page == PAGE and view.asked == [["primary"]]
    nothing = await named(view=View(OTHER))
    assert nothing is not None and nothing.page == "" and nothing.genuine


async def test_an_address_counts_for_its_own_page_whatever_else_the_mail_refers_to() -> None:
    found = await named(reply_to=f"<{dedup_key(OTHER, 1)}@signalbox.example>", view=View(PAGE))
    assert found is not None and found.page == PAGE


@pytest.mark.parametrize(
    "sender", ["secondary@example.com", "second@phones.example", "stranger@elsewhere.example"]
)
async def test_it_is_no_good_to_anybody_else(sender: str) -> None:
    found = await named(sender=sender, reply_to=paged()["Message-ID"])
    assert found is not None and not found.genuine and found.by_token
    assert found.person == ("secondary" if sender == "secondary@example.com" else "")


async def test_by_reference_alone_the_domain_has_to_vouch() -> None:
    found = await named(to="pager@signalbox.example", reply_to=paged()["Message-ID"])
    assert found == PageNamed(PAGE, "primary", "primary@example.com", by_token=False, genuine=False)
    assert await named(to="pager@signalbox.example") is None


def test_the_view_says_which_page_a_mail_answered() -> None:
    about: dict[str, Any] = {
        "key": "a" * 64,
        "at": datetime(2026, 3, 3, tzinfo=UTC),
        "delivery": "d1",
    }
    docs: dict[Any, Any] = {}
    for fact in (
        MailReceived(id="f1", **about, blob="a" * 64, size=9, sender=MAILBOX),
        MailThreaded(id="f2", **about, ticket_id="", page=PAGE, request_id="req_1", sender=MAILBOX),
    ):
        docs |= project_mail(docs, fact, 0)
    mail = docs["mail", "a" * 64]
    assert (mail["state"], mail["page_id"], mail["ticket_id"]) == ("threaded", PAGE, None)
