"""Passwords, the second step, invitations and the set-up: what is answered."""

from __future__ import annotations

from typing import Literal

from shared.http.openapi.calls import AnswerShape, Call, Calls


class PasswordChanged(AnswerShape):
    """`email` is said where a link by mail was used."""

    changed: Literal[True]
    email: str = ""


class ResetSent(AnswerShape):
    """The same whether or not the address has an account."""

    detail: str


class InvitationShown(AnswerShape):
    """`is_over`: its link is no longer good; renew it."""

    id: str
    email: str
    name: str
    roles: list[str]
    plan: str
    provider: str | None
    invited_by: str
    invited_by_name: str
    sent_at: str
    expires_at: str
    is_over: bool


class InvitationList(AnswerShape):
    """The open ones, newest first."""

    items: list[InvitationShown]


class InvitationWithdrawn(AnswerShape):
    """Its link opens nothing any more."""

    id: str
    email: str
    withdrawn: Literal[True]


class InvitationAccepted(AnswerShape):
    """There is an account of this address now."""

    email: str
    accepted: Literal[True]


class SecondStepBegun(AnswerShape):
    """`secret` for an authenticator, also as `uri`; send `enrolment` back with a code it makes."""

    secret: str
    uri: str
    enrolment: str


class SecondStepOn(AnswerShape):
    """Each recovery code stands in for one code. They are shown this once."""

    on: Literal[True]
    recovery_codes: list[str]


class SecondStepOff(AnswerShape):
    """A password is enough again."""

    on: Literal[False]


class SecondStepReset(AnswerShape):
    """`was_on`: whether there was anything to switch off."""

    email: str
    on: Literal[False]
    was_on: bool


class RecoveryCodeUsed(AnswerShape):
    """`left`: how many recovery codes there still are."""

    left: int


class SetUpLink(AnswerShape):
    """`path` on the portal, good until `expires_at`."""

    path: str
    expires_at: str


class SetUpDone(AnswerShape):
    """`documents`: the policy documents that were published."""

    email: str
    documents: list[str]


_OWNERS = ("403 session-needed", "403 wrong-password", "429 too-many-tries", "503 no-secret")
_PASSWORD = "a long sentence that nobody guesses"  # noqa: S105 it is an example

CALLS: Calls = {
    "POST /v1/account/password": Call(
        "Change your password",
        "Sign-in",
        PasswordChanged,
        (*_OWNERS, "409 no-password", "503 busy"),
        {"current_password": "the one you have", "new_password": _PASSWORD},
    ),
    "POST /v1/password-resets": Call(
        "Ask for a link that sets a new password",
        "Sign-in",
        ResetSent,
        ("503 no-secret",),
        {"email": "ada@example.com"},
        who="anybody",
    ),
    "POST /v1/passwords": Call(
        "Set a password by the link of a mail",
        "Sign-in",
        PasswordChanged,
        ("403 link-not-good", "503 busy", "503 no-secret"),
        {"token": "from the link", "password": _PASSWORD},
        who="anybody",
    ),
    "POST /v1/account/second-step": Call(
        "Begin to switch on the second step",
        "Sign-in",
        SecondStepBegun,
        ("403 session-needed", "404 not-found", "503 no-secret"),
    ),
    "PUT /v1/account/second-step": Call(
        "Switch on the second step",
        "Sign-in",
        SecondStepOn,
        (*_OWNERS, "404 not-found", "409 enrolment-over", "422 wrong-code"),
        {"enrolment": "from the call before", "code": "123456", "current_password": "yours"},
    ),
    "DELETE /v1/account/second-step": Call(
        "Switch off the second step",
        "Sign-in",
        SecondStepOff,
        (*_OWNERS, "404 not-found"),
        {"current_password": "yours"},
    ),
    "POST /v1/account/second-step/codes": Call(
        "Make new recovery codes",
        "Sign-in",
        SecondStepOn,
        (*_OWNERS, "404 not-found", "409 second-step-off"),
        {"current_password": "yours"},
    ),
    "POST /v1/account/second-step/recovery": Call(
        "Use up a recovery code; for the portal's sign-in",
        "Sign-in",
        RecoveryCodeUsed,
        (
            *("403 session-needed", "404 not-found", "409 second-step-off"),
            *("422 wrong-code", "503 no-secret"),
        ),
        {"code": "abcd-efgh-ijkl"},
    ),
    "DELETE /v1/second-steps/{email}": Call(
        "Switch off somebody's second step, as an administrator",
        "Sign-in",
        SecondStepReset,
        ("403 forbidden",),
    ),
    "GET /v1/invitations": Call(
        "List the open invitations", "Sign-in", InvitationList, ("403 forbidden",)
    ),
    "POST /v1/invitations": Call(
        "Invite somebody",
        "Sign-in",
        InvitationShown,
        (
            *("403 forbidden", "409 already-registered", "409 too-many"),
            *("422 no-such-provider", "503 no-secret"),
        ),
        {"email": "ada@example.com", "name": "Ada", "roles": ["agent"]},
    ),
    "POST /v1/invitations/{key}/renew": Call(
        "Send an invitation again, with a new link",
        "Sign-in",
        InvitationShown,
        ("403 forbidden", "409 already-registered"),
    ),
    "DELETE /v1/invitations/{key}": Call(
        "Withdraw an invitation", "Sign-in", InvitationWithdrawn, ("403 forbidden",)
    ),
    "POST /v1/invitations/accept": Call(
        "Accept an invitation by the link of its mail",
        "Sign-in",
        InvitationAccepted,
        ("403 link-not-good", "503 busy", "503 no-secret"),
        {"token": "from the link", "name": "Ada", "password": _PASSWORD},
        who="anybody",
    ),
    "POST /v1/setup/links": Call(
        "Make a link by which an administrator is set up; for whoever has the secret",
        "Sign-in",
        SetUpLink,
        ("403 not-the-operator", "409 already-set-up", "503 no-secret"),
        {"proof": "signed with the installation's secret"},
        who="anybody",
    ),
    "POST /v1/setup": Call(
        "Set up an administrator by such a link",
        "Sign-in",
        SetUpDone,
        ("403 link-not-good", "503 busy", "503 no-secret"),
        {"token": "from the link", "email": "ada@example.com", "password": _PASSWORD},
        who="anybody",
    ),
    "POST /v1/setup/second-step-resets": Call(
        "Switch off somebody's second step; for whoever has the secret",
        "Sign-in",
        SecondStepReset,
        ("403 not-the-operator", "404 not-found", "503 no-secret"),
        {"email": "ada@example.com", "proof": "signed with the installation's secret"},
        who="anybody",
    ),
}
