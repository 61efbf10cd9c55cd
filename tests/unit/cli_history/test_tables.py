"""Tickets of a plain file: documented columns, tolerant of what spreadsheets make of a file."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.history.report import TAKEN_AS_BODY
from cli.history.tables import COLUMNS, COMMENT_COLUMNS, read
from cli.history.tickets import MappedTickets, parts_of
from services.intake.forms import fill
from services.intake.tickets.imports import ImportForm
from tests.support.examples import examples

HEADER = "id,subject,body,requester,requester_name,created_at,status,priority"
ROW = "A-7,Störung,Dynos don’t start,zoe@x.example,Zoë,2024-03-01T12:00:00Z,closed,High"
WITH_COMMENTS = """\
id;Subject;Description;Requester Email;Created;Comment;Comment Author;Comment Is Staff;Comment At;Comment Public
1;Down;H10;zoe@x.example;2024-03-01 12:00;Again;;;2024-03-01 12:30;
1;;;;;Deploy again;ann@desk.example;yes;2024-03-01 13:00;
1;;;;;The slug;Ann <ann@desk.example>;;2024-03-01 13:05;private
1;;;;;"Two
lines";zoe@x.example;;2024-03-01 14:00;true
2;Other;Words;;2024-03-02 12:00;;;;;
"""


def take(folder: Path, content: str | bytes, name: str = "t.csv", **options: Any) -> MappedTickets:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    mapped = read(file, "olddesk", "free", **options)
    report = mapped.report
    report.tickets.imported = len(mapped.bodies)
    assert report.tickets.adds_up, report.tickets
    assert report.comments.adds_up, report.comments
    for made in mapped.bodies:
        assert made.body["requester"] in mapped.accounts
        for part in parts_of(made.body):
            assert fill(ImportForm, part).source == "olddesk"
    return mapped


def body(mapped: MappedTickets, number: int = 0) -> dict[str, Any]:
    return mapped.bodies[number].body


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "cp1252"]
SEPARATORS = [",", ";", "\t", "|"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_in_any_encoding(tmp_path: Path, encoding: str, separator: str, end: str) -> None:
    text = f"{HEADER}\n{ROW}\n".replace(",", separator).replace("\n", end)
    mapped = take(tmp_path, text.encode(encoding))
    assert mapped.report.problems == []
    assert body(mapped) == {
        "source": "olddesk",
        "id": "A-7",
        "requester": "zoe@x.example",
        "subject": "Störung",
        "at": "2024-03-01T12:00:00+00:00",
        "body": "Dynos don’t start",
        "comments": [],
        "priority": "high",
        "ended_at": "2024-03-01T12:00:00+00:00",
        "closed": True,
    }
    assert mapped.accounts["zoe@x.example"]["name"] == "Zoë"


def said(found: dict[str, Any]) -> list[tuple[str, str, bool, bool]]:
    return [(c["body"], c["author"], c["author_is_staff"], c["public"]) for c in found["comments"]]


COMMENTS = [
    ("Again", "zoe@x.example", False, True),
    ("Deploy again", "ann@desk.example", True, True),
    ("The slug", "ann@desk.example", True, False),
    ("Two\nlines", "zoe@x.example", False, True),
]


def test_comments_in_rows_of_their_ticket(tmp_path: Path) -> None:
    mapped = take(tmp_path, WITH_COMMENTS)
    assert said(body(mapped)) == COMMENTS
    assert body(mapped)["comments"][0]["at"] == "2024-03-01T12:30:00+00:00"
    assert body(mapped, 1)["requester"] == "user-ticket-2@olddesk.invalid"
    assert (mapped.report.tickets.read, mapped.report.comments.read) == (2, 4)


def test_comments_in_a_second_file(tmp_path: Path) -> None:
    comments = tmp_path / "c.csv"
    comments.write_text(
        "ticket_id,author,body,created_at,is_staff\n"
        "A-7,ann@desk.example,Deploy again,2024-03-01T13:00:00Z,true\n"
        "A-8,ann@desk.example,Lost,2024-03-01T13:00:00Z,true\n"
    )
    mapped = take(tmp_path, f"{HEADER}\n{ROW}\n", comments=comments)
    assert said(body(mapped)) == [("Deploy again", "ann@desk.example", True, True)]
    assert dict(mapped.report.comments.skipped) == {"belong to a ticket that is not there": 1}
    assert str(mapped.report.problems[0]).startswith("c.csv:3: there is no ticket 'A-8'")


JSON = {
    "id": 1,
    "subject": "Down",
    "body": "H10",
    "requester": {"email": "Zoe@x.example", "name": "Zoe"},
    "created_at": 1709294400,
    "comments": [
        {"id": 1, "body": "H10", "author": "zoe@x.example", "created_at": 1709294400},
        {"id": 2, "body": "Deploy again", "author": {"email": "ann@desk.example", "name": "Ann"}},
        {"id": 3, "text": "The slug", "author_email": "ann@desk.example", "public": False},
    ],
}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.json", json.dumps([JSON])),
        ("t.json", json.dumps({"tickets": [JSON]})),
        ("t.jsonl", json.dumps(JSON) + "\n"),
        ("t.txt", json.dumps([JSON])),
        ("t.txt", json.dumps(JSON) + "\n"),
        ("t.json", "\ufeff" + json.dumps([JSON])),
    ],
)
def test_json_with_the_same_names(tmp_path: Path, name: str, text: str) -> None:
    mapped = take(tmp_path, text, name, staff=["@desk.example"])
    assert said(body(mapped)) == [
        ("Deploy again", "ann@desk.example", True, True),
        ("The slug", "ann@desk.example", True, False),
    ]
    assert body(mapped)["at"] == "2024-03-01T12:00:00+00:00"
    assert dict(mapped.report.comments.skipped) == {TAKEN_AS_BODY: 1}


ROWS = [
    ("no id", f"{HEADER}\n,Down,x,a@x.example,,2024-03-01,,\n", {"have no id": 1}, "t.csv:2: "),
    ("no time", f"{HEADER}\n1,Down,x,a@x.example,,,,\n", {"have no time": 1}, "t.csv:2: ticket 1"),
    ("again", f"{HEADER}\n{ROW}\n{ROW}\n", {"are there again": 1}, "t.csv:3: ticket A-7"),
    ("more cells", f"{HEADER}\n{ROW},x,y\n", {}, "t.csv:2: this row has 10 cells"),
    ("no header", "1,2,3\n4,5,6\n", {"have no id": 1}, "t.csv:2: "),
    ("empty", "", {}, ""),
    ("header alone", HEADER, {}, ""),
    ("an open quote", f'{HEADER}\n1,"Down\n', {"have no time": 1}, "t.csv:2: ticket 1"),
]


@pytest.mark.parametrize(("what", "text", "skipped", "problem"), ROWS, ids=[r[0] for r in ROWS])
def test_odd_rows_are_named(
    tmp_path: Path, what: str, text: str, skipped: dict[str, int], problem: str
) -> None:
    mapped = take(tmp_path, text)
    assert dict(mapped.report.tickets.skipped) == skipped
    told = [str(each) for each in mapped.report.problems]
    assert bool(told) is bool(problem)
    assert not problem or told[0].startswith(problem)


def test_every_documented_column_is_read(tmp_path: Path) -> None:
    """Under each of its names."""
    values = {
        "id": "1",
        "created_at": "2024-03-01",
        "ended_at": "2024-03-02",
        "requester": "a@x.example",
        "opened_by": "b@x.example",
        "status": "solved",
        "priority": "low",
        "kind": "question",
        "comment_author": "c@x.example",
        "comment_at": "2024-03-01T01:00:00Z",
        "comment_public": "no",
        "comment_is_staff": "yes",
    }
    plain = {name: values.get(name, f"the {name}") for name in (*COLUMNS, *COMMENT_COLUMNS)}
    del plain["comment_id"], plain["app"]
    expected = body(take(tmp_path, written([plain])))
    for table in (COLUMNS, COMMENT_COLUMNS):
        for name, others in table.items():
            for other in others:
                row = {other if key == name else key: value for key, value in plain.items()}
                assert body(take(tmp_path, written([row]))) == expected, other
                loud = {other.replace("_", " ").title(): v for other, v in row.items()}
                assert body(take(tmp_path, written([loud]))) == expected, other


def written(rows: list[dict[str, str]], separator: str = ",") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=separator)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=30)


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    rows=st.lists(
        st.fixed_dictionaries(dict.fromkeys((*COLUMNS, *COMMENT_COLUMNS), CELLS)),
        min_size=1,
        max_size=5,
    ),
    separator=st.sampled_from(SEPARATORS),
)
def test_no_row_is_a_traceback_and_the_sums_add_up(
    tmp_path: Path, rows: list[dict[str, str]], separator: str
) -> None:
    take(tmp_path, written(rows, separator))
    take(tmp_path, json.dumps(rows), "t.json")
