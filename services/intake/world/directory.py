"""The directory's documents (DESIGN section 7): their shapes, and the typed look at them that
admission uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Protocol, TypeVar

import orjson
import structlog
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)

from shared.errors import Refused
from shared.events import STAFF, AddonKnown, Plan, Role, Stage
from shared.http.mistakes import invalid
from shared.people.addresses import mail_target, mistake_of_mail, mistake_of_url, webhook_target
from shared.people.folding import fold_address, why_ambiguous
from shared.people.identity import Need
from shared.policy.addresses import HIDDEN, mistake_of_secret
from shared.policy.scalars import STRICT, Moment

log = structlog.get_logger()

# Parsed documents at hand; beyond that all are parsed again when they are asked for.
_PARSED_MOST = 50_000
_CONTROL = r"^[^\x00-\x1f\x7f]*$"


def _refuse_ambiguous(address: str) -> str:
    if why := why_ambiguous(address):
        raise ValueError(f"this address cannot be registered: {why}")
    return address


def _fold_new(address: str, info: ValidationInfo) -> str:
    # Old documents stay readable, however ambiguous their address is.
    if info.context and info.context.get("new"):
        _refuse_ambiguous(address)
    return fold_address(address)


Line = Annotated[str, StringConstraints(max_length=300, pattern=_CONTROL)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
Email = Annotated[
    str,
    StringConstraints(
        max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f<>,;:\"]+@[^@\s\x00-\x1f\x7f<>,;:\"]+$"
    ),
    AfterValidator(_fold_new),
]
"""Folded. In a document that is written now (`context={"new": True}`) it must not be ambiguous; one
that was kept before counts as it stands.
"""
Target = Annotated[Email, AfterValidator(_refuse_ambiguous), AfterValidator(mail_target)]
"""An address to write to: refused at once where mail would not arrive."""
Url = Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://[^\s\x00-\x1f\x7f]+$")]


Webhook = Annotated[Url, AfterValidator(webhook_target)]
"""A URL to send to: refused at once where no request can be sent."""


class DirectoryDocument(BaseModel):
    """A directory document: an unknown field is an error, so a typing mistake is found and not
    kept.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


D = TypeVar("D", bound=DirectoryDocument)


class Account(DirectoryDocument):
    """`since`: when it was made, None for one older than this field. `links_since`: calendar
    addresses made before are no longer good. Intake writes both
    (`services/intake/directory/generations.py`). `deactivated_at`: since then nobody can sign in as
    it, and its tokens open nothing. `time_zone`, `date_style`: how its owner wants times shown;
    None: as their browser has it.
    """

    email: Email
    name: Line = ""
    plan: Plan
    roles: tuple[Role, ...] = ()
    provider: Slug | None = None
    since: Moment | None = None
    links_since: Moment | None = None
    time_zone: Line | None = None
    date_style: Line | None = None
    deactivated_at: Moment | None = None

    @property
    def is_staff(self) -> bool:
        return any(role in STAFF for role in self.roles)


class App(DirectoryDocument):
    """`owner` and `collaborators` may open tickets about it; `addons` are the slugs of the attached
    ones.

    Both are written into every request about the app, so they have an end.
    """

    name: Slug
    owner: Email
    collaborators: Annotated[tuple[Email, ...], Field(max_length=1000)] = ()
    stage: Stage
    addons: Annotated[tuple[Slug, ...], Field(max_length=200)] = ()

    def has_access(self, email: str) -> bool:
        return email == self.owner or email in self.collaborators


class Provider(DirectoryDocument):
    """An add-on company. `aliases` and `hosts` are what its add-on is recognised by in a text.

    While `webhook_secret_previous` is there, webhooks are signed with it too: the receiver changes
    over when it likes.
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


class Team(DirectoryDocument):
    slug: Slug
    name: Line = ""
    members: tuple[Email, ...] = ()


Origin = Literal["demo"]
"""What the demo published: worth nothing without it (`shared/people/demo_origin.py`)."""


class Token(DirectoryDocument):
    """A machine's token, by its SHA-256; without `scopes` it is good for everything its account may
    do.

    `hint` is how the token ends, for people to tell theirs apart. `parent` is the id of the token
    that made it: it ends with that one. `account_since`: the `since` of the account it is of.
    """

    email: Email
    name: Line = ""
    scopes: Annotated[tuple[Need, ...], Field(max_length=4)] | None = None
    created_at: Moment | None = None
    expires_at: Moment | None = None
    hint: Annotated[str, StringConstraints(max_length=4, pattern=r"^[\w-]*$")] = ""
    parent: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    account_since: Moment | None = None
    origin: Origin | None = None


class Credentials(DirectoryDocument):
    """How an account signs in: an argon2 hash, never a password. `account_since` as a token's.
    `changed_by`: how a person changed it, who is told of it by mail; None for one that was recorded
    for them.
    """

    password_hash: Annotated[
        str, StringConstraints(max_length=500, pattern=r"^\$argon2id?\$[\x21-\x7e]+$")
    ]
    account_since: Moment | None = None
    changed_by: Literal["owner", "mail", "operator"] | None = None
    origin: Origin | None = None


DOCUMENTS: dict[str, type[DirectoryDocument]] = {
    "accounts": Account,
    "apps": App,
    "providers": Provider,
    "teams": Team,
    "tokens": Token,
    "credentials": Credentials,
}
"""Kind → shape. Subscriptions are not an admin's to write."""

# Kinds whose documents name themselves: both names must agree.
_NAMED_BY = {"accounts": "email", "apps": "name", "providers": "slug", "teams": "slug"}
# Kinds that are kept under an address.
_BY_ADDRESS = frozenset({"accounts", "credentials"})

Kind = Annotated[str, Field(pattern="^(" + "|".join(DOCUMENTS) + ")$")]


def id_of(kind: str, given: str) -> str:
    """The id under which a document is kept: addresses count in lower case. Raises Refused for an
    unknown kind.
    """
    if kind not in DOCUMENTS:
        raise Refused("no-such-kind", f"the directory keeps {', '.join(DOCUMENTS)}", status=404)
    # An id is part of an address of the API and of a key in the log.
    if not 0 < len(given) <= 300 or not given.isprintable():
        raise Refused("invalid", "an id has 1 to 300 printable characters")
    return fold_address(given) if kind in _BY_ADDRESS else given


def check(kind: str, doc_id: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as it is kept. Raises Refused with every mistake, also where it names itself
    differently.
    """
    model = DOCUMENTS[kind]
    try:
        # From bytes and strictly: what JSON cannot say cannot be kept.
        found = model.model_validate_json(
            orjson.dumps(document), strict=True, context={**STRICT, "new": True}
        )
    except TypeError as error:
        raise invalid([{"loc": (), "msg": f"it is no JSON: {error}"}]) from error
    except ValidationError as error:
        raise invalid(
            error.errors(include_url=False, include_input=False, include_context=False)
        ) from error
    named_by = _NAMED_BY.get(kind)
    if named_by and getattr(found, named_by) != doc_id:
        raise invalid(
            [{"loc": (named_by,), "msg": f"the address says {doc_id!r}; both must be the same"}]
        )
    kept: dict[str, Any] = found.model_dump(mode="json", exclude_none=True)
    # Addresses and secrets are looked at after the shape, with words of their own.
    if mistakes := list(_mistakes(kept)):
        raise invalid(mistakes)
    return kept


# Fields by what they hold, whatever document they are in.
_EMAILS = frozenset(
    {"email", "owner", "collaborators", "agent_email", "support_email", "users", "members"}
)
_URLS = frozenset({"webhook_url", "status_url"})
_SECRETS = frozenset({"webhook_secret", "webhook_secret_previous"})


def _mistakes(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Addresses in a new document that nothing could be sent to, secrets that cannot sign, and
    placeholders, as pydantic would say it. What was kept before is not asked again: a reader must
    not fail on it.
    """
    for field, value in document.items():
        for number, text in enumerate(value if isinstance(value, list) else [value]):
            if (said := _mistake_of(field, text)) is not None:
                place = (field, number) if isinstance(value, list) else (field,)
                yield {"loc": place, "msg": said}


def _mistake_of(field: str, text: Any) -> str | None:
    if field in _EMAILS:
        return mistake_of_mail(text)
    if field in _URLS:
        return mistake_of_url(text, is_webhook=field == "webhook_url")
    if field in _SECRETS:
        return mistake_of_secret(text)
    if field in ("name", "slug") and text == HIDDEN:
        return f"{text!r} is a placeholder: write the real one"
    return None


class RecordLookup(Protocol):
    """The directory's replica: the value of a record as it stands in the log, the same object until
    a new one replaces it.
    """

    def record(self, key: str) -> bytes | None: ...


class Directory:
    """Typed documents out of the replica, each record parsed once."""

    def __init__(self, records: RecordLookup) -> None:
        self._records = records
        self._parsed: dict[str, tuple[bytes, DirectoryDocument | None]] = {}

    def account(self, email: str) -> Account | None:
        """None for one that is deactivated, too: nothing counts as being of it."""
        found = self._get("accounts", fold_address(email), Account)
        return None if found is None or found.deactivated_at is not None else found

    def app(self, name: str) -> App | None:
        return self._get("apps", name, App)

    def provider(self, slug: str) -> Provider | None:
        return self._get("providers", slug, Provider)

    def _get(self, kind: str, doc_id: str, model: type[D]) -> D | None:
        key = f"{kind}:{doc_id}"
        raw = self._records.record(key)
        if raw is None:
            return None
        # Compared by identity: the replica keeps the same bytes until a new record replaces them.
        kept = self._parsed.get(key)
        if kept is None or kept[0] is not raw:
            # A simple bound: the cache fills again by itself.
            if len(self._parsed) >= _PARSED_MOST:
                self._parsed.clear()
            document = orjson.loads(raw)["document"]
            try:
                read: DirectoryDocument | None = (
                    None if document is None else model.model_validate(document, extra="ignore")
                )
            except ValidationError as error:  # what was known before stays
                read = kept[1] if kept is not None else None
                log.error("a document cannot be used", key=key, problems=error.error_count())
            kept = self._parsed[key] = (raw, read)
        found = kept[1]
        assert found is None or isinstance(found, model)
        return found
