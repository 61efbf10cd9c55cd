"""Why somebody cannot be erased yet, and what to change first. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli.erase.person import PersonToErase
from shared.people.folding import fold_address

Json = dict[str, Any]


def in_the_way(
    person: PersonToErase, directory: Mapping[str, Json], on_call: Json | None
) -> list[str]:
    """One sentence for each thing that would be left without anybody. `directory`: key → document,
    as it stands; `on_call`: the on-call document in force."""
    return [*_on_call(person, on_call), *_admin(person, directory), *_provider(person, directory)]


def _on_call(person: PersonToErase, document: Json | None) -> list[str]:
    """Also where others are on call beside them: a step that reaches nobody is found out at
    night.
    """
    people = (document or {}).get("people") or {}
    # By address: the document's own names for people are not theirs to erase.
    named = sorted(name for name, one in people.items() if person.is_them((one or {}).get("email")))
    return [
        f"The on-call document names them as {name!r}. Take them out of its schedules, "
        "escalation policies and people first: "
        "`signalbox policy apply`."
        for name in named
    ]


def _admin(person: PersonToErase, directory: Mapping[str, Json]) -> list[str]:
    admins = {
        key.partition(":")[2]
        for key, one in directory.items()
        if key.startswith("accounts:") and "admin" in (one.get("roles") or ())
    }
    # The only admin, and nobody else.
    if {fold_address(admin) for admin in admins} == {person.address}:
        return [
            (
                "They are the last admin. Give somebody else's account the role `admin` first: "
                "`signalbox directory load`."
            )
        ]
    return []


def _provider(person: PersonToErase, directory: Mapping[str, Json]) -> list[str]:
    return [
        (
            f"Provider {key.partition(':')[2]!r} is reached at this address ({field}). Give it "
            "another one first: `signalbox directory load`."
        )
        for key, one in sorted(directory.items())
        if key.startswith("providers:")
        for field in ("agent_email", "support_email")
        if person.is_them(one.get(field))
    ]
