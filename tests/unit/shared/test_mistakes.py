"""Mistakes in forms, in words for whoever filled them in."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from services.intake import forms
from services.intake.forms import Form, fill
from services.intake.incidents import forms as incident_forms
from shared.errors import Refused
from shared.http.mistakes import sentence

LONG = "x" * 201
TIME = "Please give a date and time with its zone, such as 2026-11-22T10:00:00Z."


def told(form: type[Form], body: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(Refused) as refused:
        fill(form, body)
    return {one["pointer"]: one["detail"] for one in refused.value.extra["errors"]}  # type: ignore[index, union-attr]


@pytest.mark.parametrize(
    ("form", "body", "said"),
    [
        (
            forms.TicketForm,
            {},
            {"#/subject": "Please fill this in.", "#/body": "Please fill this in."},
        ),
        (
            forms.TicketForm,
            {"subject": "", "body": " "},
            {"#/subject": "Please fill this in.", "#/body": "Please fill this in."},
        ),
        (
            forms.TicketForm,
            {"subject": LONG, "body": "x"},
            {"#/subject": "Please shorten this to 200 characters."},
        ),
        (
            forms.TicketForm,
            {"subject": "a\nb", "body": "x"},
            {"#/subject": "Please keep this on one line."},
        ),
        (
            forms.TicketForm,
            {"subject": "a", "body": "x", "app": "a b"},
            {"#/app": "Please leave out spaces."},
        ),
        (forms.TicketForm, {"subject": "a", "body": 7}, {"#/body": "This must be text."}),
        (
            forms.TicketForm,
            {"subject": "a", "body": "x", "priority": "asap"},
            {"#/priority": "Please choose urgent, high, normal or low."},
        ),
        (
            forms.TicketForm,
            {"subject": "a", "body": "x", "colour": "red"},
            {"#/colour": "There is no such field here: leave it out."},
        ),
        (
            forms.TicketForm,
            {"subject": "a", "body": "x", "attachments": ["a"] * 21},
            {"#/attachments": "Please give at most 20 of these."},
        ),
        (
            forms.TicketForm,
            {"subject": "a", "body": "x", "urgent": "yes"},
            {"#/urgent": "This must be an object with fields of its own."},
        ),
        (forms.AssignForm, {}, {"#": "Name either a provider or a queue."}),
        (forms.RateForm, {"score": 9}, {"#/score": "Please give 5 or less."}),
        (forms.RateForm, {"score": "5"}, {"#/score": "Please give a whole number."}),
        (
            forms.AccessForm,
            {"granted": "yes"},
            {"#/granted": "Please say yes or no: true or false."},
        ),
        (incident_forms.RescheduleForm, {"ends_at": "tomorrow"}, {"#/ends_at": TIME}),
        (incident_forms.RescheduleForm, {"ends_at": "2026-11-22T10:00:00"}, {"#/ends_at": TIME}),
        (
            incident_forms.PostmortemForm,
            {"sections": []},
            {"#/sections": "Please give at least 1 of these."},
        ),
    ],
)
def test_a_mistake_says_what_to_do(
    form: type[Form], body: dict[str, Any], said: dict[str, str]
) -> None:
    assert told(form, body) == said


RAW = re.compile(r"Input should|String should|Field required|valid (?:string|integer)|Extra inputs")


@pytest.mark.parametrize("form", sorted(Form.__subclasses__(), key=lambda one: one.__name__))
def test_no_form_answers_in_the_validators_words(form: type[Form]) -> None:
    """Every field of every form with a value of each wrong kind."""
    for wrong in ({}, [], 7, "", None, "x" * 200_001, "a b\n", [1]):
        body = dict.fromkeys(form.model_fields, wrong)
        try:
            form.model_validate(body)
        except ValidationError as error:
            for one in error.errors(include_url=False, include_input=False):
                assert not RAW.search(sentence(one)), (form, wrong, one["type"])
