"""Many directory documents at once: what each would change, and what it names that is not there. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import Field, StringConstraints

from services.intake.directory import DOCUMENTS, check, id_of
from services.intake.forms import Form
from shared.errors import Refused

MOST_DOCUMENTS = 200
MASKED = "(hidden)"
_SECRET = frozenset({"webhook_secret", "password_hash"})

Documents = Callable[[str, str], Mapping[str, Any] | None]
"""The directory: kind and id → document."""


class Entry(Form):
    """`document` null removes it."""

    holds_secrets: ClassVar[bool] = True
    kind: Annotated[str, StringConstraints(max_length=30)]
    id: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    document: dict[str, Any] | None


class DirectoryForm(Form):
    holds_secrets: ClassVar[bool] = True
    documents: Annotated[tuple[Entry, ...], Field(strict=False, min_length=1, max_length=MOST_DOCUMENTS)]


class Dangling(NamedTuple):
    """`pointer` of the document names `refers` (`kind:id`), which the directory does not have. A warning, never a refusal: what
    is named may come later, and an app whose collaborator has no account yet must not lock the others out."""

    pointer: str
    refers: str
    detail: str


class Planned(NamedTuple):
    """`kept` is the document as it will stand. `change`: created, changed, unchanged or removed; `fields` name what differs."""

    kind: str
    id: str
    kept: dict[str, Any] | None
    change: str
    fields: tuple[dict[str, Any], ...]
    warnings: tuple[Dangling, ...]

    def shown(self) -> dict[str, Any]:
        warnings = [warning._asdict() for warning in self.warnings]
        return {"kind": self.kind, "id": self.id, "change": self.change, "fields": list(self.fields), "warnings": warnings}


def plan(entries: Sequence[Entry], documents: Documents) -> list[Planned]:
    """What loading the entries would do, in their order. Raises Refused `invalid` with every mistake of every entry: all or none."""
    mistakes: list[dict[str, str]] = []
    checked: list[tuple[str, str, dict[str, Any] | None]] = []
    seen: set[tuple[str, str]] = set()
    for number, entry in enumerate(entries):
        try:
            doc_id = id_of(entry.kind, entry.id)
            if (entry.kind, doc_id) in seen:
                raise Refused("invalid", "this document is here twice")
            seen.add((entry.kind, doc_id))
            checked.append((entry.kind, doc_id, None if entry.document is None else check(entry.kind, doc_id, entry.document)))
        except Refused as refusal:
            mistakes += _placed(refusal, number)
    if mistakes:
        said = "; ".join(f"{mistake['pointer']}: {mistake['detail']}" for mistake in mistakes[:3])
        raise Refused("invalid", said + ("; …" if len(mistakes) > 3 else ""), extra={"errors": mistakes})
    coming = {(kind, doc_id): kept for kind, doc_id, kept in checked}

    def known(kind: str, doc_id: str) -> bool:
        return (coming[kind, doc_id] if (kind, doc_id) in coming else documents(kind, doc_id)) is not None

    return [_planned(kind, doc_id, kept, documents(kind, doc_id), known) for kind, doc_id, kept in checked]


def _placed(refusal: Refused, number: int) -> Iterator[dict[str, str]]:
    found = refusal.extra.get("errors")
    for error in found if isinstance(found, list) else [{"pointer": "#", "detail": refusal.detail}]:
        yield {"pointer": f"#/documents/{number}/document" + str(error["pointer"]).lstrip("#"), "detail": str(error["detail"])}


def _planned(
    kind: str, doc_id: str, kept: dict[str, Any] | None, standing: Mapping[str, Any] | None, known: Callable[[str, str], bool]
) -> Planned:
    if kept is None:
        return Planned(kind, doc_id, None, "unchanged" if standing is None else "removed", (), ())
    warnings = tuple(dangling(kind, kept, known))
    if standing is None:
        return Planned(kind, doc_id, kept, "created", (), warnings)
    names = sorted(name for name in {*kept, *standing} if kept.get(name) != standing.get(name))
    fields = tuple({"field": name, "before": _open(name, standing.get(name)), "after": _open(name, kept.get(name))} for name in names)
    return Planned(kind, doc_id, kept, "changed" if names else "unchanged", fields, warnings)


def masked(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without what proves anything."""
    return {name: _open(name, value) for name, value in document.items()}


def _open(name: str, value: Any) -> Any:
    return MASKED if name in _SECRET and value is not None else value


_ACCOUNT = "there is no such account; nobody can sign in as it"
_REFERS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "accounts": (("provider", "providers", "there is no such provider; this account sees no tickets"),),
    "apps": (
        ("owner", "accounts", _ACCOUNT), ("collaborators", "accounts", _ACCOUNT), ("addons", "providers", "there is no such provider"),
    ),
    "providers": (("users", "accounts", _ACCOUNT),),
    "teams": (("members", "accounts", _ACCOUNT),),
    "tokens": (("email", "accounts", "there is no such account; the token opens nothing"),),
}  # fmt: skip
"""Kind → (field, the kind it names, what it means that it is not there)."""


def dangling(kind: str, document: Mapping[str, Any], known: Callable[[str, str], bool]) -> Iterator[Dangling]:
    """What the document names and the directory does not have; and a provider's user who does not act for it."""
    for field, named, meaning in _REFERS.get(kind, ()):
        value = document.get(field)
        for number, name in enumerate(value if isinstance(value, list) else [] if value is None else [value]):
            if not known(named, name):
                yield Dangling(f"#/{field}/{number}" if isinstance(value, list) else f"#/{field}", f"{named}:{name}", f"{name}: {meaning}")
    if kind == "accounts" and (document.get("provider") is None) == ("provider" in document.get("roles", ())):
        yield Dangling("#/provider", "", "the role provider and the field provider belong together; one alone gives nothing")


KINDS = tuple(DOCUMENTS)
