"""Roles that come from groups at the OpenID provider: what an account may do from now on.

The portal has checked the provider's signature, and seals what it says; the account's own session
says nothing about it. Groups give and take the roles that the installation maps to groups
(`governed`), and no others.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import structlog
from pydantic import Field, StringConstraints

from services.intake.accounts.shell import record_document
from services.intake.domain import RequestContext
from services.intake.forms import Form
from services.intake.shell import Answer, Intake, secret_of
from shared.errors import Refused
from shared.events import SYSTEM, Role
from shared.people.folding import fold_address
from shared.people.sign_in import roles_link_binding
from shared.signed.links import PROVIDER_ROLES, verify

log = structlog.get_logger()

Roles = Annotated[
    tuple[Annotated[Role, Field(strict=False)], ...], Field(strict=False, max_length=9)
]
# Recorded as the provider's doing: the person did not change their own roles.
_BY = SYSTEM.model_copy(update={"name": "the sign-in provider"})


class ProviderRolesForm(Form):
    """PUT /v1/account/provider-roles. `proof`: the portal's, of exactly these roles."""

    holds_secrets: ClassVar[bool] = True
    granted: Roles
    governed: Roles
    proof: Annotated[str, StringConstraints(min_length=1, max_length=1024)]


def roles_after(
    roles: Collection[str], granted: Collection[str], governed: Collection[str], *, is_last: bool
) -> list[str]:
    """An account's roles once its groups have been heard. `is_last`: of the last administrator, who
    stays one: a mistake at the provider must not leave nobody who can mend it here. Pure.
    """
    # Roles that no group governs stay as they are, whoever gave them.
    kept = {role for role in roles if role not in set(governed)}
    found = kept | set(granted)
    if is_last and Role.ADMIN in roles:
        found.add(Role.ADMIN.value)
    return sorted(found)


async def set_provider_roles(
    intake: Intake, form: ProviderRolesForm, asked: RequestContext, trace: str
) -> Answer:
    """PUT /v1/account/provider-roles. Recorded with the provider as who did it. Raises Refused:
    `not-proved` (403), `not-found` (404).
    """
    key = secret_of(intake, "no role can come from a provider").encode()
    email = fold_address(asked.actor.email)
    granted, governed = ([role.value for role in each] for each in (form.granted, form.governed))
    # The proof is about exactly these roles, so nobody can use it for others.
    page = roles_link_binding(granted, governed)
    link = verify(key, form.proof, PROVIDER_ROLES, page, asked.at)
    if link is None or link.person != email:
        raise Refused("not-proved", "This is for the sign-in of the portal.", status=403)
    # Read and written under one lock, or a change in between would be lost.
    async with intake.reference.publishing:
        account = intake.reference.get("accounts", email)
        if account is None:
            raise Refused("not-found", "There is no such account.", status=404)
        before = sorted(account.get("roles") or ())
        after = roles_after(before, granted, governed, is_last=intake.administrators.is_last(email))
        # Most sign-ins change nothing: then nothing is recorded.
        if after != before:
            kept: dict[str, Any] = {**account, "roles": after}
            by_provider = replace(asked, actor=_BY)
            await record_document(intake, "accounts", email, kept, by_provider, trace)
            log.info("roles came from the provider", account=email, before=before, after=after)
    return {"email": email, "roles": after}
