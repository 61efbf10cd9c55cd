"""The API describes itself: each call has a summary, a tag, the shape of its answer, the codes it
may refuse with and an example of its body; and none of that is used to make or to check an answer.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from services.intake.answers.calls import CALLS as OF_INTAKE
from services.portal.answers.calls import CALLS as OF_PORTAL
from services.portal.app import make_app
from services.portal.help.api_reference import groups_of, shapes_of
from services.portal.settings import PortalSettings
from shared.http.openapi.calls import Call
from shared.http.openapi.document import complete, describe
from shared.http.openapi.tags import TAGS
from shared.http.problem_codes import meaning_of
from tests.e2e.role_matrix import MATRIX
from tests.unit.intake.building import SECRET, Bench

ROOT = Path(__file__).resolve().parents[2]
Document = dict[str, Any]
CALLS = {**OF_INTAKE, **OF_PORTAL}
NO_JSON = {
    "GET /v1/stream": "server-sent events",
    "GET /v1/attachments/{attachment_id}": "a file",
    "GET /v1/mail/{message_id}/raw": "a message",
    "POST /v1/channels/twilio/sms": "XML for the phone gateway",
    "POST /v1/channels/twilio/voice": "XML for the phone gateway",
}
"""Calls whose answer is no JSON, and what it is."""
ONLY_WITH_MAIL = {"POST /v1/mail", "POST /v1/mail/{message_id}/release"}
"""Calls that intake has where it takes mail, which a bench does not."""
ELSEWHERE = {
    *("401 unauthenticated", "405 method-not-allowed", "415 unsupported-media-type"),
    *("422 no-such-account", "403 forbidden", "404 not-found"),
}
"""Refusals that are made with a status in words, or by the framework."""


@pytest.fixture(scope="module")
def intake() -> Document:
    return Bench().app.openapi()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Document:
    settings = PortalSettings(
        mongodb_uri="mongodb://127.0.0.1:9/",
        mongodb_database="nowhere",
        intake_url="http://127.0.0.1:9",
        secret=SECRET,
        data_dir=tmp_path_factory.mktemp("portal"),
        public_url="https://help.example",
    )
    return make_app(settings).openapi()


@pytest.fixture(params=["intake", "portal"])
def document(request: pytest.FixtureRequest) -> Document:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, dict)
    return found


def operations(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            yield f"{verb.upper()} {path}", operation


def test_every_route_is_described_and_nothing_else(intake: Document, portal: Document) -> None:
    for document, calls, gone in ((intake, OF_INTAKE, ONLY_WITH_MAIL), (portal, OF_PORTAL, set())):
        live = {name for name, _ in operations(document)}
        assert live - set(calls) == set(), "say in services/*/answers what these answer"
        assert set(calls) - live == gone, "these are gone: take their lines out"
    assert set(CALLS) == {" ".join(call) for call in MATRIX}


def test_every_call_has_a_summary_and_a_tag(document: Document) -> None:
    for name, operation in operations(document):
        summary = operation["summary"]
        assert summary[0].isupper(), name
        assert not summary.endswith("."), name
        assert 8 <= len(summary) <= 90, name
        assert len(operation["tags"]) == 1, name
        assert operation["tags"][0] in TAGS, name
        assert "services/" not in operation.get("description", ""), name


def test_every_good_answer_has_a_shape(document: Document) -> None:
    for name, operation in operations(document):
        good = {key: each for key, each in operation["responses"].items() if key.startswith("2")}
        assert good, name
        for status, answer in good.items():
            assert answer["description"] != "Successful Response", name
            if name in NO_JSON and status == "200":
                assert "application/json" not in answer["content"], name
                continue
            assert set(answer["content"]) == {"application/json"}, name
            schema = answer["content"]["application/json"]["schema"]
            shape = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            assert shape.get("properties") or shape.get("items"), name
            assert shape["description"], (name, "a shape says what it is")


def test_every_refusal_has_codes_that_are_explained(document: Document) -> None:
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status == "default" or status.startswith("2"):
                continue
            codes = answer.get("x-problem-codes", [])
            assert codes, (name, status)
            assert [code for code in codes if meaning_of(code) is None] == [], (name, status)
        if CALLS[name].who != "anybody":
            assert "unauthenticated" in operation["responses"]["401"]["x-problem-codes"], name


def statuses() -> set[str]:
    """`409 too-many` of every refusal in the code."""
    found: set[str] = set()
    for folder in ("services/intake", "services/portal", "shared"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and (said := _refusal(node)):
                    found.add(said)
    return found


def _refusal(call: ast.Call) -> str:
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    if name not in ("Refused", "_wrong") or not call.args:
        return ""
    code = call.args[0]
    given = [each.value for each in call.keywords if each.arg == "status"] or call.args[3:4]
    status = given[0].value if given and isinstance(given[0], ast.Constant) else 422
    return f"{status} {code.value}" if isinstance(code, ast.Constant) else ""


def test_what_a_call_is_said_to_refuse_is_refused_somewhere() -> None:
    known = statuses() | ELSEWHERE
    said = {refusal for call in CALLS.values() for refusal in call.refuses}
    assert {each for each in said if not each.endswith("-unavailable")} - known == set()


def test_every_body_has_an_example_that_fits_it(document: Document) -> None:
    for name, operation in operations(document):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is None:
            assert CALLS[name].example is None, name
            continue
        schema = {**body["schema"], "components": document["components"]}
        wrong = [
            str(each) for each in jsonschema_rs.validator_for(schema).iter_errors(body["example"])
        ]
        assert wrong == [], name


def test_a_shape_of_both_halves_is_the_same(intake: Document, portal: Document) -> None:
    theirs, ours = intake["components"]["schemas"], portal["components"]["schemas"]
    assert {name for name in theirs.keys() & ours.keys() if theirs[name] != ours[name]} == set()


def test_describing_twice_changes_nothing(document: Document) -> None:
    again = complete(describe(copy.deepcopy(document), CALLS))
    assert again["paths"] == document["paths"]


def test_the_page_shows_groups_in_their_order_and_every_shape_they_lead_to(
    intake: Document, portal: Document
) -> None:
    for document in (intake, portal):
        names = [group.name for group in groups_of(document)]
        assert names == [name for name in TAGS if name in names]
        shown = {shape.name for shape in shapes_of(document)}
        schemas = document["components"]["schemas"]
        led_to = {
            field for shape in shapes_of(document) for each in shape.fields for field in each.shapes
        }
        assert {name for name in led_to - shown if schemas[name].get("properties")} == set()
    ticket = next(shape for shape in shapes_of(portal) if shape.name == "TicketShown")
    assert {"ReplyShown"} <= {name for field in ticket.fields for name in field.shapes}


def test_no_answer_is_made_or_checked_with_a_shape() -> None:
    """What a ticket costs, and what is answered byte by byte, is no matter of these files."""
    for service in ("intake", "portal"):
        folder = ROOT / "services" / service
        for path in folder.rglob("*.py"):
            if path.parent.name == "answers" or path == folder / "app.py":
                continue
            assert f"services.{service}.answers" not in path.read_text("utf-8"), path


def test_a_route_that_nobody_describes_is_seen() -> None:
    planted = {"paths": {"/v1/nothing": {"get": {"responses": {"200": {"description": "x"}}}}}}
    found = describe(planted, {"GET /v1/something": Call("Something", "Tickets")})
    assert "summary" not in found["paths"]["/v1/nothing"]["get"]
