"""Many directory documents at once: what each would change, and what it names that is not there.
Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import Field, StringConstraints

from services.intake.directory.generations import with_generation
from services.intake.forms import Form
from services.intake.world.directory import DOCUMENTS, check, id_of
from shared.errors import Refused
from shared.policy.addresses import HIDDEN

# One load is one answer: more documents come in a second one.
MOST_DOCUMENTS = 200
MASKED = HIDDEN
SECRET_FIELDS = frozenset({"webhook_secret", "webhook_secret_previous", "password_hash"})

Documents = Callable[[str, str], Mapping[str, Any] | None]
"""The directory: kind and id → document."""


class EntryForm(Form):
    """`document` null removes it."""

    holds_secrets: ClassVar[bool] = True
    kind: Annotated[str, StringConstraints(max_length=30)]
    id: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    document: dict[str, Any] | None


class DirectoryForm(Form):
    holds_secrets: ClassVar[bool] = True
    documents: Annotated[
        tuple[EntryForm, ...], Field(strict=False, min_length=1, max_length=MOST_DOCUMENTS)
    ]


class DanglingReference(NamedTuple):
    """`pointer` of the document names `refers` (`kind:id`), which the directory does not have. A
    warning, never a refusal: what is named may come later, and an app whose collaborator has no
    account yet must not lock the others out.
    """

    pointer: str
    refers: str
    detail: str


class PlannedDocument(NamedTuple):
    """`kept` is the document as it will stand. `change`: created, changed, unchanged or removed;
    `fields` name what differs.
    """

    kind: str
    id: str
    kept: dict[str, Any] | None
    change: str
    fields: tuple[dict[str, Any], ...]
    warnings: tuple[DanglingReference, ...]

    def shown(self) -> dict[str, Any]:
        warnings = [warning._asdict() for warning in self.warnings]
        return {
            "kind": self.kind,
            "id": self.id,
            "change": self.change,
            "fields": list(self.fields),
            "warnings": warnings,
        }


def plan(
    entries: Sequence[EntryForm], documents: Documents, now: datetime
) -> list[PlannedDocument]:
    """What loading the entries would do, in their order. Raises Refused `invalid` with every
    mistake of every entry: all or none.
    """
    wrong: list[tuple[int, Refused]] = []
    checked: dict[int, tuple[str, str, dict[str, Any] | None]] = {}
    # What this load has had so far: it must not hold a document twice.
    seen: set[tuple[str, str]] = set()
    accounts: dict[str, dict[str, Any] | None] = {}

    def find_document(kind: str, doc_id: str) -> Mapping[str, Any] | None:
        """With the accounts of this load, which the other documents may be of."""
        if kind == "accounts" and doc_id in accounts:
            return accounts[doc_id]
        return documents(kind, doc_id)

    # Accounts first: tokens and passwords of the same load say which account they are of.
    order = sorted(enumerate(entries), key=lambda numbered: numbered[1].kind != "accounts")
    for number, entry in order:
        try:
            # Each entry by itself, so that all mistakes are told at once.
            doc_id = id_of(entry.kind, entry.id)
            if (entry.kind, doc_id) in seen:
                raise Refused("invalid", "this document is here twice")
            seen.add((entry.kind, doc_id))
            kept = None
            # Secrets that were shown as hidden are put back before the check.
            if entry.document is not None:
                full = keep_masked(entry.document, documents(entry.kind, doc_id))
                kept = check(
                    entry.kind,
                    doc_id,
                    with_generation(entry.kind, doc_id, full, find_document, now),
                )
            # Later entries of this load may be of this account.
            if entry.kind == "accounts":
                accounts[doc_id] = kept
            checked[number] = (entry.kind, doc_id, kept)
        except Refused as refusal:
            wrong.append((number, refusal))
    mistakes = [
        each
        for number, refusal in sorted(wrong, key=lambda found: found[0])
        for each in _locate_errors(refusal, number)
    ]
    # All or none: one mistake, and nothing is loaded.
    if mistakes:
        said = "; ".join(f"{mistake['pointer']}: {mistake['detail']}" for mistake in mistakes[:3])
        raise Refused(
            "invalid", said + ("; …" if len(mistakes) > 3 else ""), extra={"errors": mistakes}
        )
    # What the load brings counts as there when names are looked up.
    coming = {(kind, doc_id): kept for kind, doc_id, kept in checked.values()}

    def is_known(kind: str, doc_id: str) -> bool:
        return (
            coming[kind, doc_id] if (kind, doc_id) in coming else documents(kind, doc_id)
        ) is not None

    return [
        _plan_document(kind, doc_id, kept, documents(kind, doc_id), is_known)
        # In the order in which the entries came.
        for _, (kind, doc_id, kept) in sorted(checked.items())
    ]


def _locate_errors(refusal: Refused, number: int) -> Iterator[dict[str, str]]:
    found = refusal.extra.get("errors")
    # The place within the load, not within the document alone.
    for error in found if isinstance(found, list) else [{"pointer": "#", "detail": refusal.detail}]:
        yield {
            "pointer": f"#/documents/{number}/document" + str(error["pointer"]).lstrip("#"),
            "detail": str(error["detail"]),
        }


def _plan_document(
    kind: str,
    doc_id: str,
    kept: dict[str, Any] | None,
    standing: Mapping[str, Any] | None,
    known: Callable[[str, str], bool],
) -> PlannedDocument:
    # Removing what is not there is no change.
    if kept is None:
        return PlannedDocument(
            kind, doc_id, None, "unchanged" if standing is None else "removed", (), ()
        )
    warnings = tuple(find_dangling(kind, kept, known))
    if standing is None:
        return PlannedDocument(kind, doc_id, kept, "created", (), warnings)
    fields = tuple(differences(standing, kept))
    return PlannedDocument(
        kind, doc_id, kept, "changed" if fields else "unchanged", fields, warnings
    )


def differences(
    standing: Mapping[str, Any] | None, kept: Mapping[str, Any] | None
) -> Iterator[dict[str, Any]]:
    """`{field, before, after}` of every field that differs, secrets hidden."""
    old, new = standing or {}, kept or {}
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield {
                "field": name,
                "before": _open(name, old.get(name)),
                "after": _open(name, new.get(name)),
            }


def keep_masked(document: Mapping[str, Any], standing: Mapping[str, Any] | None) -> dict[str, Any]:
    """The document with the secrets it hides taken from the one that stands. Where none stands
    there it stays hidden, and is refused.
    """
    return {
        name: standing[name]
        if standing is not None and name in SECRET_FIELDS and value == MASKED and name in standing
        else value
        for name, value in document.items()
    }


def hide_secrets(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without what proves anything."""
    return {name: _open(name, value) for name, value in document.items()}


def _open(name: str, value: Any) -> Any:
    return MASKED if name in SECRET_FIELDS and value is not None else value


# What a document may name, and what it means where that is missing.
_ACCOUNT = "there is no such account; nobody can sign in as it"
_REFERS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "accounts": (
        ("provider", "providers", "there is no such provider; this account sees no tickets"),
    ),
    "apps": (
        ("owner", "accounts", _ACCOUNT),
        ("collaborators", "accounts", _ACCOUNT),
        ("addons", "providers", "there is no such provider"),
    ),
    "providers": (("users", "accounts", _ACCOUNT),),
    "teams": (("members", "accounts", _ACCOUNT),),
    "tokens": (("email", "accounts", "there is no such account; the token opens nothing"),),
}
"""Kind → (field, the kind it names, what it means that it is not there)."""


def find_dangling(
    kind: str, document: Mapping[str, Any], known: Callable[[str, str], bool]
) -> Iterator[DanglingReference]:
    """What the document names and the directory does not have; and a provider's user who does not
    act for it.
    """
    for field, named, meaning in _REFERS.get(kind, ()):
        value = document.get(field)
        for number, name in enumerate(
            value if isinstance(value, list) else [] if value is None else [value]
        ):
            if not known(named, name):
                yield DanglingReference(
                    f"#/{field}/{number}" if isinstance(value, list) else f"#/{field}",
                    f"{named}:{name}",
                    f"{name}: {meaning}",
                )
    # One of the two alone gives no access, which surprises people later.
    if kind == "accounts" and (document.get("provider") is None) == (
        "provider" in document.get("roles", ())
    ):
        yield DanglingReference(
            "#/provider",
            "",
            "the role provider and the field provider belong together; one alone gives nothing",
        )


KINDS = tuple(DOCUMENTS)
