"""Every text of every event has somebody it belongs to, and nothing of a person is left in what was
theirs.
"""

from __future__ import annotations

import copy
import enum
import types
import typing
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from pydantic import BaseModel

from cli.erase.erasing import UnknownEvent, erase_event, erase_row
from cli.erase.person import ERASED, PersonToErase
from cli.erase.table import PLAIN, ROWS, TABLE, WHOLE
from services.notifier.pager.row import Lane
from services.router.incident.row import StatusRow
from services.router.ticket.row import TicketRow
from services.sla.clock import ClockRow
from shared.topics import EVENTS

ANN = PersonToErase(
    address="ann@shop.example",
    pseudonym="erased-0123456789",
    names=frozenset({"Ann Archer"}),
    tickets=frozenset({"tkt_1"}),
    mails=frozenset({"tkt_1"}),
)
BOB = PersonToErase(address="bob@shop.example", pseudonym="erased-9876543210")
WHO = frozenset(
    {
        "requester",
        "author",
        "by",
        "sender",
        "participant",
        "email",
        "to",
        "mail_from",
        "address",
        "owner",
    }
)
NAMES = frozenset(
    {"requester_name", "author_name", "participant_name", "sender_name", "owner_name"}
)
AT = "2026-03-03T15:00:00Z"


def leaves(kind: Any, path: str = "") -> Iterator[str]:
    """The dotted paths of all strings of a model; lists are passed through, a mapping's values are
    `*`.
    """
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        yield from leaves(inner[0], path)
    elif origin in (typing.Union, types.UnionType, tuple, list):
        for each in inner:
            if each not in (type(None), Ellipsis):
                yield from leaves(each, path)
    elif origin is dict:
        yield from leaves(inner[1], f"{path}.*")
    elif kind is Any or kind is str:
        yield path
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            yield from leaves(field.annotation, f"{path}.{name}" if path else name)


def filled(kind: Any, path: str = "") -> Any:
    """JSON with something in every field: in texts, the path itself; where it says who, Ann."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    name = path.rpartition(".")[2]
    if origin is typing.Annotated:
        return filled(inner[0], path)
    if origin is typing.Literal:
        return inner[0]
    if origin in (typing.Union, types.UnionType):
        return filled(next(each for each in inner if each is not type(None)), path)
    if origin in (tuple, list):
        return [filled(inner[0], path)]
    if origin is dict:
        return {"page_1" if name == "pages" else "1": filled(inner[1], f"{path}.*")}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {
            each: filled(field.annotation, f"{path}.{each}" if path else each)
            for each, field in kind.model_fields.items()
        }
    if kind is str:
        special = {
            "key": "tkt_1",
            "ticket_id": "tkt_1",
            **dict.fromkeys(WHO, ANN.address),
            **dict.fromkeys(NAMES, "Ann Archer"),
        }
        return special.get(name, f"planted in {path}")
    known = {bool: True, int: 1, float: 1.0, datetime: AT, timedelta: "PT1S", Any: "any"}
    return (
        next(iter(kind)).value
        if isinstance(kind, type) and issubclass(kind, enum.Enum)
        else known[kind]
    )


def event_of(name: str) -> dict[str, Any]:
    event = {**filled(EVENTS[name]), "type": name}
    if name == "RequestParked":
        event["request"] = event_of("AddReply")
    elif name == "DeadLetter":
        event["raw"] = ""
    return event


def named_by(paths: frozenset[str], leaf: str) -> bool:
    return leaf in paths or any(
        path.endswith(".*") and leaf.startswith(path[:-1]) for path in paths
    )


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_every_text_of_an_event_is_somebodys(name: str) -> None:
    assert name in TABLE, f"cli/erase/table.py: whose are the texts of {name}?"
    found = set(leaves(EVENTS[name]))
    unsaid = {
        leaf
        for leaf in found
        if not named_by(TABLE[name].named, leaf)
        and leaf not in PLAIN
        and (name, leaf.partition(".")[0]) not in WHOLE
    }
    assert not unsaid, (
        f"cli/erase/table.py: whose are these? If they are ids or machine words, they belong to PLAIN: {sorted(unsaid)}"
    )
    gone = {
        path
        for path in TABLE[name].named
        if not any(leaf == path or leaf.startswith(path.removesuffix("*")) for leaf in found)
    }
    assert not gone, f"{name} has no such fields: {gone}"


def test_the_table_has_no_event_that_is_none() -> None:
    assert set(TABLE) == set(EVENTS)


@pytest.mark.parametrize("name", sorted(set(EVENTS) - {"DirectoryRecorded", "PolicyPublished"}))
def test_what_was_theirs_is_gone_and_the_event_still_parses(name: str) -> None:
    event = event_of(name)
    before = copy.deepcopy(event)
    left, texts = erase_event(event, ANN)
    assert event == before, "what was handed in stays as it was"
    said = orjson.dumps(left).decode()
    assert ANN.address not in said
    assert "Ann Archer" not in said
    theirs = {
        path
        for scope in ("owner", "author", "either", "mail")
        for path in getattr(TABLE[name], scope)
    }
    for path in theirs:
        assert f"planted in {path.removesuffix('.*')}" not in said, path
    assert texts == bool(theirs or name == "RequestParked")
    EVENTS[name].read(orjson.dumps(left))
    assert erase_event(left, ANN).document == left, "once more changes nothing"
    assert (left["id"], left["key"], left["at"]) == (event["id"], event["key"], event["at"])


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_another_persons_event_stays_as_it_is(name: str) -> None:
    event = event_of(name)
    assert erase_event(event, BOB) == (event, False)


def test_an_unknown_event_stops_an_erasure() -> None:
    with pytest.raises(UnknownEvent):
        erase_event({"type": "FromTomorrow", "key": "tkt_1"}, ANN)


def test_house_texts_lose_the_name_and_nothing_else() -> None:
    event = {
        **event_of("NoticeFailed"),
        "reason": "550 <Ann@Shop.example> (Ann  Archer) is unknown to joann@shop.example",
    }
    left = erase_event(event, ANN).document["reason"]
    assert (
        left
        == "550 <erased-0123456789@erased.invalid> (erased-0123456789) is unknown to joann@shop.example"
    )


ROW_MODELS = {
    "router-state": (TicketRow, StatusRow),
    "sla-state": (ClockRow,),
    "pager-state": (Lane,),
}
ROW_PLAIN = frozenset(
    {
        "seen",
        "excerpt",
        "worst",
        "ticket",
        "tombstones",
        "settled",
        "aggregate",
        "suggestion",
        "suggested_queue",
        "changed_by",
        "queue",
        "shares",
        "declined",
        "solved_side",
        "key",
        "firing",
        "cleared",
        "updates",
        "stamp",
        "until",
        "request",
        "repeats",
        "*",
    }
)


@pytest.mark.parametrize("topic", sorted(ROWS))
def test_every_text_of_a_row_is_somebodys(topic: str) -> None:
    plain = {path.rpartition(".")[2] for path in PLAIN} | ROW_PLAIN
    for model in ROW_MODELS[topic]:
        for leaf in leaves(model):
            if leaf.startswith("parked."):
                continue  # requests: erased as such
            assert named_by(ROWS[topic].named, leaf) or leaf.rpartition(".")[2] in plain, (
                f"{topic}: whose is {leaf}?"
            )


@pytest.mark.parametrize(
    ("topic", "model"),
    [("router-state", TicketRow), ("sla-state", ClockRow), ("pager-state", Lane)],
)
def test_a_row_of_theirs_loses_its_texts_and_still_parses(
    topic: str, model: type[BaseModel]
) -> None:
    row = filled(model)
    if topic == "router-state":
        row["parked"] = {"req_1": {"request": event_of("AddReply"), "until": AT}}
    left, texts = erase_row(topic, "tkt_1", row, ANN)
    said = orjson.dumps(left).decode()
    assert texts
    for path in ROWS[topic].owner:
        assert f"planted in {path}" not in said
    assert ANN.address not in said
    assert "planted in body" not in said
    assert ERASED in said
    model.model_validate(left)
    assert erase_row(topic, "tkt_1", left, ANN).document == left
    assert erase_row(topic, "tkt_1", row, BOB) == (row, False)
