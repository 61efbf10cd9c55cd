"""Search: every word of a ticket finds it, in any script, for whoever may read it and nobody else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.portal.desk.listing import ListQuery, by_id, filter_for
from services.portal.projector.index_words import (
    LONGEST,
    MOST_OF_ONE,
    MOST_WORDS,
    fold_text,
    terms_of,
    with_words,
    words_in,
)
from services.portal.projector.tickets import project
from shared.events import Actor, Audience, Role
from tests.support.facts import Ticket

AGENT = Actor(email="agent@example.com", roles=(Role.AGENT,))
REQUESTER = Actor(email="rae@example.com")
STRANGER = Actor(email="stranger@example.com")
REDISCO = Actor(email="r@redisco.example", roles=(Role.PROVIDER,), provider="redisco")
MAILGRID = Actor(email="m@mailgrid.example", roles=(Role.PROVIDER,), provider="mailgrid")


def finds(where: Any, doc: dict[str, Any]) -> bool:
    """As MongoDB reads the operators of a search."""
    for name, wanted in where.items():
        if name in ("$and", "$or"):
            fits = (all if name == "$and" else any)(finds(one, doc) for one in wanted)
        elif isinstance(wanted, dict):
            fits = all(_operator(operator, doc[name], value) for operator, value in wanted.items())
        else:
            fits = wanted in doc[name] if isinstance(doc[name], list) else doc[name] == wanted
        if not fits:
            return False
    return True


def _operator(operator: str, value: Any, wanted: Any) -> bool:
    several = value if isinstance(value, list) else [value]
    match operator:
        case "$in":
            return any(each in wanted for each in several)
        case "$regex":
            return any(re.search(wanted, each) for each in several)
        case "$options":
            return True
        case "$gt":
            return bool(value > wanted)
        case "$gte":
            return bool(value >= wanted)
        case "$lt":
            return bool(value < wanted)
    raise AssertionError(operator)


def ticket(*replies: tuple[str, Audience], **opened: Any) -> dict[str, Any]:
    """One that Redisco has, with what was said on it."""
    made = Ticket("one")
    facts = [*made.opened(queue="provider:redisco", **opened), *made.assigned("redisco")]
    for text, audience in replies:
        facts += made.replied(text, "agent@example.com", "staff", audience)
    doc: dict[str, Any] | None = None
    for fact in facts:
        doc = project(doc, fact)
    assert doc is not None
    return doc


def is_found(doc: dict[str, Any], q: str, actor: Actor = AGENT) -> bool:
    return finds(filter_for(actor, ListQuery(q=q)), doc)


LATE = " ".join(f"w{n}" for n in range(120)) + " needlelast"
CASES: list[tuple[str, str, dict[str, Any], tuple[tuple[str, Audience], ...]]] = [
    ("pairs of Han", "故障", {"subject": "服务器故障"}, ()),
    ("a run of Han", "无法访问", {"body": "服务器从今天早上开始无法访问"}, ()),
    ("one Han character", "障", {"subject": "服务器故障"}, ()),
    ("katakana", "サーバー", {"body": "昨日からサーバーが止まりました"}, ()),
    ("half-width katakana", "サーバー", {"body": "ｻｰﾊﾞｰが止まりました"}, ()),
    ("Thai", "ล่ม", {"body": "เซิร์ฟเวอร์ล่มตั้งแต่เช้า"}, ()),
    ("Korean without its particle", "서버", {"body": "서버가 응답하지 않습니다"}, ()),
    (
        "a reply",
        "flibbertigibbet",
        {"body": "Our database answers ECONNREFUSED"},
        (("Please check the flibbertigibbet setting", Audience.EVERYONE),),
    ),
    ("a late word", "needlelast", {"subject": "HTTPS webhook", "body": LATE}, ()),
    ("no accents", "Storung", {"subject": "Störung im Büro"}, ()),
    ("accents where there are none", "Störung", {"subject": "Storung"}, ()),
    ("accents in two parts", "café", {"body": "the cafe\u0301 app"}, ()),
    ("sharp s", "strasse", {"body": "Straße"}, ()),
    ("a stroke", "Lodz", {"body": "the shop in Łódź"}, ()),
    ("Greek", "διακοπη", {"body": "διακοπή"}, ()),
    ("Hindi", "सर्वर", {"body": "हमारा सर्वर बंद है"}, ()),
    ("Arabic without its vowels", "خادم", {"body": "خَادِم"}, ()),
    ("full-width letters", "redis", {"body": "Ｒｅｄｉｓ is slow"}, ()),
    ("an error code", "H12", {"body": "code=H12 desc=timeout"}, ()),
    ("a class", "PG::ConnectionBad", {"body": "raise PG::ConnectionBad (FATAL)"}, ()),
    ("an address", "10.0.0.7", {"body": "from 10.0.0.7:443"}, ()),
    ("a request id", "req_a1b2c3", {"body": "request_id=req_a1b2c3d4"}, ()),
    ("half a word", "econnre", {"body": "Our database answers ECONNREFUSED"}, ()),
    ("one letter", "Q", {"body": "an app in Q"}, ()),
    ("two words", "checkout timeout", {"subject": "Timeout", "body": "in the checkout"}, ()),
    ("the app", "shop", {}, ()),
    ("who asked", "rae@example.com", {}, ()),
]


@pytest.mark.parametrize(("q", "opened", "replies"), [case[1:] for case in CASES])
def test_each_search_finds_its_ticket(
    q: str, opened: dict[str, Any], replies: tuple[tuple[str, Audience], ...]
) -> None:
    assert is_found(ticket(*replies, **opened), q)
    other = ticket(subject="Other", body="Nothing of it.", app="other")
    assert not is_found(other, q) or q == other["requester"]


def test_all_words_must_be_found_and_only_the_last_may_be_begun() -> None:
    doc = ticket(subject="Timeout", body="in the checkout")
    assert is_found(doc, "timeout check")
    assert not is_found(doc, "check timeout")
    assert not is_found(doc, "timeout basket")


WHO = {
    "agent": (AGENT, {"public", "shared", "secret"}),
    "requester": (REQUESTER, {"public"}),
    "provider": (REDISCO, {"public", "shared"}),
    "another provider": (MAILGRID, set()),
    "stranger": (STRANGER, set()),
}


@pytest.mark.parametrize("name", WHO)
@pytest.mark.parametrize("cut", [0, 3])
def test_words_are_found_by_whoever_may_read_them(name: str, cut: int) -> None:
    doc = ticket(
        ("the public word", Audience.EVERYONE),
        ("the shared word", Audience.PROVIDER),
        ("the secret word", Audience.STAFF),
    )
    actor, wanted = WHO[name]
    words = ("public", "shared", "secret")
    assert {word for word in words if is_found(doc, word[: len(word) - cut], actor)} == wanted


def test_a_note_is_staffs_alone_and_a_word_said_to_all_later_is_for_all() -> None:
    made = Ticket("one")
    facts = [*made.opened(), *made.noted("Smells like flapdoodle.")]
    doc: dict[str, Any] | None = None
    for fact in facts:
        doc = project(doc, fact)
    assert doc and is_found(doc, "flapdoodle") and not is_found(doc, "flapdoodle", REQUESTER)
    (reply,) = made.replied("It was the flapdoodle.", "agent@example.com", "staff")
    doc = project(doc, reply)
    assert doc and is_found(doc, "flapdoodle", REQUESTER)


def test_what_solved_it_is_found() -> None:
    made = Ticket("one")
    doc: dict[str, Any] | None = None
    for fact in [*made.opened(), *made.solved()]:
        doc = project(doc, fact)
        solved = fact
    assert doc and is_found(doc, next(iter(words_in(solved.resolution))))


PLAIN_TEXT = st.text(
    st.characters(exclude_characters="\x1b\x9b", exclude_categories=["Cs"]), max_size=100
)
"""Without colour codes, which are read through: what they are made of is no word."""


@given(PLAIN_TEXT, PLAIN_TEXT, st.data())
def test_every_word_of_subject_body_and_replies_finds_the_ticket(
    body: str, reply: str, data: st.DataObject
) -> None:
    doc = ticket((reply, Audience.EVERYONE), body=body)
    words = [word for word in f"{body} {reply}".split() if terms_of(word)]
    assume(words)
    assert is_found(doc, data.draw(st.sampled_from(words)), REQUESTER)


UNSPACED = st.text(
    st.sampled_from("服务器故障从今天サーバーがเซิร์ฟล่ม서버가"), min_size=1, max_size=30
)


@given(UNSPACED, st.data())
def test_every_part_of_a_text_without_blanks_finds_it(text: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(text) - 1))
    part = text[begin : data.draw(st.integers(begin + 1, len(text)))]
    assume(terms_of(part))
    assert is_found(ticket(body=f"x {text} y"), part) or not _is_whole(text, part)


def _is_whole(text: str, part: str) -> bool:
    """A part that cuts a letter from its marks is another letter."""
    return fold_text(part) in fold_text(text)


@given(PLAIN_TEXT)
def test_folding_twice_changes_nothing(text: str) -> None:
    assert list(words_in(fold_text(text))) == list(words_in(text))


def test_entries_are_bounded_and_no_word_holds_the_mark() -> None:
    log = " ".join(f"id{n}" for n in range(3 * MOST_WORDS))
    kept = with_words((), (log,), Audience.EVERYONE)
    assert len(kept) == MOST_OF_ONE
    kept = with_words(kept, ("later",), Audience.EVERYONE)
    assert kept[-1] == "later"
    kept = with_words(kept, (log[len(log) // 2 :],), Audience.EVERYONE)
    assert len(kept) == MOST_WORDS
    assert with_words(kept, ("one more",), Audience.STAFF) == kept
    assert max(map(len, words_in("x" * 10_000))) == LONGEST
    assert len(list(words_in("x" * 10_000))) == 3
    assert not any("~" in word for word in words_in("a~s b~p ~"))
    assert not is_found(ticket(("hush", Audience.STAFF)), "hush~s", REQUESTER)


@pytest.mark.parametrize(
    ("q", "is_one"),
    [
        ("tkt_ahipvqnytucyvnatuihuhom2n7", True),
        ("#ahipvqny", True),
        (" TKT_AHIPVQNY ", True),
        ("ahip", False),
        ("tkt_ahipvqny0", False),
        ("two words", False),
        ("", False),
        (None, False),
    ],
)
def test_what_names_a_ticket(q: str | None, is_one: bool) -> None:
    assert (by_id(AGENT, q) is not None) is is_one
    if is_one:
        assert {"people": "stranger@example.com"} in (by_id(STRANGER, q) or {})["$and"]
