"""Tokens of everybody: made once, shown once, revoked by an administrator."""

from __future__ import annotations

import re

import pytest

from tests.support.administering import Office

pytestmark = pytest.mark.costly


async def test_a_token_is_made_for_somebody_shown_once_and_revoked() -> None:
    form = {"email": "agent@example.com", "name": "sync", "scope.read": "yes", "key": "k1"}
    async with Office() as office:
        made = await office.send("/admin/tokens", form)
        assert made.status_code == 201
        text = re.search(r'value="(sbt_[^"]+)"', made.text)
        assert text is not None
        listed = (await office.get("/admin/tokens?email=Agent@example.com")).text
        assert ("<b>sync</b>" in listed, text[1] in listed) == (True, False)
        assert f"…{text[1][-4:]}" in listed

        (token_id,) = {
            token_id
            for token_id in office.bench.log.ids("tokens")
            if (office.bench.log.get("tokens", token_id) or {}).get("name") == "sync"
        }
        gone = await office.post(f"/admin/tokens/{token_id}/revoke")
        assert gone.headers["location"] == "/admin/tokens?done=revoked"
        assert office.bench.log.get("tokens", token_id) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"email": "nobody@shop.example"}, "Not registered."),
        ({"scope.admin": "yes"}, "for administrators"),
        ({"name": ""}, "Please fill this in."),
    ],
)
async def test_a_token_that_cannot_be_is_refused_beside_its_field(
    change: dict[str, str], said: str
) -> None:
    form = {"email": "agent@example.com", "name": "sync", "scope.read": "yes", **change}
    async with Office() as office:
        answer = await office.send("/admin/tokens", form)

        assert 400 <= answer.status_code < 500
        assert re.search(f'class="error".*{said}', answer.text)
        assert office.bench.log.on("directory") == []


async def test_a_token_of_a_deactivated_account_says_so() -> None:
    async with Office() as office:
        await office.post("/admin/directory/accounts/agent@example.com", does="deactivate")
        page = (await office.get("/admin/tokens?email=agent@example.com")).text

    assert "Its account is deactivated" in page
