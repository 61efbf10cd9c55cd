"""A file of people: shown before it is loaded, refused with its lines, and a table as good as YAML."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from services.portal.admin.upload_page import parse_directory
from tests.support.administering import Office, headers_of

YAML = """accounts:
  Ann@shop.example: {name: Ann, plan: premier, roles: [requester]}
  agent@example.com: {name: Ada the Agent, plan: free, roles: [agent]}
apps:
  shop: {owner: ann@shop.example, stage: production, addons: [redisco]}
"""
CSV = """email,name,plan,roles
Ann@shop.example,Ann,premier,requester
agent@example.com,Ada the Agent,free,agent; on-call
"""


async def send(office: Office, file: tuple[str, str] | None = None, **fields: str) -> Any:
    files = {"file": (file[0], file[1].encode(), "text/plain")} if file else {"file": ("", b"")}
    transport = httpx.ASGITransport(app=office.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://portal") as client:
        return await client.post(
            "/admin/upload", data=fields, files=files, headers=headers_of("admin")
        )


async def test_a_file_is_shown_first_and_then_applied() -> None:
    async with Office() as office:
        shown = await send(office, ("people.yaml", YAML))
        assert shown.status_code == 200
        assert "2 new, 1 changed, 0 removed, 0 as they are." in shown.text
        assert "name: Ada Agent → Ada the Agent" in shown.text
        assert office.bench.log.on("directory") == []

        done = await send(office, text=YAML, shape="yaml", does="apply")
        assert "<b>Done.</b> 2 new, 1 changed, 0 removed." in done.text
        assert (office.bench.log.get("accounts", "ann@shop.example") or {})["name"] == "Ann"
        again = await send(office, text=YAML, shape="yaml")
        assert "0 new, 0 changed, 0 removed, 3 as they are." in again.text


async def test_every_mistake_has_its_line_and_nothing_changes() -> None:
    wrong = YAML.replace("plan: premier", "plan: gold") + "  two words: {owner: no, stage: x}\n"
    async with Office() as office:
        answer = await send(office, text=wrong, shape="yaml", does="apply")

    assert answer.status_code == 422
    assert office.bench.log.on("directory") == []
    assert '<td data-label="Line">2</td>' in answer.text
    assert '<td data-label="Line">6</td>' in answer.text
    assert "lower-case letters, digits" in answer.text


def test_a_table_says_the_same_as_yaml() -> None:
    table, text = parse_directory(CSV, is_table=True), parse_directory(YAML, is_table=False)

    assert table.mistakes == ()
    assert [entry.id for entry in table.entries] == ["ann@shop.example", "agent@example.com"]
    assert table.entries[0].document == text.entries[0].document
    assert table.entries[1].document is not None
    assert table.entries[1].document["roles"] == ["agent", "on-call"]
    assert [entry.line for entry in table.entries] == [2, 3]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("colour\nred\n", 1, "one of them says what they are"),
        ("email,name\n,Ann\n", 2, "the column email is empty"),
    ],
)
def test_a_table_that_cannot_be_read_says_where(text: str, line: int, said: str) -> None:
    (mistake,) = parse_directory(text, is_table=True).mistakes

    assert (mistake.line, said in mistake.words) == (line, True), mistake


async def test_the_last_administrator_is_not_removed_by_a_file() -> None:
    async with Office() as office:
        text = "accounts:\n  admin@example.com: null\n"
        answer = await send(office, text=text, shape="yaml", does="apply")

    assert (answer.status_code, "last administrator" in answer.text) == (422, True)
