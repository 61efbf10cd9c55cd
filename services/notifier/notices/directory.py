"""Whom a record of the directory tells something: by the kind of its document. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from services.notifier.notices import sign_in, subscriptions
from services.notifier.notices.told import DirectoryIndex, Rule, SenderIdentity, Told
from shared.events import DirectoryRecorded
from shared.people.sign_in import INVITATIONS, PASSWORD_RESETS, SECOND_STEPS
from shared.people.subscriptions import KIND

_BY_KIND: Mapping[str, Rule] = {
    KIND: subscriptions.on_asked,
    PASSWORD_RESETS: sign_in.tell_reset,
    INVITATIONS: sign_in.tell_invitation,
    SECOND_STEPS: sign_in.tell_second_step,
    "credentials": sign_in.tell_password_change,
}


def _on_recorded(
    fact: DirectoryRecorded, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    rule = _BY_KIND.get(fact.kind)
    # Accounts, providers and apps are recorded here too, and tell nobody.
    return rule(fact, directory, house) if rule else iter(())


DIRECTORY: Mapping[type[DirectoryRecorded], Rule] = {DirectoryRecorded: _on_recorded}
