"""Policies in the editor: mistakes by line, what would change, applied under the version it was
made of, and back to an earlier one.
"""

from __future__ import annotations

import re
from html import unescape

import pytest

from services.portal.admin.policies.documents import ABOUT, fields_of_document, text_of
from shared.policy.writing.documents import MODELS
from shared.yaml_text import plain_value
from tests.support.administering import Office
from tests.unit.intake.building import POLICIES, Bench

pytestmark = pytest.mark.costly

DESK = "/admin/policies/default"


def editor_of(page: str) -> dict[str, str]:
    """What the editor would send."""
    text = re.search(r'<textarea id="text"[^>]*>(.*?)</textarea>', page, re.S)
    made_of = re.search(r'name="made_of" value="([^"]*)"', page)
    note = re.search(r'<input id="note"[^>]*value="([^"]*)"', page)
    assert text
    assert made_of
    assert note
    return {
        "text": unescape(text[1]).removeprefix("\n"),
        "made_of": made_of[1],
        "note": unescape(note[1]),
    }


def table_of(page: str) -> list[str]:
    return [unescape(cell) for cell in re.findall(r'<td data-label="[^"]+"[^>]*>([^<]*)<', page)]


def test_every_document_has_its_words_and_its_fields() -> None:
    assert set(ABOUT) == set(MODELS)
    for name in MODELS:
        paths = [field.path for field in fields_of_document(name)]
        assert len(paths) == len(set(paths)), name
    desk = {field.path: field for field in fields_of_document("default")}
    assert desk["targets[].within"].shape == "span, such as 30m, 4h, 2d"
    assert desk["calendars.NAME.week.NAME[].opens"].is_needed


@pytest.mark.parametrize("name", POLICIES)
def test_a_document_is_read_from_its_text_as_it_was(name: str) -> None:
    assert plain_value(text_of(POLICIES[name])) == POLICIES[name]


async def test_checked_shown_and_applied() -> None:
    async with Office() as office:
        form = editor_of((await office.get(DESK)).text)
        form["text"] = form["text"].replace("default_priority: normal", "default_priority: low")

        shown = await office.send(DESK, {**form, "does": "check"})
        assert shown.status_code == 200
        assert table_of(shown.text)[:3] == ["default_priority", "normal", "low"]
        assert office.bench.log.on("policies") == []

        form["note"] = "calmer"
        applied = await office.send(DESK, {**form, "does": "apply"})
        assert applied.headers["location"] == f"{DESK}?done=applied"
        found = office.bench.log.policies.get("default")
        assert found is not None
        assert (found.version, found.note, found.document["default_priority"]) == (
            2,
            "calmer",
            "low",
        )


async def test_a_mistake_has_its_line_and_nothing_can_be_applied() -> None:
    async with Office() as office:
        form = editor_of((await office.get(DESK)).text)
        form["text"] = form["text"].replace("default_priority: normal", "default_priority: loud")
        line = form["text"].split("\n").index("default_priority: loud") + 1

        answer = await office.send(DESK, {**form, "does": "apply"})

        assert answer.status_code == 422
        assert f'data-line="{line}">{line}<' in answer.text
        assert 'value="apply"' not in answer.text
        assert editor_of(answer.text)["text"] == form["text"]
        assert office.bench.log.on("policies") == []


async def test_what_somebody_else_published_meanwhile_is_shown_first() -> None:
    async with Office() as office:
        mine = editor_of((await office.get(DESK)).text)
        theirs = {**mine, "text": mine["text"].replace("reopen_window: 7d", "reopen_window: 9d")}
        assert (await office.send(DESK, {**theirs, "does": "apply"})).status_code == 303
        mine["text"] = mine["text"].replace("default_priority: normal", "default_priority: low")

        answer = await office.send(DESK, {**mine, "does": "apply"})

        assert answer.status_code == 409
        assert "admin@example.com published version 2 meanwhile" in answer.text
        assert table_of(answer.text)[:3] == ["reopen_window", "7d", "9d"]
        assert {"default_priority", "reopen_window"} <= set(table_of(answer.text)[3:])
        again = editor_of(answer.text)
        assert again["made_of"] == "2"
        assert (await office.send(DESK, {**again, "does": "apply"})).status_code == 303


async def test_back_to_an_earlier_version() -> None:
    async with Office() as office:
        form = editor_of((await office.get(DESK)).text)
        form["text"] = form["text"].replace("default_priority: normal", "default_priority: low")
        await office.send(DESK, {**form, "does": "apply"})
        history = (await office.get(f"{DESK}/history?version=2")).text
        assert f"{DESK}?version=1" in history
        assert table_of(history)[:3] == ["default_priority", "normal", "low"]

        earlier = await office.get(f"{DESK}?version=1")
        assert "This is version 1, as a draft." in earlier.text
        form = editor_of(earlier.text)
        assert (form["made_of"], form["note"]) == ("2", "back to version 1")
        await office.send(DESK, {**form, "does": "apply"})

        found = office.bench.log.policies.get("default")
        assert found is not None
        assert (found.version, found.document) == (3, POLICIES["default"])


async def test_ops_read_what_is_in_force_without_where_people_are_reached() -> None:
    async with Office() as office:
        admin = (await office.get("/admin/policies/on-call")).text
        ops = (await office.get("/admin/policies/on-call", "ops")).text

        assert ("/pager/primary" in admin, "/pager/primary" in ops) == (True, False)
        assert "textarea" not in ops
        answer = await office.send(DESK, {"text": "{}", "does": "apply"}, "ops")
        assert answer.status_code == 404


async def test_the_first_version_of_a_document_can_be_written_here() -> None:
    bench = Bench(empty=True)
    account = {"email": "admin@example.com", "plan": "premier", "roles": ["admin"]}
    bench.log.holds("accounts", "admin@example.com", account)
    async with Office(bench) as office:
        form = editor_of((await office.get("/admin/policies/components")).text)
        form["text"] = "components: [{id: api, name: API}]"
        shown = await office.send("/admin/policies/components", {**form, "does": "check"})
        assert "It would be the first version." in shown.text
        applied = await office.send("/admin/policies/components", {**form, "does": "apply"})
        assert applied.status_code == 303


async def test_what_is_in_force_leaves_open_is_said_and_nothing_is_offered_to_apply() -> None:
    async with Office() as office:
        page = (await office.get("/admin/policies/on-call")).text

    assert "What it leaves open" in page
    assert "What would change" not in page.replace("show what would change", "")
    assert 'value="apply"' not in page
