"""What of the log concerns a person: read once for their tickets, names and attachments, then the
mail once more for its files. Pure.
"""

from __future__ import annotations

from typing import Any

from cli.erase.erasing import NAMES
from cli.erase.person import PersonToErase
from shared.people.folding import fold_address

Json = dict[str, Any]


class Traces:
    """`add_event` for every event, then `add_mail_files` for every event of topic `mail`, then `person`."""

    def __init__(self, address: str, pseudonym: str) -> None:
        self._them = PersonToErase(address=fold_address(address.strip()), pseudonym=pseudonym)
        self._names: set[str] = set()
        self._tickets: set[str] = set()
        self._mails: set[str] = set()
        self._blobs: set[str] = set()
        self._attachments: set[str] = set()

    def heard(self, event: Json) -> None:
        """An event of any topic, in any order, that the address stands in somewhere."""
        self._take_names(event)
        is_theirs = self._them.is_them
        kind, key = event.get("type"), str(event.get("key"))
        actor = event.get("actor") or {}
        if kind in ("OpenTicket", "TicketOpened"):
            # What one of our staff opened for somebody is theirs, and so are the files with it.
            is_own = is_theirs(event.get("requester") or actor.get("email"))
        # An attachment belongs to whoever acted or wrote.
        else:
            is_own = is_theirs(actor.get("email")) or is_theirs(event.get("author"))
        if is_own and kind in ("OpenTicket", "TicketOpened"):
            self._tickets.add(key)
        if is_own:
            self._attachments |= set(event.get("attachments") or ())
        # The account has the name under which others know them.
        if (
            kind == "DirectoryRecorded"
            and event.get("kind") == "accounts"
            and is_theirs(event.get("doc_id"))
        ):
            self._add_name((event.get("document") or {}).get("name"))
        if kind == "MailReceived" and (
            is_theirs(event.get("sender")) or is_theirs(event.get("mail_from"))
        ):
            self._mails.add(key)
        if kind in ("MailTicketed", "MailThreaded", "MailQuarantined") and is_theirs(
            event.get("sender")
        ):
            self._mails.add(key)
        if kind == "MailBounced" and any(
            is_theirs(each.get("address")) for each in event.get("recipients") or ()
        ):
            self._mails.add(key)  # it repeats what we had written to them

    def joined(self, event: Json) -> None:
        """An event of topic `mail`: what others mailed into a ticket of theirs quotes them."""
        if event.get("ticket_id") in self._tickets:
            self._mails.add(str(event.get("key")))

    def sent(self, event: Json) -> None:
        """An event of topic `mail`, when all mails are known: the files of theirs."""
        if (
            event.get("type") == "MailReceived"
            and event.get("key") in self._mails
            and event.get("blob")
        ):
            self._blobs.add(str(event["blob"]))

    def person(self) -> PersonToErase:
        return self._them.model_copy(
            update={
                "names": frozenset(self._names),
                "tickets": frozenset(self._tickets),
                "mails": frozenset(self._mails),
                "blobs": frozenset(self._blobs),
                "attachments": frozenset(self._attachments),
            }
        )

    def _take_names(self, value: Any) -> None:
        if isinstance(value, list):
            for each in value:
                self._take_names(each)
        elif isinstance(value, dict):
            for name, whose in NAMES.items():
                if self._them.is_them(value.get(whose)):
                    self._add_name(value.get(name))
            for each in value.values():
                self._take_names(each)

    def _add_name(self, name: object) -> None:
        # A name that an earlier erasure left is nobody's.
        if isinstance(name, str) and name.strip() and not name.startswith("erased-"):
            self._names.add(name.strip())
