"""Roles by group: what groups give and take, and that only the portal's word counts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.intake.accounts.provider_roles import roles_after
from services.portal.sign_in.group_roles import roles_of
from services.portal.sign_in.oidc import groups_in
from shared.events import Role, Via
from shared.people.identity import mint
from shared.people.sign_in import roles_link_binding
from shared.signed.links import PROVIDER_ROLES, sign
from tests.unit.intake.building import NOW, SECRET, Bench

BY_GROUP = {"sre": (Role.OPS, Role.ON_CALL), "support": (Role.AGENT,), "heads": (Role.ADMIN,)}


@pytest.mark.parametrize(
    ("groups", "granted"),
    [
        ([], []),
        (["sre"], ["on-call", "ops"]),
        (["sre", "support", "other"], ["agent", "on-call", "ops"]),
    ],
)
def test_what_groups_give(groups: list[str], granted: list[str]) -> None:
    assert roles_of(groups, BY_GROUP) == (granted, ["admin", "agent", "on-call", "ops"])


@pytest.mark.parametrize(
    ("roles", "granted", "governed", "is_last", "after"),
    [
        (["agent"], ["ops"], ["ops"], False, ["agent", "ops"]),
        (["agent", "ops"], [], ["ops"], False, ["agent"]),
        (["agent", "ops"], [], ["ops", "agent"], False, []),
        (["admin"], [], ["admin"], False, []),
        (["admin"], [], ["admin"], True, ["admin"]),
        (["agent"], [], ["admin"], True, ["agent"]),
        (["provider"], ["agent"], ["agent"], False, ["agent", "provider"]),
    ],
)
def test_groups_govern_their_roles_and_no_others(
    roles: list[str], granted: list[str], governed: list[str], is_last: bool, after: list[str]
) -> None:
    assert roles_after(roles, granted, governed, is_last=is_last) == after


@pytest.mark.parametrize(
    ("claims", "found"),
    [
        ({}, None),
        ({"groups": None}, None),
        ({"groups": {"a": 1}}, None),
        ({"groups": []}, frozenset()),
        ({"groups": "sre"}, frozenset({"sre"})),
        ({"groups": ["sre", 7, "support"]}, frozenset({"sre", "support"})),
    ],
)
def test_a_missing_claim_is_no_empty_one(claims: dict[str, Any], found: Any) -> None:
    assert groups_in(claims, "groups") == found


async def put(
    bench: Bench, granted: list[str], governed: list[str], proof: dict[str, Any]
) -> httpx.Response:
    email = proof.get("email", "agent@example.com")
    page = roles_link_binding(proof.get("granted", granted), proof.get("governed", governed))
    until = NOW + timedelta(minutes=proof.get("minutes", 2))
    secret = proof.get("secret", SECRET).encode()
    body = {
        "granted": granted,
        "governed": governed,
        "proof": sign(secret, PROVIDER_ROLES, page, email, until),
    }
    bearer = mint("agent@example.com", Via.WEB, SECRET, NOW)
    transport = httpx.ASGITransport(app=bench.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        return await client.put(
            "/v1/account/provider-roles", json=body, headers={"Authorization": f"Bearer {bearer}"}
        )


async def test_the_portals_word_is_recorded_as_the_providers(bench: Bench) -> None:
    answer = await put(bench, ["ops"], ["ops", "agent"], {})
    assert answer.json() == {"email": "agent@example.com", "roles": ["ops"]}
    account = bench.log.get("accounts", "agent@example.com") or {}
    assert account["roles"] == ["ops"] and account["plan"]
    (event,) = bench.log.on("directory")
    assert getattr(event, "actor").name == "the sign-in provider"  # noqa: B009
    await put(bench, ["ops"], ["ops", "agent"], {})
    assert len(bench.log.written) == 1, "nothing new, nothing recorded"


@pytest.mark.parametrize(
    "proof",
    [
        {"granted": []},
        {"governed": ["ops"]},
        {"email": "eve@example.com"},
        {"minutes": 0},
        {"secret": "another secret"},
    ],
)
async def test_nobody_gives_themselves_a_role(bench: Bench, proof: dict[str, Any]) -> None:
    answer = await put(bench, ["admin"], ["admin"], proof)
    assert answer.status_code == 403
    assert bench.log.written == []


@pytest.fixture
def bench() -> Bench:
    return Bench()
