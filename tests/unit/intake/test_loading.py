"""The directory in bulk: all or none, what changes, and what is named and not there."""

from typing import Any

import httpx
import pytest

from services.intake.directory.load import MASKED, EntryForm, find_dangling, hide_secrets, plan
from shared.errors import Refused
from tests.unit.intake.building import NOW, Bench

APP = {"name": "shop", "owner": "free@example.com", "stage": "production"}
STANDING: dict[tuple[str, str], dict[str, Any]] = {
    ("accounts", "free@example.com"): {
        "email": "free@example.com",
        "plan": "free",
        "name": "",
        "roles": [],
    },
    ("apps", "old"): {
        "name": "old",
        "owner": "free@example.com",
        "collaborators": [],
        "stage": "staging",
        "addons": [],
    },
}


def standing(kind: str, doc_id: str) -> dict[str, Any] | None:
    return STANDING.get((kind, doc_id))


def entry(kind: str, doc_id: str, document: dict[str, Any] | None) -> EntryForm:
    return EntryForm(kind=kind, id=doc_id, document=document)


def test_what_a_load_would_change() -> None:
    planned = plan(
        [
            entry("apps", "shop", APP),
            entry(
                "apps", "old", {"name": "old", "owner": "free@example.com", "stage": "production"}
            ),
            entry("accounts", "Free@example.com", {"email": "free@example.com", "plan": "free"}),
            entry("apps", "none", None),
        ],
        standing,
        NOW,
    )
    assert [(p.kind, p.id, p.change) for p in planned] == [
        ("apps", "shop", "created"),
        ("apps", "old", "changed"),
        ("accounts", "free@example.com", "unchanged"),
        ("apps", "none", "unchanged"),
    ]
    assert planned[1].fields == ({"field": "stage", "before": "staging", "after": "production"},)
    assert plan([entry("apps", "old", None)], standing, NOW)[0].change == "removed"


def test_every_mistake_is_told_with_its_place_and_none_is_loaded() -> None:
    wrong = {"email": "x@example.com", "plan": "gold", "colour": "red"}
    with pytest.raises(Refused) as refusal:
        plan(
            [
                entry("apps", "shop", APP),
                entry("accounts", "x@example.com", wrong),
                entry("apps", "shop", APP),
                entry("cats", "x", {}),
            ],
            standing,
            NOW,
        )
    pointers = {error["pointer"] for error in refusal.value.extra["errors"]}  # type: ignore[attr-defined]
    assert pointers == {
        "#/documents/1/document/plan",
        "#/documents/1/document/colour",
        "#/documents/2/document",
        "#/documents/3/document",
    }


@pytest.mark.parametrize(
    ("kind", "document", "refers"),
    [
        (
            "apps",
            {**APP, "collaborators": ["free@example.com", "gone@example.com"]},
            [("#/collaborators/1", "accounts:gone@example.com")],
        ),
        ("apps", {**APP, "addons": ["redisco"]}, [("#/addons/0", "providers:redisco")]),
        ("apps", {**APP, "owner": "who@example.com"}, [("#/owner", "accounts:who@example.com")]),
        (
            "accounts",
            {"provider": "redisco", "roles": ["provider"]},
            [("#/provider", "providers:redisco")],
        ),
        ("accounts", {"roles": ["provider"]}, [("#/provider", "")]),
        ("tokens", {"email": "gone@example.com"}, [("#/email", "accounts:gone@example.com")]),
        ("apps", APP, []),
    ],
)
def test_what_is_named_and_not_there_is_a_warning(
    kind: str, document: dict[str, Any], refers: list[tuple[str, str]]
) -> None:
    found = find_dangling(kind, document, lambda k, i: standing(k, i) is not None)
    assert [(warning.pointer, warning.refers) for warning in found] == refers


def test_what_comes_with_the_same_load_is_there_and_what_goes_is_not() -> None:
    new = entry("accounts", "new@example.com", {"email": "new@example.com", "plan": "free"})
    shop = entry("apps", "shop", {**APP, "collaborators": ["new@example.com"]})
    assert plan([shop, new], standing, NOW)[0].warnings == ()
    assert (
        plan([shop, entry("accounts", "free@example.com", None)], standing, NOW)[0].warnings != ()
    )


def test_secrets_are_not_told() -> None:
    assert hide_secrets({"webhook_secret": "whsec_x", "name": "R"}) == {
        "webhook_secret": MASKED,
        "name": "R",
    }


async def call(
    bench: Bench, method: str, path: str, json: Any = None, who: str = "demo-admin"
) -> httpx.Response:
    transport = httpx.ASGITransport(app=bench.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://intake", headers={"Authorization": f"Bearer {who}"}
    ) as client:
        return await client.request(method, path, json=json)


async def test_loading_over_http_is_idempotent_and_may_be_dry() -> None:
    bench = Bench()
    body = {"documents": [{"kind": "apps", "id": "shop", "document": APP}]}
    dry = (await call(bench, "POST", "/v1/directory?dry_run=true", body)).json()
    assert (dry["dry_run"], dry["published"], dry["items"][0]["change"]) == (True, 0, "created")
    assert bench.log.on("directory") == []
    first, second = [(await call(bench, "POST", "/v1/directory", body)).json() for _ in range(2)]
    assert (first["published"], first["applied"], second["published"]) == (1, True, 0)
    assert len(bench.log.on("directory")) == 1
    assert (await call(bench, "POST", "/v1/directory", body, who="demo-agent")).status_code == 403


async def test_the_directory_is_read_in_pages_by_admins() -> None:
    bench = Bench()
    seen: list[str] = []
    path = "/v1/directory/apps?limit=4"
    while path:
        answer = await call(bench, "GET", path)
        assert answer.status_code == 200, answer.text
        seen += [item["id"] for item in answer.json()["items"]]
        path = answer.headers.get("link", "").partition(">")[0].lstrip("<")
    assert len(seen) == 15
    assert seen == sorted(seen)
    assert (await call(bench, "GET", "/v1/directory/apps", who="demo-agent")).status_code == 403
    assert (await call(bench, "GET", "/v1/directory/cats")).status_code == 404
    provider = (await call(bench, "GET", "/v1/directory/providers/redisco")).json()
    assert provider["document"]["webhook_secret"] == MASKED
