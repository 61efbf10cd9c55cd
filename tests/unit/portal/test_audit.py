"""The audit log: each change with who made it and what it was before, and no secret in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.portal.admin.audit_page import make_audit_filter
from services.portal.projector.batch import EventMessage, Fold, list_needed_docs
from shared import events as e
from shared.events import Actor, Via
from shared.wire import Message
from tests.support.administering import Office

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
BY = Actor(email="admin@example.com", via=Via.WEB)


def recorded(kind: str, doc_id: str, document: Any, number: int = 0) -> e.DirectoryRecorded:
    return e.DirectoryRecorded.model_validate(
        {
            "id": f"dir_{kind}{doc_id}{number}",
            "key": f"{kind}:{doc_id}",
            "at": AT,
            "kind": kind,
            "doc_id": doc_id,
            "document": document,
            "actor": BY,
        }
    )


def audited(*events: e.Event) -> list[dict[str, Any]]:
    read = [
        EventMessage(Message("directory", 0, n, event.key, b"", {}, 0.0), event)
        for n, event in enumerate(events)
    ]
    fold = Fold(dict.fromkeys(list_needed_docs(read)), 0)
    return list(fold.take(read).inserted["audit"].values())


def test_made_changed_and_removed_say_what_was_before() -> None:
    first = {"email": "a@b.example", "plan": "free", "roles": ["requester"], "since": "x"}
    entries = audited(
        recorded("accounts", "a@b.example", first, 1),
        recorded("accounts", "a@b.example", first | {"roles": ["agent"]}, 2),
        recorded("accounts", "a@b.example", None, 3),
    )

    assert [entry["change"] for entry in entries] == ["created", "changed", "removed"]
    assert entries[1]["fields"] == [{"field": "roles", "before": ["requester"], "after": ["agent"]}]
    assert {entry["by"] for entry in entries} == {"admin@example.com"}
    assert "since" not in [field["field"] for field in entries[0]["fields"]]


def test_no_secret_is_in_it() -> None:
    provider = {"slug": "redisco", "name": "Redisco", "webhook_secret": "whsec_1"}
    entries = audited(
        recorded("providers", "redisco", provider, 1),
        recorded("providers", "redisco", provider | {"webhook_secret": "whsec_2"}, 2),
        recorded("credentials", "a@b.example", {"password_hash": "$argon2id$x"}),
        recorded("tokens", "f" * 64, {"email": "a@b.example", "name": "ci", "hint": "x9z1"}),
        recorded("second-steps", "a@b.example", {"secret": "JBSWY3DP"}),
        recorded("invitations", "inv_1", {"email": "gus@b.example", "plan": "free"}),
    )

    assert "whsec" not in str(entries)
    assert "argon2" not in str(entries)
    assert "JBSWY3DP" not in str(entries)
    assert entries[5]["of"] == "gus@b.example"
    assert entries[1]["fields"] == [
        {"field": "webhook_secret", "before": "(hidden)", "after": "(hidden)"}
    ]
    assert (entries[3]["of"], entries[3]["note"]) == ("a@b.example", "ci x9z1")


def test_a_policy_is_told_by_its_version_and_readers_own_wishes_are_not() -> None:
    policy = e.PolicyPublished(
        id="pol_1", key="default", at=AT, version=7, document={}, actor=BY, note="calmer"
    )
    (entry,) = audited(policy, recorded("subscriptions", "sub_1", {"target": "x"}))

    assert (entry["about"], entry["version"], entry["note"]) == ("policies:default", 7, "calmer")


def test_the_filter_takes_addresses_as_they_are_kept() -> None:
    assert make_audit_filter(
        "accounts", " Admin@Example.com ", "accounts:Ann@Shop.example", "2026 dir_2"
    ) == {
        "kind": "accounts",
        "by": "admin@example.com",
        "about": "accounts:ann@shop.example",
        "$or": [{"at": {"$lt": "2026"}}, {"at": "2026", "_id": {"$lt": "dir_2"}}],
    }
    assert make_audit_filter("no such kind", "", "", "") == {}


async def test_what_is_done_at_the_pages_is_told_with_who_did_it() -> None:
    async with Office() as office:
        gus = {"id": "gus@shop.example", "name": "Gus", "plan": "free", "roles.agent": "yes"}
        await office.send("/admin/new/accounts", gus)
        await office.post("/admin/directory/accounts/gus@shop.example", does="deactivate")
        token = {"email": "agent@example.com", "name": "sync", "scope.read": "yes", "key": "k"}
        await office.send("/admin/tokens", token)
        entries = audited(*(event for _, event in office.bench.log.written))

    assert [(entry["about"].partition(":")[0], entry["change"]) for entry in entries] == [
        ("accounts", "created"),
        ("accounts", "changed"),
        ("tokens", "written"),
    ]
    assert [field["field"] for field in entries[1]["fields"]] == ["deactivated_at"]
    assert {(entry["by"], entry["via"]) for entry in entries} == {("admin@example.com", "web")}
