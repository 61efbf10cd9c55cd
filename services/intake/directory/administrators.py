"""Who is an administrator, so that an installation without one can say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from shared.errors import Refused
from shared.events import Role
from shared.people.identity import is_active
from shared.wire import Message

_ACCOUNTS = "accounts:"


def is_administrator(account: Mapping[str, Any] | None) -> bool:
    """Whether an account document is of an administrator who can sign in."""
    return is_active(account) and Role.ADMIN in ((account or {}).get("roles") or ())


class Administrators:
    """The accounts with the role, fed by the directory's replica."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._known)

    def on_change(self, message: Message) -> None:
        """A record of the topic; one that cannot be read is somebody else's to say."""
        if not message.key.startswith(_ACCOUNTS):
            return
        try:
            document = orjson.loads(message.value)["document"] if message.value else None
            is_one = is_administrator(document)
        except (orjson.JSONDecodeError, KeyError, AttributeError):
            # A record that cannot be read changes nothing here.
            return
        email = message.key.removeprefix(_ACCOUNTS)
        (self._known.add if is_one else self._known.discard)(email)

    def would_leave_no_administrator(
        self, changes: Iterable[tuple[str, Mapping[str, Any] | None]]
    ) -> bool:
        """Whether these account documents (None: removed) would leave nobody who administers."""
        # Where nobody administers yet, nobody can be the last one.
        known, left = self._known, set(self._known)
        for email, document in changes:
            (left.add if is_administrator(document) else left.discard)(email)
        return bool(known) and not left

    def check(self, changes: Iterable[tuple[str, Mapping[str, Any] | None]]) -> None:
        """Raises Refused `last-administrator` (409) where `would_leave_no_administrator`."""
        if self.would_leave_no_administrator(changes):
            raise Refused(
                "last-administrator",
                "This is the last administrator. Make somebody else one first: nobody could "
                "change anything here any more.",
                status=409,
            )

    def is_last(self, email: str) -> bool:
        """Whether this account is the only one with the role."""
        return self._known == {email}

    def lacks(self) -> str | None:
        """For the list "not set up yet"."""
        if self:
            return None
        return "an administrator: `signalbox admin create EMAIL` makes a link for the first one"
