"""What is typed into the search box: operators, what cannot be read, and who finds what."""

from __future__ import annotations

from typing import Any

import pytest

from services.portal.desk.listing import by_id
from services.portal.projector.files import HAS_FILE, find_wanted_files, with_files
from services.portal.projector.index_words import SearchTerm, terms_of
from services.portal.projector.tickets import project
from services.portal.search.pages import row
from services.portal.search.query import Query, read_query, variants, where_of
from services.portal.search.snippets import mark_terms, score, snippet
from services.portal.search.spoken_ids import ALPHABET, read_spelled_id, spell_id
from tests.support.facts import Ticket
from tests.unit.portal.test_tokens import AGENT, MAILGRID, REDISCO, REQUESTER, STRANGER, finds


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", Query()),
        ("  pool leak ", Query("pool leak")),
        ("pool from:rae@example.com", Query("pool", (("from", "rae@example.com"),))),
        ('from:"Rae Smith" x', Query("x", (("from", "Rae Smith"),))),
        ("STATUS:solved", Query("", (("status", "solved"),))),
        ("at 12:30 http://x.example", Query("at 12:30 http://x.example")),
        (
            "before:2026-11-30 has:attachment",
            Query("", (("before", "2026-11-30"), ("has", "attachment"))),
        ),
        ('"two words"', Query("two words")),
    ],
)
def test_queries(text: str, query: Query) -> None:
    assert read_query(text) == query


@pytest.mark.parametrize(
    "text", ["status:gone", "priority:top", "before:yesterday", "has:fun", 'app:""']
)
def test_what_cannot_be_read_is_said(text: str) -> None:
    query = read_query(text)
    assert len(query.wrong) == 1 and query.is_empty


def ticket(**opened: Any) -> dict[str, Any]:
    made = Ticket("searched")
    doc: dict[str, Any] | None = None
    for fact in [
        *made.opened("Connection pool", body="Störung seit heute", **opened),
        *made.replied("flibbertigibbet", "agent@example.com", "staff"),
        *made.noted("flapdoodle"),
    ]:
        doc = project(doc, fact)
    assert doc is not None
    return doc


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("pool", True),
        ("storung FLIBBERTI", True),
        ("pool from:rae@example.com", True),
        ("from:rae", True),
        ("from:kim", False),
        ("app:shop", True),
        ("app:shopping", False),
        ("status:pending", True),
        ("status:live", True),
        ("status:done", False),
        ("priority:normal", True),
        ("before:2026-03-04", True),
        ("before:2026-03-03", False),
        ("before:20260304", True),
        ("before:20260303", False),
        ("after:2026-03-03", True),
        ("after:2026-03-04", False),
        ("tag:billing", True),
        ("tag:other", False),
        ("has:attachment", False),
        ("flapdoodle", True),
    ],
)
def test_operators(text: str, found: bool) -> None:
    doc = {**ticket(), "tags": ["billing"]}
    assert finds(where_of(AGENT, read_query(text)), doc) is found


def test_each_role_finds_what_it_may_read() -> None:
    doc = ticket(queue="provider:redisco")
    for text, readers in (
        ("pool", (AGENT, REQUESTER, REDISCO)),
        ("flapdoodle", (AGENT,)),
        ("status:pending", (AGENT, REQUESTER, REDISCO)),
    ):
        for actor in (AGENT, REQUESTER, REDISCO, MAILGRID, STRANGER):
            assert finds(where_of(actor, read_query(text)), doc) is (actor in readers), (
                text,
                actor,
            )


def test_a_tag_is_found_in_any_writing_and_by_staff_alone() -> None:
    doc = {**ticket(queue="provider:redisco"), "tags": ["needs-info"]}
    assert finds(where_of(AGENT, read_query('tag:"Needs Info"')), doc)
    for actor in (REQUESTER, REDISCO, STRANGER):
        assert not finds(where_of(actor, read_query("tag:needs-info")), doc), actor


def test_a_file_is_found_by_its_name_by_whoever_may_read_where_it_is() -> None:
    made = Ticket("files")
    (opened, *_) = made.opened(queue="provider:redisco")
    (reply,) = made.replied("see", "agent@example.com", "staff")
    (note,) = made.noted("see")
    reply = reply.model_copy(update={"attachments": ("att_1",)})
    note = note.model_copy(update={"attachments": ("att_2",)})
    doc = project(None, opened)
    assert doc is not None
    names = {"att_1": "pgbouncer.ini"}
    for fact in (reply, note):
        doc = with_files(doc, fact, names)
    assert doc["unnamed"] == [{"id": "att_2", "for": "staff"}]
    assert find_wanted_files([reply], [doc]) == ({"att_1"}, {"att_2"})
    doc = with_files(doc, opened, {"att_2": "secretplan.pdf"})
    assert doc["unnamed"] == []
    staff, everybody = read_query("secretplan"), read_query("pgbouncer has:attachment")
    assert finds(where_of(AGENT, staff), doc) and finds(where_of(AGENT, everybody), doc)
    assert not finds(where_of(REQUESTER, staff), doc) and finds(where_of(REQUESTER, everybody), doc)
    assert with_files(doc, opened, {}) is not doc or "unnamed" in doc


def test_that_there_is_a_note_with_a_file_is_for_staff() -> None:
    made = Ticket("note")
    doc = project(None, made.opened()[0])
    (note,) = made.noted("see")
    assert doc is not None
    doc = with_files(doc, note.model_copy(update={"attachments": ("att_2",)}), {})
    has = read_query("has:attachment")
    assert finds(where_of(AGENT, has), doc) and not finds(where_of(REQUESTER, has), doc)
    assert HAS_FILE not in doc["words"]


def test_a_document_without_files_is_as_it_was() -> None:
    made = Ticket("none")
    opened = made.opened()[0]
    doc = project(None, opened)
    assert doc is not None and with_files(doc, opened, {}) is doc


@pytest.mark.parametrize(
    ("text", "words", "parts"),
    [
        ("The pool is full", "pool", [("The ", False), ("pool", True), (" is full", False)]),
        ("Störung hier", "storung", [("Störung", True), (" hier", False)]),
        ("carpool", "pool", [("carpool", False)]),
        ("服务器无法访问", "无法", [("服务器", False), ("无法", True), ("访问", False)]),
        ("服务器无法访问", "无法访", [("服务器", False), ("无法访", True), ("问", False)]),
        ("ﬁle <b>", "file", [("ﬁle", True), (" <b>", False)]),
        ("", "x", []),
    ],
)
def test_what_was_found_is_marked(text: str, words: str, parts: list[Any]) -> None:
    assert mark_terms(text, terms_of(words)) == parts


def test_a_snippet_is_one_short_line() -> None:
    parts = snippet(
        "lf word\n\nneedle " + "and more words " * 60, True, [SearchTerm("needle", True)]
    )
    line = "".join(text for text, _ in parts)
    assert line.startswith("…word needle") and line.endswith(" …") and len(line) < 250
    assert ("needle", True) in parts


def test_a_word_in_the_subject_counts_most() -> None:
    terms = terms_of("pool")
    one, other = (
        {"subject": "Pool", "status": "open"},
        {"subject": "Other", "app": "pool", "status": "open"},
    )
    assert score(one, mark_terms("Pool", terms), terms) > score(
        other, mark_terms("Other", terms), terms
    )


def test_ids_are_spelled_and_heard() -> None:
    for name in ("tkt_kknkttaa" + "b" * 18, "tkt_x2a3zz77" + "b" * 18):
        said = spell_id(name)
        assert len(said.split()) == 8
        for text in (said, said.upper(), said.replace(" ", ", "), " ".join(name[4:12])):
            assert read_spelled_id(text) == name[4:12]
            assert by_id(AGENT, read_spelled_id(text)) is not None
    assert read_spelled_id("please help me with the pool of my app now") is None
    assert read_spelled_id("kilo kilo") is None
    assert set(map(read_spelled_id, [" ".join(ALPHABET[letter] for letter in ALPHABET)])) == {
        "".join(ALPHABET)
    }


def test_typing_errors() -> None:
    for typed in ("flibertigibbet", "flibbertigibbett", "flibbertigibbte", "flibbertigibbot"):
        assert "flibbertigibbet" in variants(typed)
    assert "pool" not in variants("pool") and len(variants("x" * 40)) < 3_000


def test_a_table_holds_no_formula() -> None:
    assert row(("=cmd|' /C calc'!A0", "a,b", None, 3)) == "'=cmd|' /C calc'!A0,\"a,b\",,3\r\n"
