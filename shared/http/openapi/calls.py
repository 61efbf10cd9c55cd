"""What the reference of the API says about each call: a summary, a tag, the shape of its answer,
the problem codes it may answer, an example. Pure.

The shapes are for the reference alone. No answer is ever checked or made with them: what a call
answers is written as bytes, as it always was. `tests/contract/test_api_reference.py` holds the
tables to the routes, and schemathesis holds the answers to the shapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

REF = "#/components/schemas/{model}"

Who = Literal["account", "anybody", "either"]


class AnswerShape(BaseModel):
    """An answer of which every member is named here. A member that may be missing has a default."""

    model_config = ConfigDict(extra="forbid")


class OpenAnswerShape(BaseModel):
    """An answer that may have more members than are named here, because it passes on a document."""

    model_config = ConfigDict(extra="allow")


class Pending(AnswerShape):
    """The answer does not hold request `after` yet. Ask again in a moment."""

    state: Literal["pending"]
    request_id: str
    id: str | None = None
    ticket_id: str | None = None
    page_id: str | None = None


class QueryField(NamedTuple):
    """A parameter of the address that FastAPI does not see. `most`: it is a number from 1 to this;
    0: a text.
    """

    name: str
    description: str
    most: int = 0

    def parameter(self) -> dict[str, Any]:
        """As OpenAPI writes it."""
        number = {"type": "integer", "minimum": 1, "maximum": self.most}
        schema = number if self.most else {"type": "string", "maxLength": 1000}
        return {
            "name": self.name,
            "in": "query",
            "required": False,
            "description": self.description,
            "schema": schema,
        }


class Call(NamedTuple):
    """One call. `answer`: the shape of its JSON answer; None: its answer is `media`. `refuses`:
    what it may answer besides what every call may, as `409 too-many`. `example`: a body to begin
    with. `who`: `anybody` needs no token, for `either` a token shows or allows more.
    """

    summary: str
    tag: str
    answer: Any = None
    refuses: tuple[str, ...] = ()
    example: Mapping[str, Any] | None = None
    who: Who = "account"
    media: str = ""
    query: tuple[QueryField, ...] = ()


Calls = Mapping[str, Call]
"""`POST /v1/tickets` → what is said about it."""


class _Plain(GenerateJsonSchema):
    """Without a title for each member: it says what the name says."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schemas_of(calls: Calls) -> tuple[dict[Any, dict[str, Any]], dict[str, Any]]:
    """Model → reference to its schema, and the schemas by name."""
    models = dict.fromkeys(call.answer for call in calls.values() if call.answer is not None)
    shapes, definitions = models_json_schema(
        # `Pending` is the answer of several calls and of none alone.
        [(model, "validation") for model in (*models, Pending)],
        ref_template=REF,
        schema_generator=_Plain,
    )
    return {model: found for (model, _), found in shapes.items()}, definitions.get("$defs", {})


def usual_refusals(verb: str, call: Call, *, has_body: bool, has_ids: bool) -> Iterable[str]:
    """What a call of this form may answer, whichever it is."""
    # The order does not matter here: `by_status` sorts.
    if call.who != "anybody":
        yield from ("401 unauthenticated", "403 insufficient-scope")
    if has_ids:
        yield "404 not-found"
    # What follows concerns writes alone: keys, limits, Kafka, bodies.
    if verb == "get":
        return
    yield from (
        "409 idempotency-key-in-use",
        "422 idempotency-key-reused",
        "422 invalid-idempotency-key",
        "429 too-many-requests",
        "503 kafka-unavailable",
    )
    if has_body:
        yield from (
            "400 malformed-json",
            "400 bad-request",
            "408 request-timeout",
            "413 too-large",
            "415 unsupported-media-type",
            "422 invalid",
        )


def by_status(refusals: Iterable[str]) -> dict[str, list[str]]:
    """Status → its codes, each once, by name."""
    found: dict[str, list[str]] = {}
    for refusal in sorted(set(refusals)):
        status, _, code = refusal.partition(" ")
        found.setdefault(status, []).append(code)
    return dict(sorted(found.items()))
