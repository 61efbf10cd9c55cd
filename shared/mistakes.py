"""A body that does not fit its model, in words: every mistake with its place as a JSON pointer. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.errors import Refused


def invalid(errors: Sequence[Mapping[str, Any]]) -> Refused:
    """The refusal to raise. `errors` are pydantic's (`loc`, `msg`), with locations from the body's root."""
    found = [{"pointer": pointer(error["loc"]), "detail": words(error["msg"])} for error in errors]
    said = "; ".join(f"{mistake['pointer']}: {mistake['detail']}" for mistake in found[:3])
    return Refused("invalid", said + ("; …" if len(found) > 3 else ""), extra={"errors": found})


def pointer(location: Iterable[object]) -> str:
    """A location as a JSON pointer in a URI fragment (RFC 6901 section 6): `#/urgent/logs`."""
    return "#" + "".join("/" + str(part)[:100].replace("~", "~0").replace("/", "~1") for part in location)


def words(message: str) -> str:
    """Pydantic's message without its prefix for our own validators."""
    return message.removeprefix("Value error, ")
