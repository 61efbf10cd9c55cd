"""The people of a test, in the language of the desk: `customer.submits("…")`,
`agent.replies(ticket, "…")`, `far_end.pages(…)`.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.stack import Stack
from tests.support.waiting import eventually


@dataclass
class Person:
    """Somebody with an API token, talking to the portal's origin as any client would."""

    name: str
    token: str
    base: str
    email: str = ""
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30))

    def call(
        self, method: str, path: str, json: Any = None, key: str | None = None, **kwargs: Any
    ) -> httpx.Response:
        headers = {
            "Authorization": f"Bearer {self.token}",
            **({"Idempotency-Key": key} if key else {}),
        }
        return self.client.request(method, self.base + path, json=json, headers=headers, **kwargs)

    def get(self, path: str, **params: Any) -> Any:
        """The JSON of a 200; anything else fails the test with the answer."""
        answer = self.call("GET", path, params=params)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def asks(self, path: str, json: Any = None, key: str | None = None) -> dict[str, Any]:
        """A write that is taken: the 202's body."""
        answer = self.call("POST", path, json=json or {}, key=key)
        assert answer.status_code == 202, f"{path}: {answer.status_code} {answer.text[:500]}"
        return dict(answer.json())

    def submits(
        self,
        subject: str,
        body: str = "It does not work as the documentation says.",
        key: str | None = None,
        **fields: Any,
    ) -> str:
        """Opens a ticket; gives its id."""
        return str(
            self.asks("/v1/tickets", {"subject": subject, "body": body, **fields}, key)["ticket_id"]
        )

    def acts(self, ticket: str, action: str, **fields: Any) -> dict[str, Any]:
        return self.asks(f"/v1/tickets/{ticket}/{action}", fields)

    def replies(self, ticket: str, body: str, audience: str = "everyone") -> dict[str, Any]:
        return self.acts(ticket, "replies", body=body, audience=audience)

    def outcome(self, request_id: str) -> dict[str, Any]:
        """What became of a request, once it is decided."""

        def decided() -> Any:
            answer = self.call("GET", f"/v1/requests/{request_id}")
            return (
                answer.json()
                if answer.status_code == 200 and answer.json()["state"] != "pending"
                else None
            )

        return dict(eventually(decided, what=f"request {request_id} decided"))

    def ticket(self, ticket: str, **wanted: Any) -> dict[str, Any]:
        """The ticket as this person sees it, once it has the wanted values."""

        def seen() -> Any:
            answer = self.call("GET", f"/v1/tickets/{ticket}")
            assert answer.status_code == 200, f"{answer.status_code} {answer.text[:300]}"
            found = answer.json()
            lacking = {k: found.get(k) for k, v in wanted.items() if found.get(k) != v}
            assert not lacking, f"wanted {wanted}, has {lacking}"
            return found

        return dict(eventually(seen, what=f"ticket {ticket} with {wanted}"))

    def listed(self, **where: Any) -> list[dict[str, Any]]:
        """Every ticket of a list, page by page: other tests' tickets may fill the first."""
        found, cursor = [], {}
        while True:
            page = self.get("/v1/tickets", **where, **cursor)
            found += page["items"]
            if not page["next"]:
                return found
            cursor = {"cursor": page["next"]}

    def finds(self, ticket: str, **where: Any) -> None:
        """Waits until the ticket is in the list. A ticket whose place changes while the parts are
        read (its clock begins, its status changes) may be missed once.
        """

        def found() -> bool:
            return ticket in [item["id"] for item in self.listed(**where)]

        eventually(found, what=f"ticket {ticket} in the list {where}")

    def cannot_see(self, ticket: str) -> bool:
        return self.call("GET", f"/v1/tickets/{ticket}").status_code == 404


@dataclass
class FarEnd:
    """What the outside world received: the sink's record, which is the oracle of every delivery."""

    sink: str
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30))

    def got(self, kind: str | None = None, **where: str) -> list[dict[str, Any]]:
        """Everything received, oldest first; `where`: only that `ticket`, only that `to`."""
        answer = self.client.get(
            f"{self.sink}/demo/outbox", params={**({"kind": kind} if kind else {}), **where}
        )
        return list(answer.json())

    def about(self, ticket: str, kind: str, to: str | None = None) -> list[dict[str, Any]]:
        return [item for item in self.got(kind, ticket=ticket) if to is None or to in item["to"]]

    def gets(
        self, ticket: str, kind: str, to: str | None = None, count: int = 1, within: float = 30
    ) -> list[dict[str, Any]]:
        """Wait for at least `count` of them."""

        def enough() -> Any:
            found = self.about(ticket, kind, to)
            return found if len(found) >= count else None

        return list(
            eventually(enough, within=within, what=f"{count} {kind} about {ticket} to {to}")
        )

    def misbehaves(self, path: str, mode: str) -> None:
        self.client.post(
            f"{self.sink}/control", json={"path": path, "mode": mode}
        ).raise_for_status()


@dataclass
class Desk:
    """The people of the demo, and new ones made as an admin makes them."""

    stack: Stack
    people: dict[str, Person] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Person:
        return self.person(name)

    def person(self, name: str) -> Person:
        """A demo identity."""
        return self.people.setdefault(
            name, Person(name, f"demo-{name}", self.stack.portal, f"{name}@example.com")
        )

    def new_customer(
        self,
        plan: str,
        stage: str = "production",
        addons: tuple[str, ...] = ("redisco", "mailgrid", "logdrain"),
    ) -> Person:
        """A registered customer with one app `<name>-app`, so that no other test shares their lane."""
        name = f"{plan.split('-')[0]}{secrets.token_hex(4)}"
        email, token = f"{name}@example.com", secrets.token_urlsafe(16)
        self._put(
            f"accounts/{email}",
            {"email": email, "name": name.title(), "plan": plan, "roles": ["requester"]},
        )
        self._put(
            f"tokens/{hashlib.sha256(token.encode()).hexdigest()}", {"email": email, "name": "test"}
        )
        self._put(
            f"apps/{name}-app",
            {
                "name": f"{name}-app",
                "owner": email,
                "collaborators": [],
                "stage": stage,
                "addons": list(addons),
            },
        )
        return Person(name, token, self.stack.portal, email)

    def new_account(self, *roles: str) -> Person:
        """A member of staff (or whatever the roles say) with nothing of their own yet."""
        name = f"{roles[0]}{secrets.token_hex(4)}"
        email, token = f"{name}@example.com", secrets.token_urlsafe(16)
        self._put(
            f"accounts/{email}",
            {"email": email, "name": name.title(), "plan": "free", "roles": list(roles)},
        )
        self._put(
            f"tokens/{hashlib.sha256(token.encode()).hexdigest()}", {"email": email, "name": "test"}
        )
        return Person(name, token, self.stack.portal, email)

    def browser(self) -> httpx.Client:
        """What a browser is to the portal: it asks for pages, keeps cookies, and goes where it is
        sent only when told to.
        """
        return httpx.Client(base_url=self.stack.portal, headers={"Accept": "text/html"}, timeout=10)

    def _put(self, path: str, document: dict[str, Any]) -> None:
        answer = self.person("admin").call("PUT", f"/v1/directory/{path}", document)
        assert answer.status_code in (200, 201, 202, 204), answer.text
