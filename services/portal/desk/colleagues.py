"""Our staff, as somebody chooses among them: kept up to date record by record, because a desk of
twenty may have a hundred thousand customers.
"""

from __future__ import annotations

import orjson

from shared.events import STAFF, Actor
from shared.people.folding import fold_address
from shared.wire import Message

_ROLES = frozenset(role.value for role in STAFF)
# Looked for in the bytes first: to read every customer's record would take long.
_WORDS = tuple(f'"{role}"'.encode() for role in sorted(_ROLES))
_KIND = "accounts:"


class Colleagues:
    """Address → name of everybody on our staff, fed with the records of topic `directory`."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def take(self, message: Message) -> None:
        """A replica's `on_change`."""
        if not message.key.startswith(_KIND):
            return
        email = fold_address(message.key.removeprefix(_KIND))
        # First off the list: whoever lost the roles, or the account, stays off.
        self._names.pop(email, None)
        if not any(word in message.value for word in _WORDS):
            return
        account = orjson.loads(message.value).get("document")
        if account and _ROLES & set(account.get("roles") or ()):
            self._names[email] = str(account.get("name") or email)

    def list_others(self, actor: Actor) -> list[dict[str, str]]:
        """`[{email, name}]` of all but the one who asks, by name."""
        mine = fold_address(actor.email)
        people = ((email, name) for email, name in self._names.items() if email != mine)
        return [
            {"email": email, "name": name}
            for email, name in sorted(people, key=lambda one: one[1].casefold())
        ]
