"""The directory's documents (DESIGN section 7): their shapes, and the typed look at them that admission uses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Protocol, TypeVar

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from shared.errors import Refused
from shared.events import AddonKnown, Instant, Plan, Role, Stage
from shared.identity import Need
from shared.mistakes import invalid

_PARSED_MOST = 50_000
_CONTROL = r"^[^\x00-\x1f\x7f]*$"

Line = Annotated[str, StringConstraints(max_length=300, pattern=_CONTROL)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
Email = Annotated[
    str, StringConstraints(max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f<>,;:\"]+@[^@\s\x00-\x1f\x7f<>,;:\"]+$"), AfterValidator(str.lower)
]
Url = Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://[^\s\x00-\x1f\x7f]+$")]


class Document(BaseModel):
    """A directory document: an unknown field is an error, so a typing mistake is found and not kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)


D = TypeVar("D", bound=Document)


class Account(Document):
    email: Email
    name: Line = ""
    plan: Plan
    roles: tuple[Role, ...] = ()
    provider: Slug | None = None


class App(Document):
    """`owner` and `collaborators` may open tickets about it; `addons` are the slugs of the attached ones.

    Both are written into every request about the app, so they have an end.
    """

    name: Slug
    owner: Email
    collaborators: Annotated[tuple[Email, ...], Field(max_length=1000)] = ()
    stage: Stage
    addons: Annotated[tuple[Slug, ...], Field(max_length=200)] = ()

    def has_access(self, email: str) -> bool:
        return email == self.owner or email in self.collaborators


class Provider(Document):
    """An add-on company. `aliases` and `hosts` are what its add-on is recognised by in a text.

    While `webhook_secret_previous` is there, webhooks are signed with it too: the receiver changes over when it likes.
    """

    slug: Slug
    name: Line
    aliases: Annotated[tuple[Line, ...], Field(max_length=50)] = ()
    hosts: Annotated[tuple[Line, ...], Field(max_length=50)] = ()
    agent_email: Email
    support_email: Email
    webhook_url: Url | None = None
    webhook_secret: Line | None = None
    webhook_secret_previous: Line | None = None
    status_url: Url | None = None
    users: tuple[Email, ...] = ()

    @cached_property
    def known(self) -> AddonKnown:
        """What a request records of the add-on."""
        return AddonKnown(slug=self.slug, name=self.name, aliases=self.aliases, hosts=self.hosts)


class Team(Document):
    slug: Slug
    name: Line = ""
    members: tuple[Email, ...] = ()


class Token(Document):
    """A machine's token, by its SHA-256; without `scopes` it is good for everything its account may do.

    `hint` is how the token ends, for people to tell theirs apart.
    """

    email: Email
    name: Line = ""
    scopes: Annotated[tuple[Need, ...], Field(max_length=4)] | None = None
    created_at: Instant | None = None
    expires_at: Instant | None = None
    hint: Annotated[str, StringConstraints(max_length=4, pattern=r"^[\w-]*$")] = ""


class Credentials(Document):
    """How an account signs in: an argon2 hash, never a password."""

    password_hash: Annotated[str, StringConstraints(max_length=500, pattern=r"^\$argon2id?\$[\x21-\x7e]+$")]


DOCUMENTS: dict[str, type[Document]] = {
    "accounts": Account,
    "apps": App,
    "providers": Provider,
    "teams": Team,
    "tokens": Token,
    "credentials": Credentials,
}
"""Kind → shape. Subscriptions are not an admin's to write."""

_NAMED_BY = {"accounts": "email", "apps": "name", "providers": "slug", "teams": "slug"}
_BY_ADDRESS = frozenset({"accounts", "credentials"})

Kind = Annotated[str, Field(pattern="^(" + "|".join(DOCUMENTS) + ")$")]


def id_of(kind: str, given: str) -> str:
    """The id under which a document is kept: addresses count in lower case. Raises Refused for an unknown kind."""
    if kind not in DOCUMENTS:
        raise Refused("no-such-kind", f"the directory keeps {', '.join(DOCUMENTS)}", status=404)
    if not 0 < len(given) <= 300 or not given.isprintable():
        raise Refused("invalid", "an id has 1 to 300 printable characters")
    return given.lower() if kind in _BY_ADDRESS else given


def check(kind: str, doc_id: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as it is kept. Raises Refused with every mistake, also where it names itself differently."""
    model = DOCUMENTS[kind]
    try:
        found = model.model_validate(document)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False, include_context=False)) from error
    named_by = _NAMED_BY.get(kind)
    if named_by and getattr(found, named_by) != doc_id:
        raise invalid([{"loc": (named_by,), "msg": f"the address says {doc_id!r}; both must be the same"}])
    return found.model_dump(mode="json", exclude_none=True)


class Records(Protocol):
    """The directory's replica: the value of a record as it stands in the log, the same object until a new one replaces it."""

    def record(self, key: str) -> bytes | None: ...


class Directory:
    """Typed documents out of the replica, each record parsed once."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._parsed: dict[str, tuple[bytes, Document | None]] = {}

    def account(self, email: str) -> Account | None:
        return self._get("accounts", email.lower(), Account)

    def app(self, name: str) -> App | None:
        return self._get("apps", name, App)

    def provider(self, slug: str) -> Provider | None:
        return self._get("providers", slug, Provider)

    def _get(self, kind: str, doc_id: str, model: type[D]) -> D | None:
        key = f"{kind}:{doc_id}"
        raw = self._records.record(key)
        if raw is None:
            return None
        kept = self._parsed.get(key)
        if kept is None or kept[0] is not raw:
            if len(self._parsed) >= _PARSED_MOST:
                self._parsed.clear()
            document = orjson.loads(raw)["document"]
            kept = self._parsed[key] = (raw, None if document is None else model.model_validate(document, extra="ignore"))
        found = kept[1]
        assert found is None or isinstance(found, model)
        return found
