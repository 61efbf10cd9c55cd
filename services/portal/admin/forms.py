"""Documents of the directory as forms: which fields there are, from a form to a document and back,
and what goes with a document that is removed. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shared.events import Plan, Role, Stage
from shared.people.folding import fold_address
from shared.policy import OnCallPolicy

Document = Mapping[str, Any]
Documents = Callable[[str, str], Document | None]
# With more names the sentence would not be read.
MOST_LISTED = 5


@dataclass(frozen=True)
class FormField:
    """`lines`: one entry a line. `ticks`: some of `options`; in the form each is `name.option`."""

    name: str
    label: str
    shape: Literal["line", "lines", "choice", "ticks"] = "line"
    hint: str = ""
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class KindForm:
    """A kind of document. `named_by`: the field that repeats the id."""

    kind: str
    title: str
    one: str
    named_by: str
    id_label: str
    id_hint: str
    fields: tuple[FormField, ...]


# Every role, in the order of the form; the second word stands beside its box.
ROLE_WORDS: dict[str, tuple[str, str]] = {
    Role.REQUESTER: ("Customer", "Opens tickets about apps they own or work on."),
    Role.AGENT: ("Agent", "Answers tickets."),
    Role.REVIEWER: ("Reviewer", "Decides appeals about a changed priority."),
    Role.CSA: ("Architect", "Answers questions about architecture."),
    Role.ON_CALL: ("On call", "Takes pages. The rota says when."),
    Role.OPS: ("Operations", "Runs incidents, sees alerts."),
    Role.ADMIN: ("Administrator", "Changes everything on these pages."),
    Role.PROVIDER: ("Provider's user", "Answers for an add-on. Choose the provider below, too."),
    Role.GATEWAY: ("Mail gateway", "A program that hands in other people's mail."),
}
_PLANS = tuple((plan.value, plan.value.replace("-", " ").capitalize()) for plan in Plan)
_STAGES = tuple((stage.value, stage.value.capitalize()) for stage in Stage)
_ROLES = tuple((name, ROLE_WORDS[name][0]) for name in ROLE_WORDS)

# Fields that are absent here are kept as they are (`document_of`).
FORMS: dict[str, KindForm] = {
    "accounts": KindForm(
        "accounts",
        "People",
        "person",
        "email",
        "E-mail address",
        "They sign in with it. It cannot be changed later.",
        (
            FormField("name", "Name"),
            FormField("plan", "Plan", "choice", "Of staff it is never looked at.", _PLANS),
            FormField("roles", "Roles", "ticks", "", _ROLES),
            FormField("provider", "Add-on provider", "choice", "Only for a provider's users."),
        ),
    ),
    "apps": KindForm(
        "apps",
        "Apps",
        "app",
        "name",
        "Name",
        "Lower-case letters, digits and hyphens. It cannot be changed later.",
        (
            FormField("owner", "Owner", "line", "The e-mail address of an account."),
            FormField("stage", "Stage", "choice", "", _STAGES),
            FormField("collaborators", "Collaborators", "lines", "E-mail addresses, one a line."),
            FormField("addons", "Add-ons", "lines", "Slugs of providers, one a line."),
        ),
    ),
    "providers": KindForm(
        "providers",
        "Add-on providers",
        "provider",
        "slug",
        "Slug",
        "Lower-case letters, digits and hyphens. It cannot be changed later.",
        (
            FormField("name", "Name"),
            FormField("agent_email", "Their desk's address", "line", "Tickets are mailed to it."),
            FormField("support_email", "Address for customers"),
            FormField(
                "aliases", "Other names", "lines", "What customers call the add-on, one a line."
            ),
            FormField(
                "hosts", "Hosts", "lines", "Host names that stand in error messages, one a line."
            ),
            FormField("webhook_url", "Webhook address", "line", "Empty: no webhooks."),
            FormField("status_url", "Their status page"),
            FormField("users", "Users", "lines", "Addresses of accounts, one a line."),
        ),
    ),
    "teams": KindForm(
        "teams",
        "Teams",
        "team",
        "slug",
        "Slug",
        "Lower-case letters, digits and hyphens.",
        (
            FormField("name", "Name"),
            FormField("members", "Members", "lines", "E-mail addresses, one a line."),
        ),
    ),
}
"""Kind → its form."""


def document_of(
    form: KindForm, doc_id: str, fields: Mapping[str, str], standing: Document | None
) -> dict[str, Any]:
    """The document as the form says it. What the form does not show stays as it stands."""
    # Over what stands there: fields that the form does not show stay.
    made: dict[str, Any] = {**(standing or {}), form.named_by: doc_id}
    for one in form.fields:
        made[one.name] = _value(one, fields, made.get(one.name))
    # An empty field is absent from the document.
    return {name: value for name, value in made.items() if value not in ("", None)}


def _value(one: FormField, fields: Mapping[str, str], standing: Any) -> Any:
    match one.shape:
        case "lines":
            entries = (line.strip() for line in fields.get(one.name, "").split("\n"))
            return [entry for entry in entries if entry]
        case "ticks":
            ticked = [option for option, _ in one.options if f"{one.name}.{option}" in fields]
            # In the order they stood in, so that a form sent back unchanged changes nothing.
            kept = [option for option in standing or () if option in ticked]
            return kept + [option for option in ticked if option not in kept]
        case _:
            return fields.get(one.name, "").strip()


def values_of(form: KindForm, document: Document) -> dict[str, str]:
    """The fields of the form for a document."""
    values: dict[str, str] = {}
    for one in form.fields:
        held = document.get(one.name)
        if one.shape == "ticks":
            values |= {f"{one.name}.{option}": "yes" for option in held or ()}
        elif one.shape == "lines":
            values[one.name] = "\n".join(held or ())
        else:
            values[one.name] = str(held or "")
    return values


def is_found(doc_id: str, document: Document, words: str) -> bool:
    """Whether every word stands in the id, the name, the owner or the provider."""
    held = (document.get(name) for name in ("name", "owner", "provider", "agent_email"))
    text = " ".join((doc_id, *(str(each) for each in held if each))).casefold()
    return all(word in text for word in words.casefold().split())


def problems_of(answer: Mapping[str, Any], form: KindForm) -> dict[str, str]:
    """A refusal of intake by field of the form; what belongs to no field stands under `form`. The
    place begins with the entry's where it was one of many.
    """
    known = {one.name for one in form.fields} | {form.named_by}
    found: dict[str, str] = {}
    for error in answer.get("errors") or ():
        # A dry run speaks of the first document of a list.
        pointer = str(error.get("pointer", "")).lstrip("#").removeprefix("/documents/0/document")
        name = pointer.strip("/").split("/")[0]
        said = plain(name, str(error.get("detail", "")))
        found.setdefault(name if name in known else "form", said)
    if not found:
        found["form"] = str(answer.get("detail") or "It was not accepted.")
    return found


# What to say where one of these does not look like an address.
_ADDRESSES = frozenset(
    {"email", "owner", "collaborators", "users", "members", "agent_email", "support_email"}
)


# The beginning of pydantic's words for a choice.
_ONE_OF = "Input should be '"


def plain(field: str, said: str) -> str:
    """The words of a mistake without what speaks to programmers."""
    # Known phrases alone are changed; anything else is shown as intake says it.
    if "should match pattern" in said:
        if field in _ADDRESSES:
            said = "this is no e-mail address"
        elif field.endswith("_url"):
            said = "an address begins with http:// or https://"
        else:
            said = "lower-case letters, digits, dots, hyphens and underscores only"
    elif said == "Field required":
        said = "please fill this in"
    elif said.startswith(_ONE_OF):
        said = f"please choose {said.removeprefix(_ONE_OF)}".replace("'", "")
    return said[:1].upper() + said[1:] + ("" if said.endswith((".", "!", "?")) else ".")


def find_dependents(
    kind: str,
    doc_id: str,
    apps: Iterable[tuple[str, Document]],
    tokens: Iterable[Document],
    policy: OnCallPolicy | None,
) -> Iterator[str]:
    """What somebody should know before they remove an account or a provider, in sentences."""
    if kind == "providers":
        names = [name for name, app in apps if doc_id in (app.get("addons") or ())]
        if names:
            yield f"It is an add-on of {_list_some(names)}: their tickets stay with you."
        return
    if kind != "accounts":
        return
    email = fold_address(doc_id)
    # As the document has it: owners are kept folded.
    owned = [name for name, app in apps if app.get("owner") == email]
    if owned:
        yield f"They own {_list_some(owned)}: nobody else can open tickets about an app as its owner."
    ending = sum(fold_address(str(token.get("email", ""))) == email for token in tokens)
    if ending:
        yield f"Their {'token ends' if ending == 1 else f'{ending} tokens end'}."
    for name, person in policy.people.items() if policy else ():
        if fold_address(person.email) == email:
            yield f"They are “{name}” of the on-call document: pages still try to reach them."


def _list_some(names: list[str]) -> str:
    more = len(names) - MOST_LISTED
    return ", ".join(sorted(names)[:MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
