"""Why did I get this, and why did I get nothing: everything that was sent, or left out, for one
person in a span of time.

Read from the views of pages, their facts, and notices. None is a 404. Addresses of contact methods
stand nowhere in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.portal.on_call.reasons import names_of, why_not, why_stood_down, why_this
from services.portal.tickets import documents as shapes
from shared.access import may_see_desk
from shared.certificate import certificate
from shared.events import Actor
from shared.people.folding import fold_address
from shared.policy import ON_CALL, OnCallPolicy
from shared.policy.on_call.rota import on_call
from shared.storage.store import Store

Shape = dict[str, Any]

USUAL = timedelta(days=1)
# A longer span is cut at its end, and not refused.
LONGEST = timedelta(days=31)
MOST = 200
"""Entries of one kind in an answer."""


@dataclass(frozen=True)
class Ledger:
    """Reads for one person's day. One per process; safe for concurrent use."""

    store: Store

    async def notices(
        self, actor: Actor, email: str, since: datetime, until: datetime
    ) -> Shape | None:
        """`{email, since, until, on_call: [schedule], items: [{at, kind:
        page|stand-down|mail|webhook, what, outcome, because, ticket_id, page_id, channel,
        dedup_key}], silent: [{page_id, ticket_id, subject, opened_at, state, because}], more}`,
        oldest first.

        For staff, and for oneself. `outcome`: of a page pending, accepted, refused or unknown; of a
        notice owed, retrying, delivered, failed or suppressed, `because` saying why. `silent`:
        pages that were open then and did not ring for this person (staff only). `more`: there was
        too much for an answer, the latest is in it.
        """
        email = fold_address(email)
        if not may_see_desk(actor) and fold_address(actor.email) != email:
            return None
        until = min(until, since + LONGEST)
        # Whoever was on call then, by the document that was in force then.
        policy = await self._policy_at(since)
        names = names_of(policy, email)
        # Pages are for staff; everybody may know of their own mail.
        items, silent, more = (
            await self._pages(names, policy, since, until)
            if may_see_desk(actor)
            else ([], [], False)
        )
        written = await self._notices(email, since, until)
        items += written
        # At the beginning of the span: a page says by itself whom it tried later.
        duty = on_call(policy, since) if policy else {}
        return {
            "email": email,
            "since": shapes.iso(since),
            "until": shapes.iso(until),
            "on_call": sorted(schedule for schedule, person in duty.items() if person in names),
            "items": sorted(items, key=lambda item: str(item["at"])),
            "silent": silent,
            "more": more or len(written) == MOST,
        }

    async def _policy_at(self, at: datetime) -> OnCallPolicy | None:
        """The version in force at `at`; the first one, where that was before all of them."""
        found = await self.store["policies"].find(
            {"name": ON_CALL}, order=[("version", 1)], fields={"at": 1, "document": 1}
        )
        in_force = [doc for doc in found if doc["at"] <= shapes.iso(at)] or found[:1]
        return (
            OnCallPolicy.model_validate(in_force[-1]["document"], extra="ignore")
            if in_force
            else None
        )

    async def _pages(
        self, names: Iterable[str], policy: OnCallPolicy | None, since: datetime, until: datetime
    ) -> tuple[list[Shape], list[Shape], bool]:
        """What rang, the pages that were open in the span and did not, and whether there were more
        of them.
        """
        wanted = frozenset(names)
        # Pages that have to do with the span: begun before its end, and tried, opened or unheard in
        # it.
        begun = {"opened_at": {"$lt": shapes.iso(until)}}
        over = {"$or": [{"ended_at": None}, {"ended_at": {"$gte": shapes.iso(since)}}]}
        heard = {
            "$or": [{"acknowledged_at": None}, {"acknowledged_at": {"$gte": shapes.iso(since)}}]
        }
        touched = {
            "$or": [
                {"attempts.at": {"$gte": shapes.iso(since)}},
                {"opened_at": {"$gte": shapes.iso(since)}},
                {"$and": [over, heard]},
            ]
        }
        found = await self.store["pages"].find(
            {"$and": [begun, touched]}, order=[("opened_at", -1)], limit=MOST
        )
        items: list[Shape] = []
        silent: list[Shape] = []
        # The newest were asked for; the ledger reads from the oldest.
        for page in reversed(found):
            rang = await self._list_sends(page, wanted, policy, since, until)
            items += rang
            # `~` stands behind every date: what has not ended yet did not end before the span.
            if (
                not rang
                and (page["ended_at"] or "~") >= shapes.iso(since)
                and (page["acknowledged_at"] or "~") >= shapes.iso(since)
            ):
                at = max(since, shapes.instant(page["opened_at"]))
                silent.append(
                    {
                        "page_id": page["_id"],
                        "ticket_id": page["ticket_id"],
                        "subject": page["subject"],
                        "opened_at": page["opened_at"],
                        "state": page["state"],
                        "because": why_not(page, wanted, policy, at),
                    }
                )
        return items, silent, len(found) == MOST

    async def _list_sends(
        self,
        page: Shape,
        names: frozenset[str],
        policy: OnCallPolicy | None,
        since: datetime,
        until: datetime,
    ) -> list[Shape]:
        """Each send of the page to one of `names` in the span, repeats included, with what came of
        it.
        """
        # Most pages are others': their facts need not be read.
        if not any(attempt["to"] in names for attempt in page["attempts"]):
            return []
        found = await self.store["timeline"].find(
            {"page": page["_id"]}, order=[("seq", 1)], limit=5000
        )
        about = {"ticket_id": page["ticket_id"], "page_id": page["_id"], "what": page["subject"]}
        items = [
            {
                "at": shapes.iso(sent.at),
                "kind": "page",
                **about,
                "channel": sent.channel,
                "dedup_key": sent.dedup_key,
                "outcome": str(sent.outcome),
                "said": sent.receipt or sent.reason,
                "because": why_this(page, sent.step, sent.round, names, policy, sent.at),
            }
            for sent in certificate(shapes.page_fact(doc) for doc in found).tries
            if sent.to in names and since <= sent.at < until
        ]
        # Stand-downs call nobody, so they are not among the tries; the view keeps them.
        items += [
            {
                "at": attempt["at"],
                "kind": "stand-down",
                **about,
                "channel": attempt["channel"],
                "dedup_key": attempt["dedup_key"],
                "outcome": attempt["outcome"],
                "said": attempt["receipt"] or attempt["reason"],
                "because": why_stood_down(page, attempt["at"]),
            }
            for attempt in page["attempts"]
            if attempt["purpose"] == "stand-down"
            and attempt["to"] in names
            and shapes.iso(since) <= attempt["at"] < shapes.iso(until)
        ]
        return items

    async def _notices(self, email: str, since: datetime, until: datetime) -> list[Shape]:
        """Mails to the address, and the webhooks of the provider whose user it is; the suppressed
        ones with their reason.
        """
        to = [email]
        account = await self.store["directory"].find_one({"_id": f"accounts:{email}"})
        # A provider's user reads webhooks of the provider as their own.
        if account is not None and account["document"].get("provider"):
            to.append(f"provider:{account['document']['provider']}")
        span = {"$gte": shapes.iso(since), "$lt": shapes.iso(until)}
        found = await self.store["notices"].find(
            {"to": {"$in": to}, "at": span}, order=[("at", -1)], limit=MOST
        )
        return [
            {
                "at": doc["at"],
                "kind": doc["kind"],
                "what": doc["template"],
                "ticket_id": doc["ticket"],
                "page_id": None,
                "channel": doc["kind"],
                "dedup_key": doc["_id"],
                "outcome": doc["state"],
                "said": doc["reason"],
                "because": doc["reason"]
                if doc["state"] == "suppressed"
                else f"{doc['template']} goes to {doc['to']}",
            }
            for doc in found
        ]
