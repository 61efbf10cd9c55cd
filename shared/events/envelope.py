"""What every event has. Strict when built (an unknown field is an error), lenient when read (old
and newer ones parse).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _in_utc(value: datetime) -> datetime:
    # Without a zone nobody could say which instant is meant, so it is refused and not guessed.
    if value.tzinfo is None:
        raise ValueError("an instant needs a zone")
    return value.astimezone(UTC)


Instant = Annotated[datetime, AfterValidator(_in_utc)]
"""An aware datetime, kept in UTC, ISO 8601 with `Z` on the wire."""


class Value(BaseModel):
    """A frozen part of an event."""

    # `forbid` when built: a misspelt field is a mistake of ours. `read` below ignores what it does
    # not know.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    def copy_with(self, values: Mapping[str, object]) -> Self:
        """A copy with some fields set, unvalidated: `model_copy(update=…)` at a quarter of its
        time.
        """
        # Without pydantic's own copying: this runs for every fact.
        copy = self.__class__.__new__(self.__class__)
        object.__setattr__(copy, "__dict__", {**self.__dict__, **values})
        object.__setattr__(copy, "__pydantic_fields_set__", self.__pydantic_fields_set__)
        object.__setattr__(copy, "__pydantic_extra__", None)
        object.__setattr__(copy, "__pydantic_private__", None)
        return copy


class Event(Value):
    """One immutable record of a topic.

    `key` is the aggregate (ticket, page lane, …) and the Kafka key; `at` is when it happened by the
    clock of whoever recorded it; `type` is the class name and stands in the JSON and in the
    CloudEvents header `ce_type`.
    """

    type: str
    # Empty until the runtime stamps it: a decision is pure and draws no ids.
    id: str = ""
    key: str = ""
    at: Instant

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """Parse leniently: fields this version does not know are ignored. Raises
        pydantic.ValidationError.
        """
        return cls.model_validate_json(raw, extra="ignore")

    def wire(self) -> bytes:
        """The JSON that goes on the wire."""
        return self.__pydantic_serializer__.to_json(self)


class Fact(Event):
    """Something that was decided. `seq` counts 1, 2, 3… per key; `cause` is the id of the request,
    firing or outcome.

    The first fact in the log with a given (key, seq) counts; readers ignore later ones (DESIGN
    section 3).
    """

    # 0: not stamped yet, or a fact that is not numbered (topic `mail`).
    seq: int = 0
    cause: str = ""


class Via(StrEnum):
    """The way something came in."""

    WEB = "web"
    API = "api"
    EMAIL = "email"
    SYSTEM = "system"


class Role(StrEnum):
    """What an account may act as. A plain customer has `requester` only."""

    REQUESTER = "requester"
    AGENT = "agent"
    REVIEWER = "reviewer"
    CSA = "csa"
    OPS = "ops"
    ON_CALL = "on-call"
    ADMIN = "admin"
    PROVIDER = "provider"
    GATEWAY = "gateway"
    """A machine that hands in other people's mail (`POST /v1/mail`), and may do nothing else for
    them.
    """


# Requesters, providers and gateways are outside; every other role is one of our own staff.
STAFF = frozenset({Role.AGENT, Role.REVIEWER, Role.CSA, Role.OPS, Role.ON_CALL, Role.ADMIN})


class Actor(Value):
    """Who asked, as intake authenticated them. `provider` is the slug of the provider whose user
    this is.
    """

    email: str
    name: str = ""
    roles: tuple[Role, ...] = (Role.REQUESTER,)
    provider: str | None = None
    via: Via = Via.API

    @property
    def is_staff(self) -> bool:
        """The system acts for staff: nobody from outside is ever `via` it."""
        return self.via is Via.SYSTEM or any(role in STAFF for role in self.roles)


SYSTEM = Actor(email="system", name="Signalbox", roles=(), via=Via.SYSTEM)
"""Who asks where a timer does."""


class Priority(StrEnum):
    URGENT = "urgent"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Plan(StrEnum):
    FREE = "free"
    PREMIUM = "premium"
    ENTERPRISE = "enterprise"
    LEGACY_ENTERPRISE = "legacy-enterprise"
    PREMIER = "premier"


class Stage(StrEnum):
    PRODUCTION = "production"
    STAGING = "staging"
    DEVELOPMENT = "development"


class Kind(StrEnum):
    PROBLEM = "problem"
    QUESTION = "question"
    ARCHITECTURE = "architecture"


class Scope(StrEnum):
    """Whether support answers it (seed 000, section 1)."""

    COVERED = "covered"
    NOT_COVERED = "not-covered"


class Status(StrEnum):
    """`pending`: staff or provider has answered and waits for the customer; a customer's reply
    opens it again.
    """

    NEW = "new"
    OPEN = "open"
    PENDING = "pending"
    SOLVED = "solved"
    CLOSED = "closed"


class Audience(StrEnum):
    """Who may read a reply. `provider`: staff and the provider the ticket is assigned to."""

    EVERYONE = "everyone"
    STAFF = "staff"
    PROVIDER = "provider"


class RuleTried(Value):
    """One line of a decision's trail: the rule, whether it matched, and the words or facts that
    made it so.
    """

    rule: str
    matched: bool
    because: str = ""


Stamp = dict[str, int]
"""Policy document name → version that a decision used."""

# A new dict for each event, because a default would be shared.
PolicyStamp = Annotated[Stamp, Field(default_factory=dict)]
