"""What a body may hold: nothing is coerced, nothing unknown is kept, every mistake is told with its
place.
"""

from typing import Any

import pytest

from services.intake.forms import AssignForm, Form, ReplyForm, TicketForm, fill
from services.intake.policies.check import check_policy
from services.intake.world.directory import check, id_of
from shared.errors import Refused
from tests.unit.intake.building import NOW, POLICIES

GOOD: dict[str, Any] = {"subject": "Down", "body": "It is down."}


def mistakes(form: type[Form], body: dict[str, Any]) -> list[str]:
    with pytest.raises(Refused) as refusal:
        fill(form, body)
    assert (refusal.value.status, refusal.value.code) == (422, "invalid")
    errors = refusal.value.extra["errors"]
    assert isinstance(errors, list)
    return [error["pointer"] for error in errors]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"subject": ""}, "#/subject"),
        ({"subject": "   "}, "#/subject"),
        ({"subject": "x" * 201}, "#/subject"),
        ({"subject": "a\r\nBcc: b@example.com"}, "#/subject"),
        ({"subject": "a\u2028b"}, "#/subject"),
        ({"subject": "a\x07b"}, "#/subject"),
        ({"subject": 5}, "#/subject"),
        ({"subject": None}, "#/subject"),
        ({"body": ""}, "#/body"),
        ({"body": " \n "}, "#/body"),
        ({"body": "x" * 100_001}, "#/body"),
        ({"app": "a b"}, "#/app"),
        ({"priority": "Urgent"}, "#/priority"),
        ({"priority": 1}, "#/priority"),
        ({"kind": "bug"}, "#/kind"),
        ({"urgent": "yes"}, "#/urgent"),
        ({"urgent": {"access_granted": "true"}}, "#/urgent/access_granted"),
        ({"urgent": {"access_granted": 1}}, "#/urgent/access_granted"),
        ({"urgent": {"logs": 7}}, "#/urgent/logs"),
        ({"urgent": {"third_party_services": "redis"}}, "#/urgent/third_party_services"),
        ({"urgent": {"third_party_services": ["a", 2]}}, "#/urgent/third_party_services/1"),
        ({"urgent": {"else": 1}}, "#/urgent/else"),
        ({"attachments": ["x"] * 21}, "#/attachments"),
        ({"unknown": 1}, "#/unknown"),
        ({"a/b~c": 1}, "#/a~1b~0c"),
    ],
)
def test_a_mistake_is_told_with_its_place(change: dict[str, Any], pointer: str) -> None:
    assert mistakes(TicketForm, {**GOOD, **change}) == [pointer]


@pytest.mark.parametrize("field", sorted(TicketForm.model_fields))
def test_no_field_takes_a_query(field: str) -> None:
    assert field in mistakes(TicketForm, {**GOOD, field: {"$ne": 1}})[0]


def test_all_mistakes_are_told_together() -> None:
    assert mistakes(TicketForm, {"subject": 1, "priority": "x", "y": 1}) == [
        "#/subject",
        "#/body",
        "#/priority",
        "#/y",
    ]


@pytest.mark.parametrize(
    "body",
    [{}, {"provider": "redisco", "queue": "csa"}, {"queue": "provider:redisco"}, {"provider": ""}],
)
def test_an_assignment_names_one(body: dict[str, Any]) -> None:
    mistakes(AssignForm, body)


def test_an_audience_is_one_of_three() -> None:
    assert mistakes(ReplyForm, {"body": "x", "audience": "all"}) == ["#/audience"]
    assert fill(ReplyForm, {"body": "x", "audience": "staff"}).audience == "staff"


@pytest.mark.parametrize(
    ("kind", "doc_id", "document", "pointer"),
    [
        ("accounts", "a@example.com", {"email": "b@example.com", "plan": "free"}, "#/email"),
        ("accounts", "a@example.com", {"email": "a@example.com", "plan": "gold"}, "#/plan"),
        (
            "accounts",
            "a@example.com",
            {"email": "a@example.com", "plan": "free", "roles": ["root"]},
            "#/roles/0",
        ),
        ("apps", "shop", {"name": "shop", "owner": "nobody", "stage": "production"}, "#/owner"),
        (
            "providers",
            "x",
            {"slug": "x", "name": "a\nb", "agent_email": "a@b", "support_email": "a@b"},
            "#/name",
        ),
        ("credentials", "a@example.com", {"password_hash": "hunter2"}, "#/password_hash"),
        ("tokens", "0" * 64, {"email": "a@example.com", "scopes": ["all"]}, "#/scopes/0"),
    ],
)
def test_directory_documents_are_checked(
    kind: str, doc_id: str, document: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Refused) as refusal:
        check(kind, doc_id, document)
    errors = refusal.value.extra["errors"]
    assert isinstance(errors, list)
    assert [error["pointer"] for error in errors] == [pointer]


def test_addresses_count_in_lower_case() -> None:
    assert id_of("accounts", "Ada@Example.com") == "ada@example.com"
    assert (
        check("accounts", "ada@example.com", {"email": "Ada@Example.com", "plan": "free"})["email"]
        == "ada@example.com"
    )


def test_only_kinds_an_admin_writes() -> None:
    with pytest.raises(Refused) as refusal:
        id_of("subscriptions", "x")
    assert refusal.value.status == 404


def test_the_shipped_policies_are_good_and_a_broken_one_is_told_where() -> None:
    for name, document in POLICIES.items():
        check_policy(name, document, NOW)
    broken = {
        **POLICIES["default"],
        "provider_answer": {"within": "soon", "calendar": "business"},
        "urgent_stages": ["moon"],
    }
    with pytest.raises(Refused) as refusal:
        check_policy("default", broken, NOW)
    errors = refusal.value.extra["errors"]
    assert isinstance(errors, list)
    assert {error["pointer"] for error in errors} == {
        "#/provider_answer/within",
        "#/urgent_stages/0",
    }
