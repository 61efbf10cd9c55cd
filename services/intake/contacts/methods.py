"""Contact methods of the people of the on-call document: each change makes its next version. Pure.

Everybody sees to their own (the account's address is the person's `email` there), admins to all. A
method is used for pages once it is verified: a code sent by that very channel is typed in here.
They are tried in their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from services.intake.forms import Form
from shared.access import is_admin
from shared.errors import Refused
from shared.events import Actor, Instant
from shared.people.folding import fold_address
from shared.policy.addresses import mistake_of
from shared.policy.on_call.document import Channel, ContactMethod
from shared.signed.contact_code import fits

MOST = 10
Document = Mapping[str, Any]

_ADMINS_ONLY = frozenset({Channel.APPRISE})
"""An Apprise URL can make this machine speak a hundred protocols, to wherever it says."""

MethodName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]


class MethodForm(Form):
    """A way to be reached; `name` is one's own word for it, in lower case. The addresses of some
    channels are secrets.
    """

    holds_secrets: ClassVar[bool] = True
    name: MethodName
    channel: Annotated[Channel, Field(strict=False)]
    address: Annotated[
        str, StringConstraints(min_length=1, max_length=2_000, strip_whitespace=True)
    ]


class ConfirmForm(Form):
    """The code as it came; spaces in it do not count."""

    holds_secrets: ClassVar[bool] = True
    code: Annotated[str, StringConstraints(min_length=1, max_length=40)]


def methods_of(document: Document, person: str, actor: Actor) -> list[ContactMethod]:
    """Theirs, in the order in which they are tried. Raises Refused `not-found` (404) for anybody it
    is no business of.
    """
    found = document.get("people", {}).get(person)
    # The same answer for a stranger and for a name that is not there.
    if found is None or not (
        is_admin(actor) or fold_address(str(found.get("email", ""))) == fold_address(actor.email)
    ):
        raise Refused(
            "not-found", "There is nobody of this name on call, or it is not you.", status=404
        )
    return [
        ContactMethod.model_validate(method, extra="ignore") for method in found.get("methods", ())
    ]


def method_of(document: Document, person: str, name: str, actor: Actor) -> ContactMethod:
    """One of them. Raises Refused `not-found` (404)."""
    found = next(
        (method for method in methods_of(document, person, actor) if method.name == name), None
    )
    if found is None:
        raise Refused("not-found", f"{person} has no contact method {name!r}.", status=404)
    return found


def with_method(document: Document, person: str, form: MethodForm, actor: Actor) -> dict[str, Any]:
    """One more, unverified and last. Raises Refused: a name taken (409), an address that is none,
    one too many, not theirs to add.
    """
    known = methods_of(document, person, actor)
    # The right first, then the address: its mistakes are for those who may enter one.
    if form.channel in _ADMINS_ONLY and not is_admin(actor):
        raise Refused("forbidden", "Addresses for Apprise are entered by admins.", status=403)
    if (said := mistake_of(form.channel, form.address)) is not None:
        raise Refused(
            "invalid",
            f"#/address: {said}.",
            extra={"errors": [{"pointer": "#/address", "detail": said}]},
        )
    if any(method.name == form.name for method in known):
        raise Refused(
            "method-exists",
            f"{person} has a contact method {form.name!r} already; remove it first.",
            status=409,
        )
    if len(known) >= MOST:
        raise Refused(
            "too-many-methods", f"{MOST} contact methods are enough; remove one first.", status=409
        )
    return _with(
        document,
        person,
        [*known, ContactMethod(name=form.name, channel=form.channel, address=form.address)],
    )


def without_method(document: Document, person: str, name: str, actor: Actor) -> dict[str, Any]:
    """One less. Raises Refused `last-method` (409): the last verified one stays, or a page would
    reach nobody.
    """
    gone = method_of(document, person, name, actor)
    kept = [method for method in methods_of(document, person, actor) if method.name != name]
    # Only a verified one is ever used, so only the last of those must stay.
    if gone.verified and not any(method.verified for method in kept):
        raise Refused(
            "last-method",
            "This is the last way to reach you that is verified. Add and verify another one first.",
            status=409,
        )
    return _with(document, person, kept)


def with_first(document: Document, person: str, name: str, actor: Actor) -> dict[str, Any]:
    """The one that is tried first from now on."""
    first = method_of(document, person, name, actor)
    return _with(
        document,
        person,
        [first, *(method for method in methods_of(document, person, actor) if method.name != name)],
    )


def with_verified(
    document: Document, person: str, name: str, code: str, actor: Actor, secret: bytes, now: Instant
) -> dict[str, Any]:
    """The method is used for pages from now on. Raises Refused `wrong-code` (422)."""
    found = method_of(document, person, name, actor)
    # Spaces come from how the code is written in a message.
    if not fits(secret, person, found, "".join(code.split()), now):
        raise Refused(
            "wrong-code",
            "This is not the code, or it is no longer good. Ask for another one.",
            status=422,
        )
    verified = found.model_copy(update={"verified": True})
    return _with(
        document,
        person,
        [
            verified if method.name == name else method
            for method in methods_of(document, person, actor)
        ],
    )


def describe_method(method: ContactMethod) -> dict[str, Any]:
    """For the person themselves, and admins."""
    return method.model_dump(mode="json", include={"name", "channel", "address", "verified"})


def _with(document: Document, person: str, methods: list[ContactMethod]) -> dict[str, Any]:
    # Copies: the document that came in belongs to a version that stands.
    people = document["people"]
    changed = {**people[person], "methods": [method.model_dump(mode="json") for method in methods]}
    return {**document, "people": {**people, person: changed}}
