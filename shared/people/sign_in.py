"""How people get in, as the directory keeps it beside accounts and passwords: who asked for a new
password, who is invited. Intake writes these documents, the courier and the portal read them. Pure.

| kind | id | says |
|---|---|---|
| `password-resets` | one of 4,096 slots | somebody asked for a new password of this address |
| `second-steps` | the address | a code is asked for after the password (`shared/people/second_step.py`) |
| `invitations` | `inv_…`, of the address | whoever has this address may become an account with these roles |

No view and no page shows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from shared import ids
from shared.events import Instant, Plan, Role
from shared.people.folding import fold_address

PASSWORD_RESETS = "password-resets"  # noqa: S105 (a kind, no password)
INVITATIONS = "invitations"
SECOND_STEPS = "second-steps"
SIGN_IN_KINDS = (PASSWORD_RESETS, INVITATIONS, SECOND_STEPS)
"""Kinds that only these services read."""

# Short: whoever has the link has the account.
RESET_WITHIN = timedelta(minutes=30)
"""How long the link that sets a new password is good."""


INVITATION_WITHIN = timedelta(days=7)
"""How long the link of an invitation is good."""


class ResetAsked(BaseModel):
    """Somebody asked for a new password of `email`, which need not be registered."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    email: str
    at: Instant


class Invitation(BaseModel):
    """`sent_at`: when the mail was asked for last; links of an earlier mail are no longer good.
    `invited_by`: an administrator's address.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    email: str
    name: str = ""
    roles: tuple[Role, ...] = ()
    plan: Plan
    provider: str | None = None
    invited_by: str
    invited_by_name: str = ""
    sent_at: Instant

    @property
    def expires_at(self) -> datetime:
        return self.sent_at + INVITATION_WITHIN

    def kept(self) -> dict[str, Any]:
        """As the directory holds it."""
        return self.model_dump(mode="json", exclude_none=True)

    def standing(self) -> str:
        """What its link is bound to."""
        # Asking for the mail again changes `sent_at`, and so ends earlier links.
        return f"{invitation_id(self.email)} {self.sent_at.isoformat()}"


def invitation_id(email: str) -> str:
    return ids.derive("inv", fold_address(email))


def invitation_in(document: Mapping[str, Any] | None) -> Invitation | None:
    """The invitation a document is; None for none, and where it cannot be read."""
    try:
        return Invitation.model_validate(document, extra="ignore") if document else None
    except ValidationError:
        return None


def reset_id(email: str) -> str:
    """The slot of an address. What is asked for is read as it comes and over after 30 minutes, so
    addresses may share one: strangers cannot fill the directory.
    """
    # Three hex digits: 4,096 slots.
    return "slot-" + sha256(fold_address(email).encode()).hexdigest()[:3]


def reset_in(document: Mapping[str, Any] | None) -> ResetAsked | None:
    """What a document of kind `password-resets` asks for; None where it cannot be read."""
    try:
        return ResetAsked.model_validate(document, extra="ignore") if document else None
    except ValidationError:
        return None


def password_link_binding(
    credentials: Mapping[str, Any] | None, account: Mapping[str, Any] | None
) -> str:
    """What a link about a password is bound to: the password and the account as they are. Once
    either changes, every link made before is worth nothing.
    """
    # Both change when they are set anew.
    said = (credentials or {}).get("password_hash", ""), (account or {}).get("since", "")
    return sha256("\0".join(str(each) for each in said).encode()).hexdigest()


def roles_link_binding(granted: Iterable[str], governed: Iterable[str]) -> str:
    """What the portal's word about somebody's groups is bound to."""
    # Sorted: the order in which groups are listed must not change it.
    return "|".join(",".join(sorted(each)) for each in (granted, governed))
