"""Mail about how somebody signs in: the link that sets a new password, and word of every change, so
that nobody's password is changed behind their back. Pure.

No link is in a notice's body: the body says what the link opens, and it is signed as the mail is
sent (`services/notifier/courier/sealing.py`). So neither the outbox nor the log holds one.
"""

from __future__ import annotations

from collections.abc import Iterator

from services.notifier.notices.told import (
    MAIL_DESTINATION,
    OWN_ADDRESS,
    DirectoryIndex,
    SenderIdentity,
    Told,
    mail,
    make_notice,
)
from shared.events import DirectoryRecorded
from shared.people.identity import is_of
from shared.people.second_step import second_step_in
from shared.people.sign_in import INVITATION_WITHIN, RESET_WITHIN, invitation_in, reset_in
from shared.signed.links import INVITATION, RESET_PASSWORD

DEACTIVATED = "the account is deactivated"


def tell_reset(
    fact: DirectoryRecorded, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    """An address that is not registered gets no mail, and that is recorded. An account without a
    password gets a sentence instead of a link: it never had one to forget.
    """
    found = reset_in(fact.document)
    if found is None:
        return
    known, account = (directory.get(kind, found.email) for kind in ("credentials", "accounts"))
    # Deactivated: no link, and the record says why.
    if account is not None and account.get("deactivated_at") is not None:
        yield mail(fact, found.email, "password-reset", {}, directory, house, DEACTIVATED)
        return
    # No password of their own: they sign in elsewhere, and the mail says where.
    if known is None or not is_of(known, account):
        body = {"url": f"{house.public_url}/login", "link": "To the login"}
        yield mail(fact, found.email, "password-elsewhere", body, directory, house)
        return
    until = (found.at + RESET_WITHIN).isoformat()
    body = {"opens": RESET_PASSWORD, "until": until, "link": "Set a new password"}
    yield mail(fact, found.email, "password-reset", body, directory, house)


def tell_invitation(
    fact: DirectoryRecorded, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    """Whoever is invited has no account yet, so the address need not be registered."""
    found = invitation_in(fact.document)
    if found is None:
        return
    body = {
        "opens": INVITATION,
        "until": found.expires_at.isoformat(),
        "link": "Accept the invitation",
        "to_name": found.name,
        "by": found.invited_by_name or found.invited_by,
        "days": INVITATION_WITHIN.days,
    }
    own = OWN_ADDRESS if found.email in house.own_addresses else ""
    yield make_notice(fact, "mail", found.email, "invitation", MAIL_DESTINATION, body, house, own)


def tell_password_change(
    fact: DirectoryRecorded, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    """Nobody is told of a password that was recorded with an account (`changed_by` is not there
    then); of one that a person or an operator changed, its owner is.
    """
    how = (fact.document or {}).get("changed_by")
    # A first password, or an import: nobody need hear of it.
    if how is None:
        return
    body = {
        "how": str(how),
        "email": fact.doc_id,
        "url": f"{house.public_url}/account",
        "link": "Look at your account",
        "forgotten_url": f"{house.public_url}/login/forgotten",
    }
    yield mail(fact, fact.doc_id, "password-changed", body, directory, house)


def tell_second_step(
    fact: DirectoryRecorded, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    """On, off, reset by somebody else, or a recovery code was used."""
    email, found = fact.doc_id, second_step_in(fact.document)
    # The record is deleted: it was turned off, by themselves or by somebody else.
    if found is None:
        is_own = fact.actor is not None and fact.actor.email == email
        what = "off" if is_own else "reset"
    else:
        what = found.change
    body = {
        "what": what,
        "left": len(found.recovery) if found else 0,
        "url": f"{house.public_url}/account",
        "link": "Look at your account",
    }
    yield mail(fact, email, "second-step-changed", body, directory, house)
