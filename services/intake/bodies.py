"""The shapes of all bodies that intake takes, and routes whose body is one of them."""

from __future__ import annotations

import functools
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue, models_json_schema

from services.intake.accounts import invitation_routes as app_invitations
from services.intake.accounts import password_routes as app_passwords
from services.intake.accounts import second_step_routes as app_second_step
from services.intake.accounts import set_up_routes as app_set_up
from services.intake.accounts.provider_roles import ProviderRolesForm
from services.intake.accounts.tokens import PasswordForm, PreferencesForm, TokenForm
from services.intake.contacts import routes as app_contacts
from services.intake.directory.load import DirectoryForm
from services.intake.forms import (
    PAGE_ACTIONS,
    TICKET_ACTIONS,
    AnswerAskForm,
    TicketForm,
)
from services.intake.heartbeats.forms import HeartbeatForm
from services.intake.http.gate_route import Endpoint
from services.intake.incidents import routes as app_incidents
from services.intake.mail import routes as app_mail
from services.intake.policies import cover_routes as app_cover
from services.intake.policies.check import MODELS
from services.intake.policies.rota import OverrideForm, SwapForm
from services.intake.subscriptions import redeliver as redelivery
from services.intake.subscriptions import routes as app_subscriptions
from services.intake.subscriptions import try_outs
from services.intake.tickets import saved_views
from services.intake.tickets.imports import ImportForm
from services.intake.world.directory import DOCUMENTS

JsonSchemas = dict[type[BaseModel], JsonSchemaValue]
_REF = "#/components/schemas/{model}"


# Made once: the schemas of all forms take a while.
@functools.cache
def describe_bodies() -> tuple[JsonSchemas, dict[str, Any]]:
    """JSON Schemas of all bodies, and what they refer to."""
    # From the tables of actions, so that no form can be forgotten.
    acting = [form for _, form in (*TICKET_ACTIONS.values(), *PAGE_ACTIONS.values())]
    others: tuple[type[BaseModel], ...] = (
        AnswerAskForm,
        HeartbeatForm,
        redelivery.RedeliverForm,
        *try_outs.FORMS,
        OverrideForm,
        SwapForm,
        TokenForm,
        PasswordForm,
        PreferencesForm,
        ProviderRolesForm,
        DirectoryForm,
        ImportForm,
        *DOCUMENTS.values(),
        *MODELS.values(),
        *app_contacts.FORMS,
        *app_cover.FORMS,
    )
    # A dict keeps the order and names each form once.
    forms: dict[type[BaseModel], None] = dict.fromkeys(
        (
            TicketForm,
            *acting,
            *app_incidents.forms(),
            *app_invitations.forms(),
            *app_mail.forms(),
            *app_passwords.forms(),
            *app_second_step.forms(),
            *app_set_up.forms(),
            *app_subscriptions.forms(),
            *saved_views.forms(),
            *others,
        )
    )
    shapes, definitions = models_json_schema(
        [(form, "validation") for form in forms], ref_template=_REF
    )
    return {form: shapes[form, "validation"] for form in forms}, definitions["$defs"]


def add_write(
    app: FastAPI,
    method: str,
    path: str,
    endpoint: Endpoint,
    *forms: type[BaseModel],
    name: str,
    status: int = 202,
) -> None:
    """A route whose body is one of `forms`. The body is read by the door, so the contract is told
    to OpenAPI here.
    """
    shapes = [describe_bodies()[0][form] for form in forms]
    body = {
        "required": True,
        "content": {
            "application/json": {"schema": shapes[0] if len(shapes) == 1 else {"oneOf": shapes}}
        },
    }
    app.add_api_route(
        path,
        endpoint,
        methods=[method],
        name=name,
        status_code=status,
        openapi_extra={"requestBody": body},
    )
