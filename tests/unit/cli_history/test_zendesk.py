"""A Zendesk export, in every shape it comes in, loses nothing: the sums add up, and what is not as
it was is said with its file and record.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.history.report import TAKEN_AS_BODY
from cli.history.tickets import BODY_BYTES, MappedTickets, parts_of
from cli.history.zendesk import read
from services.intake.forms import fill
from services.intake.tickets.imports import ImportForm
from tests.support.examples import examples
from tests.support.zendesk import TICKETS, USERS, write_export

CASE = Path(__file__).parent / "case-12"
FORMER = "user-6@zendesk.invalid"
DELETED = "user-3@zendesk.invalid"


def bodies(mapped: MappedTickets) -> dict[str, dict[str, Any]]:
    return {made.ticket.id: made.body for made in mapped.bodies}


def said(body: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """(words, author, whether staff) of everything on the ticket, the first message first."""
    comments = [(c["body"], c["author"], c["author_is_staff"]) for c in body["comments"]]
    return [(body["body"], body["requester"], False), *comments]


def is_sound(mapped: MappedTickets) -> None:
    """The sums add up as if everything was sent, and the server would take every body."""
    report = mapped.report
    report.tickets.imported = len(mapped.bodies)
    assert report.tickets.adds_up, report.tickets
    assert report.comments.adds_up, report.comments
    assert report.comments.imported == sum(made.comments for made in mapped.bodies)
    for made in mapped.bodies:
        assert made.body["requester"] in mapped.accounts
        for part in parts_of(made.body):
            assert fill(ImportForm, part).source == "zendesk"
    for problem in report.problems:
        assert problem.file
        assert problem.words


def test_case_12_of_mail() -> None:
    mapped = read(CASE, "free", {})
    is_sound(mapped)
    found = bodies(mapped)
    pedro, ada = "premium@example.com", "ada@olddesk.example"
    assert said(found["101"]) == [
        ("Description of 101", pedro, False),
        ("Answer by a former agent", FORMER, True),
        ("Thanks", pedro, False),
    ]
    assert found["101"]["comments"][0]["author_name"] == "Former Agent"
    assert said(found["103"]) == [("Description of 103", DELETED, False)]
    assert mapped.accounts[DELETED]["name"] == "Permanently Deleted User"
    assert said(found["105"]) == [("Description of 105", ada, False)]
    assert mapped.accounts[ada]["roles"] == ["requester"]
    assert said(found["106"]) == [
        ("Opened by Ada Agent.", pedro, False),
        ("Description of 106", ada, True),
        ("Customer answers", pedro, False),
    ]
    assert said(found["110"]) == [
        ("Description of 110", pedro, False),
        ("Only html", ada, True),
    ]
    assert said(found["120"]) == [("Description of 120", pedro, False)]
    (problem,) = mapped.report.problems
    assert str(problem) == (
        "tickets.json: ticket 120: its comments are no list but 'not a list'; they are left out"
    )
    assert mapped.report.stand_ins == {
        FORMER: "Former Agent",
        DELETED: "Permanently Deleted User",
    }
    assert mapped.report.tickets.read == 6
    assert mapped.report.comments.read == 7
    assert dict(mapped.report.comments.skipped) == {TAKEN_AS_BODY: 2}


ADA = {"id": 2, "name": "Ada", "email": "ada@desk.example", "role": "agent"}
PEDRO = {"id": 1, "name": "Pedro", "email": "pedro@x.example", "role": "end-user"}
AT = "2024-03-01T10:00:00Z"
ANSWER = {"id": 2, "author_id": 2, "body": "Deploy again.", "public": True, "created_at": AT}
NOTE = {"id": 3, "author_id": 2, "body": "The slug.", "public": False, "created_at": AT}
TICKET = {
    "id": 7,
    "subject": "Down",
    "description": "H10.",
    "status": "open",
    "requester_id": 1,
    "created_at": AT,
}
FULL = {**TICKET, "comments": [ANSWER, NOTE]}
AUDIT = {
    "id": 90,
    "ticket_id": 7,
    "author_id": 2,
    "created_at": AT,
    "events": [
        {"id": 2, "type": "Comment", "body": "Deploy again.", "public": True},
        {"id": 4, "type": "Change", "field_name": "status", "value": "open"},
        {"id": 3, "type": "Comment", "body": "The slug.", "public": False, "author_id": 2},
    ],
}
PEOPLE = [PEDRO, ADA]


def lines(*records: Any) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


SHAPES: dict[str, dict[str, str | bytes]] = {
    "arrays": {"tickets.json": json.dumps([FULL]), "users.json": json.dumps(PEOPLE)},
    "pages of the API": {
        "tickets.json": json.dumps({"tickets": [FULL], "count": 1, "next_page": None}),
        "users.json": json.dumps({"users": PEOPLE}),
    },
    "one object a line": {"tickets.ndjson": lines(FULL), "users.jsonl": lines(*PEOPLE)},
    "one page a line": {
        "tickets.jsonl": lines({"tickets": [FULL]}, {"tickets": []}),
        "users.json": json.dumps(PEOPLE),
    },
    "incremental, with users beside": {
        "incremental-1.json": json.dumps(
            {"tickets": [FULL], "users": PEOPLE, "end_of_stream": True}
        ),
    },
    "one ticket a file": {
        "tickets/7.json": json.dumps(FULL),
        "users/1.json": json.dumps({"user": PEDRO}),
        "users/2.json": json.dumps({"user": ADA}),
    },
    "one wrapped ticket a file, comments beside it": {
        "7.json": json.dumps({"ticket": TICKET, "comments": [ANSWER, NOTE], "users": PEOPLE}),
    },
    "comments in files of their own": {
        "tickets.json": json.dumps([TICKET]),
        "users.json": json.dumps(PEOPLE),
        "comments/7.json": json.dumps({"comments": [ANSWER, NOTE]}),
    },
    "an array of comments in a file of its own": {
        "tickets.json": json.dumps([TICKET]),
        "users.json": json.dumps(PEOPLE),
        "comments/7.json": json.dumps([ANSWER, NOTE]),
    },
    "all comments in one file": {
        "ticket_comments.jsonl": lines({**ANSWER, "ticket_id": 7}, {**NOTE, "ticket_id": 7}),
        "tickets.jsonl": lines(TICKET),
        "users.jsonl": lines(*PEOPLE),
    },
    "audits in the ticket": {
        "tickets.json": json.dumps([{**TICKET, "audits": [AUDIT]}]),
        "users.json": json.dumps(PEOPLE),
    },
    "audits in files": {
        "tickets.json": json.dumps([TICKET]),
        "users.json": json.dumps(PEOPLE),
        "ticket_audits.json": json.dumps({"audits": [AUDIT]}),
    },
    "a mark before UTF-8": {
        "tickets.json": b"\xef\xbb\xbf" + json.dumps([FULL]).encode(),
        "users.json": b"\xef\xbb\xbf" + json.dumps({"users": PEOPLE}).encode(),
    },
    "a mark and lines": {
        "tickets.ndjson": b"\xef\xbb\xbf" + lines(FULL).replace("\n", "\r\n").encode(),
        "users.json": json.dumps(PEOPLE),
    },
    "UTF-16": {
        "tickets.json": json.dumps([FULL]).encode("utf-16"),
        "users.json": json.dumps(PEOPLE),
    },
    "names that say nothing": {"export.json": json.dumps([*PEOPLE, FULL])},
    "ids as texts": {
        "tickets.json": json.dumps([{**FULL, "id": "7", "requester_id": "1"}]),
        "users.json": json.dumps([{**PEDRO, "id": "1"}, ADA]),
    },
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_ticket(tmp_path: Path, shape: str) -> None:
    for name, content in SHAPES[shape].items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    mapped = read(tmp_path, "free", {})
    is_sound(mapped)
    assert mapped.report.problems == []
    assert said(bodies(mapped)["7"]) == [
        ("H10.", "pedro@x.example", False),
        ("Deploy again.", "ada@desk.example", True),
        ("The slug.", "ada@desk.example", True),
    ]
    assert [c["public"] for c in bodies(mapped)["7"]["comments"]] == [True, False]
    assert list(mapped.accounts) == ["pedro@x.example"]


def one(tmp_path: Path, ticket: Any, users: Any = PEOPLE) -> MappedTickets:
    (tmp_path / "tickets.json").write_text(json.dumps([ticket]))
    (tmp_path / "users.json").write_text(json.dumps(users))
    mapped = read(tmp_path, "free", {})
    is_sound(mapped)
    return mapped


def comment(**fields: Any) -> dict[str, Any]:
    return {"id": 9, "author_id": 1, "body": "Words.", "created_at": AT, **fields}


ODD: list[tuple[str, dict[str, Any], list[str], str]] = [
    # what, the ticket's fields, the words after the first message, what is said
    ("no author", {"comments": [comment(author_id=None)]}, ["Words."], ""),
    ("an unknown author", {"comments": [comment(author_id=77)]}, ["Words."], ""),
    ("the system", {"comments": [comment(author_id=-1)]}, ["Words."], ""),
    ("no time", {"comments": [comment(created_at=None)]}, ["Words."], "comment 9: its time ''"),
    ("a bad time", {"comments": [comment(created_at="noon")]}, ["Words."], "'noon' cannot be read"),
    ("year 1", {"comments": [comment(created_at="0001-01-01T00:00:00Z")]}, ["Words."], "time"),
    ("no id", {"comments": [comment(id=None)]}, ["Words."], ""),
    ("an id of blanks", {"comments": [comment(id="a b")]}, ["Words."], ""),
    ("no text", {"comments": [comment(body=None)]}, [], "comment 9: it says nothing; left out"),
    ("a number", {"comments": [comment(body=7)]}, ["7"], "its body is no text but '7'"),
    ("one twice", {"comments": [comment(), comment()]}, ["Words."], "here twice"),
    ("a text for one", {"comments": ["words"]}, [], "is no object but 'words'"),
    ("comments of null", {"comments": None}, [], ""),
    (
        "only a file",
        {"comments": [comment(body="", attachments=[{"file_name": "a.log"}])]},
        ["(attached there: a.log)"],
        "attachments are not imported: a.log",
    ),
    (
        "HTML with blocks",
        {"comments": [comment(body=None, html_body="<p>One</p><ul><li>Two</li></ul>")]},
        ["One * Two"],
        "",
    ),
    ("control characters", {"comments": [comment(body="a\0b\x1b[1mc")]}, ["ab[1mc"], ""),
    ("half a surrogate pair", {"comments": [comment(body="x\ud83d")]}, ["x?"], ""),
]


@pytest.mark.parametrize(("what", "fields", "words", "problem"), ODD, ids=[each[0] for each in ODD])
def test_odd_comments(
    tmp_path: Path, what: str, fields: dict[str, Any], words: list[str], problem: str
) -> None:
    mapped = one(tmp_path, {**TICKET, **fields})
    found = [" ".join(c["body"].split()) for c in bodies(mapped)["7"]["comments"]]
    assert found == words
    told = [str(each) for each in mapped.report.problems]
    assert bool(told) is bool(problem), told
    assert not problem or (told[0].startswith("tickets.json: ticket 7: ") and problem in told[0])


def test_a_note_of_somebody_who_is_no_agent_any_more_stays_a_note(tmp_path: Path) -> None:
    mapped = one(tmp_path, {**TICKET, "comments": [comment(author_id=77, public=False)]})
    (note,) = bodies(mapped)["7"]["comments"]
    assert (note["public"], note["author_is_staff"]) == (False, True)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"id": None}, "have no id"),
        ({"created_at": None}, "have no time"),
        ({"created_at": "soon"}, "have no time"),
        ({"status": "deleted"}, "were deleted there"),
    ],
)
def test_what_cannot_be_imported_is_counted_with_its_reason(
    tmp_path: Path, fields: dict[str, Any], reason: str
) -> None:
    mapped = one(tmp_path, {**TICKET, "comments": [comment(created_at="never")], **fields})
    assert mapped.bodies == []
    assert dict(mapped.report.tickets.skipped) == {reason: 1}
    assert mapped.report.comments.skipped.total() == 1


def test_a_ticket_without_a_time_takes_its_first_comments(tmp_path: Path) -> None:
    mapped = one(tmp_path, {**TICKET, "created_at": "?", "comments": [comment()]})
    assert bodies(mapped)["7"]["at"] == "2024-03-01T10:00:00+00:00"


def test_of_a_ticket_that_is_there_twice_the_newer_counts(tmp_path: Path) -> None:
    """An incremental export lists it again when it changes."""
    old = {**FULL, "subject": "Old", "updated_at": "2024-03-01T11:00:00Z"}
    new = {**TICKET, "subject": "New", "updated_at": "2024-03-02T11:00:00Z"}
    (tmp_path / "tickets.json").write_text(json.dumps([new, old]))
    (tmp_path / "users.json").write_text(json.dumps(PEOPLE))
    mapped = read(tmp_path, "free", {})
    is_sound(mapped)
    body = bodies(mapped)["7"]
    assert (body["subject"], len(body["comments"])) == ("New", 2), "and no comment is lost"


@pytest.mark.parametrize("with_comment", [True, False])
def test_an_agents_words_stand_once_as_the_agents(tmp_path: Path, with_comment: bool) -> None:
    comments = [comment(author_id=2, body="H10.")] if with_comment else []
    mapped = one(tmp_path, {**TICKET, "submitter_id": 2, "comments": comments})
    assert said(bodies(mapped)["7"]) == [
        ("Opened by Ada.", "pedro@x.example", False),
        ("H10.", "ada@desk.example", True),
    ]


def test_a_long_text_is_imported_whole_in_parts(tmp_path: Path) -> None:
    long = "".join(f"é{number} " for number in range(60_000))
    fields = {"description": long, "comments": [comment(body=long + "more")]}
    mapped = one(tmp_path, {**TICKET, **fields})
    body = bodies(mapped)["7"]
    whole = [body["body"], *(c["body"] for c in body["comments"])]
    assert "".join(whole).replace(" ", "") == (long + long + "more").replace(" ", "")
    assert mapped.report.comments.imported == 1
    assert len({c["id"] for c in body["comments"]}) == len(body["comments"])


def test_a_long_ticket_comes_in_several_calls(tmp_path: Path) -> None:
    comments = [comment(id=n, body=f"{n}" + "x" * 50_000) for n in range(9)]
    mapped = one(tmp_path, {**TICKET, "status": "closed", "comments": comments})
    parts = list(parts_of(bodies(mapped)["7"]))
    assert len(parts) > 2
    assert all(len(json.dumps(part)) < BODY_BYTES + 60_000 for part in parts)
    assert ["ended_at" in part for part in parts] == [False] * (len(parts) - 1) + [True]
    assert [c["id"] for part in parts for c in part["comments"]] == [str(n) for n in range(9)]


def test_the_same_export_gives_the_same_bodies(tmp_path: Path) -> None:
    folder = write_export(tmp_path)
    first, second = (read(folder, "free", {"Zander Ltd": "premier"}) for _ in range(2))
    assert bodies(first) == bodies(second)
    assert first.accounts == second.accounts


def test_an_export_as_a_desk_writes_it(tmp_path: Path) -> None:
    mapped = read(write_export(tmp_path), "free", {"Zander Ltd": "premier"})
    is_sound(mapped)
    assert mapped.accounts["zoe@zander.example"]["plan"] == "premier"
    assert sorted(bodies(mapped)) == ["501", "502", "503", "504"]
    assert bodies(mapped)["501"]["ended_at"] == "2024-03-02T09:00:00+00:00"
    assert [str(each).partition(": ")[0] for each in mapped.report.problems] == ["tickets.ndjson:6"]
    assert mapped.report.users == len(USERS)
    assert mapped.report.tickets.read == len(TICKETS)


BROKEN = [b"", b"{", b"[1, 2]", b"null", b"\xff\xfe\x00", b'{"tickets": 7}', b"[" * 5_000, b'"x"']


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_file_is_a_problem_with_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "users.json").write_text(json.dumps(PEOPLE))
    (tmp_path / "tickets.json").write_bytes(content)
    mapped = read(tmp_path, "free", {})
    assert mapped.bodies == []
    assert [each.file for each in mapped.report.problems][:1] == ["tickets.json"]


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=30)
    | st.sampled_from([AT, "2024-03-01", "1709287200", "1", "2", 1, 2, "agent", "closed", "x@y.z"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def odd(whole: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The record with some of its fields replaced by anything, or left out."""
    names = st.sampled_from(sorted(whole))
    changed = st.dictionaries(names, ANYTHING, max_size=3).map(lambda some: {**whole, **some})
    return st.tuples(changed, st.sets(names, max_size=2)).map(
        lambda pair: {name: value for name, value in pair[0].items() if name not in pair[1]}
    )


WHOLE_COMMENT = {**comment(), "html_body": "<p>x", "public": True, "attachments": []}
WHOLE_TICKET = {
    **TICKET,
    "updated_at": AT,
    "submitter_id": 2,
    "priority": "high",
    "type": "problem",
}


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_odd_record_is_a_traceback_and_the_sums_add_up(data: st.DataObject) -> None:
    comments = st.lists(odd(WHOLE_COMMENT) | ANYTHING, max_size=4) | ANYTHING
    tickets = data.draw(
        st.lists(
            st.tuples(odd(WHOLE_TICKET), comments).map(
                lambda pair: {**pair[0], "comments": pair[1]}
            )
            | ANYTHING,
            max_size=4,
        )
    )
    users = data.draw(st.lists(odd(ADA) | odd(PEDRO) | ANYTHING, max_size=3))
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "tickets.json").write_text(json.dumps(tickets))
        (Path(name) / "users.json").write_text(json.dumps(users))
        is_sound(read(Path(name), "free", {}))
