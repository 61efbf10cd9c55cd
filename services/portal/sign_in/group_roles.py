"""Roles by group of the OpenID provider: kept in the directory at each sign-in, before anybody is
in. Whoever left a group has lost its roles with their next sign-in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

import structlog

from services.portal.web.parts import Portal
from shared.errors import Unavailable
from shared.events import Role, Via
from shared.people.identity import actor_of
from shared.people.sign_in import roles_link_binding
from shared.signed.links import PROVIDER_ROLES, sign

log = structlog.get_logger()

# It is used at once; a proof that is found in a log later is worth nothing.
_PROOF_LASTS = timedelta(minutes=2)
# Seconds until the change must be in this process: a page drawn before would be wrong.
_APPLIED_S = 3.0

RolesByGroup = Mapping[str, Sequence[Role]]


def roles_of(groups: Collection[str], by_group: RolesByGroup) -> tuple[list[str], list[str]]:
    """What the groups give, and all that groups govern here, sorted. Pure."""
    granted = {role.value for group, roles in by_group.items() if group in groups for role in roles}
    governed = {role.value for roles in by_group.values() for role in roles}
    return sorted(granted), sorted(governed)


async def keep_roles(portal: Portal, email: str, groups: Collection[str] | None) -> None:
    """Have intake record what the groups give, where that is another thing than the account has.
    Groups that are not said change nothing. Raises Unavailable: nobody comes in with roles that
    may have been taken away.
    """
    by_group, secret = portal.settings.oidc_roles, portal.settings.secret
    if not by_group or secret is None:
        return
    # Some providers leave the claim out: that takes nobody's roles away.
    if groups is None:
        log.warning("the provider says nothing about groups", account=email)
        return
    granted, governed = roles_of(groups, by_group)
    account = portal.directory.get("accounts", email) or {"email": email}
    # Only roles that groups govern are compared: others are given here by hand.
    held = set(account.get("roles") or ()) & set(governed)
    if held == set(granted):
        return
    until = portal.clock.now() + _PROOF_LASTS
    page = roles_link_binding(granted, governed)
    # Signed here, since intake takes a change of roles from no one by their own word.
    proof = sign(secret.get_secret_value().encode(), PROVIDER_ROLES, page, email, until)
    document = {"granted": granted, "governed": governed, "proof": proof}
    answer = await portal.intake.forward(
        actor_of(account, Via.WEB), "PUT", "/v1/account/provider-roles", document
    )
    if not answer.is_accepted:
        raise Unavailable("intake", f"roles by group were answered {answer.status}")
    wanted = answer.json.get("roles")
    # Wait until it is known here: the first page must show what the roles allow.
    await portal.directory.wait_until(
        lambda: (
            sorted((portal.directory.get("accounts", email) or {}).get("roles") or ()) == wanted
        ),
        _APPLIED_S,
    )
