"""Secrets end at the door; the request is still the one that was sent."""

from __future__ import annotations

import re

import pytest

from services.intake.accounts.tokens import PasswordForm
from services.intake.directory.load import DirectoryForm
from services.intake.forms import TICKET_ACTIONS, Form, TicketForm, fill
from services.intake.http.door import digest_of
from services.intake.http.masking import NOT_TEXT, masking_notes
from services.intake.tickets.shell import suggestions
from shared.knowledge import Articles
from shared.text.redact import MaskedSecret, use
from tests.support.naughty import NAUGHTY
from tests.unit.text.samples import PW, drawn

ADDRESS = f"postgres://u:{PW}@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d1"


def test_every_text_of_a_ticket_is_masked_and_the_rest_stays() -> None:
    texts = (
        "users_affected",
        "business_impact",
        "steps_to_reproduce",
        "seen_in_staging",
        "staging_differences",
        "began_at",
        "logs",
        "configuration",
    )
    urgent = {name: f"{name}: {ADDRESS}" for name in texts} | {
        "access_granted": True,
        "third_party_services": ["stripe", f"x {ADDRESS}"],
    }
    form = fill(
        TicketForm,
        {
            "subject": f"Broken {ADDRESS}",
            "body": ADDRESS,
            "app": "a",
            "addon": "redisco",
            "urgent": urgent,
        },
    )
    shown = form.model_dump_json()
    assert PW not in shown
    assert shown.count("ec2-1-2-3-4.compute-1.amazonaws.com") == 11, (
        "the host tells whose add-on it is"
    )
    assert (
        form.app,
        form.addon,
        form.urgent and form.urgent.third_party_services and form.urgent.third_party_services[0],
    ) == (
        "a",
        "redisco",
        "stripe",
    )
    assert len(form.masked) == 11


@pytest.mark.parametrize("action", TICKET_ACTIONS)
def test_every_text_of_every_action_is_masked(action: str) -> None:
    form = TICKET_ACTIONS[action][1]
    given = {
        "body": ADDRESS,
        "reason": ADDRESS,
        "information": ADDRESS,
        "resolution": ADDRESS,
        "comment": ADDRESS,
        "priority": "high",
        "score": 3,
        "granted": True,
        "share_token": "x",
        "queue": "csa",
        "incident_id": "inc_a",
        "to": "ann@example.com",
        "email": "ann@example.com",
        "add": ["needs info"],
        "into": "tkt_" + "a" * 26,
    }
    filled = fill(form, {name: given[name] for name in form.model_fields if name in given})
    assert PW not in filled.model_dump_json()
    assert bool(filled.masked) is bool(
        {"body", "reason", "information", "resolution", "comment"} & set(form.model_fields)
    )


def test_nothing_to_mask_leaves_the_form_alone() -> None:
    form = fill(
        TicketForm, {"subject": "H12", "body": "since 8601b555-6a83-4c12-8269-97c8e32cdb22"}
    )
    assert form.masked == ()


@pytest.mark.parametrize("form", [PasswordForm, DirectoryForm])
def test_a_form_that_takes_secrets_keeps_them(form: type[Form]) -> None:
    body = {
        PasswordForm: {"current_password": ADDRESS, "new_password": "wh" + "sec_" + drawn("x", 30)},
        DirectoryForm: {
            "documents": [{"kind": "providers", "id": "a", "document": {"note": ADDRESS}}]
        },
    }[form]
    assert PW in fill(form, body).model_dump_json()


def test_names_and_proofs_are_not_texts() -> None:
    form = fill(TICKET_ACTIONS["join"][1], {"share_token": "sk_" + "live_" + drawn("y", 30)})
    assert form.masked == ()
    assert "share_token" in NOT_TEXT


def test_what_was_masked_is_told_once_a_kind_with_what_to_do() -> None:
    sentences = masking_notes(
        [
            MaskedSecret("password", "Change that password"),
            MaskedSecret("aws key", "Revoke it"),
            MaskedSecret("password", "Change that password"),
        ]
    )
    assert len(sentences) == 2
    assert "2 secrets" in sentences[0] and "change that password" in sentences[0]


def test_a_form_of_the_api_tells_kinds() -> None:
    form = fill(TicketForm, {"subject": "x", "body": f"password: {PW} and {ADDRESS}"})
    assert [one.kind for one in form.masked] == ["password", "password in an address"]


def test_articles_are_suggested_by_code_also_from_the_logs() -> None:
    articles = Articles()
    form = fill(
        TicketForm,
        {
            "subject": "The shop is broken",
            "body": "It shows an error page.",
            "urgent": {"logs": "at=error code=H12"},
        },
    )
    found = suggestions(articles, form)
    assert found[0]["url"] == "/help/h12-request-timeout"
    assert set(found[0]) == {"title", "url"} and len(found) <= 3
    assert suggestions(None, form) == []


def test_the_digest_knows_a_body_again_and_gives_nothing_away() -> None:
    body = {"subject": "x", "body": "password: guess1"}
    digest = digest_of(body, "s" * 32)
    assert digest == digest_of(dict(reversed(body.items())), "s" * 32)
    assert digest != digest_of({**body, "body": "password: guess2"}, "s" * 32)
    assert digest != digest_of(body, "t" * 32), "without the secret nobody can try bodies out"
    assert digest_of(body, None)


@pytest.mark.parametrize("text", NAUGHTY)
def test_what_only_looks_dangerous_is_kept_as_it_is(text: str) -> None:
    form = fill(
        TicketForm,
        {"subject": text, "body": text, "urgent": {"logs": text, "third_party_services": [text]}},
    )
    assert (form.subject, form.body, form.masked) == (text.strip(), text, ())


def test_texts_of_a_form_are_scanned_once_and_each_is_masked() -> None:
    scans: list[str] = []

    def scan(text: str) -> list[tuple[str, str]]:
        scans.append(text)
        return [("vendor token", found) for found in re.findall("zz[0-9]{8}", text)]

    use(scan)
    try:
        body = {"subject": "zz12345678 fails", "body": "So do zz87654321 and zz12345678."}
        form = fill(TicketForm, {**body, "urgent": {"logs": "zz11112222"}})
        large = fill(TicketForm, {"subject": "zz12345678", "body": "x " * 10_000 + "zz87654321"})
    finally:
        use(None)
    assert len(scans) == 1 + 2, "small texts together, large ones each for itself"
    mask = "[masked: vendor token]"
    assert (form.subject, form.body) == (f"{mask} fails", f"So do {mask} and {mask}.")
    assert form.urgent is not None and form.urgent.logs == mask
    assert len(form.masked) == 4
    assert large.subject == mask and large.body.endswith(mask)
