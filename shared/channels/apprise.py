"""A page through Apprise, which speaks to 170 other services. `address` is an Apprise URL, with the credentials of that service in it.

Only an admin can publish the document it stands in, and nobody else reads it there: it is not logged, and no fact has it.
Apprise says that it did not work, not why: whether somebody was woken stays open then, so that is `Unknown`.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from shared.channels.line import Line
from shared.channels.outcome import Accepted, Outcome, Refused, Summons, Unknown, shortened

_THREADS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="apprise")
"""Its library blocks. A service that hangs keeps one of these until its own time-out, and no thread of anybody else's."""

_SLACK_S = 1.0
"""What the library may take beyond its time-out before we no longer wait for it."""


def _load() -> None:
    """The library and all its services: a second or two, once, and only where somebody is reached by it."""
    import apprise

    logging.getLogger("apprise").disabled = True  # it would log addresses
    apprise.Apprise.instantiate("json://localhost")


def _deliver(address: str, title: str, body: str, seconds: float) -> Outcome:
    import apprise

    asset = apprise.AppriseAsset(storage_mode=apprise.PersistentStoreMode.MEMORY, async_mode=False)
    service = apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
    if not isinstance(service, apprise.NotifyBase):
        return Refused("its address is no URL that Apprise understands")
    service.socket_connect_timeout = seconds / 2
    service.socket_read_timeout = seconds / 2
    if service.notify(body=body, title=title):
        return Accepted(f"Apprise: {service.service_name}")
    return Unknown(f"Apprise: {service.service_name} did not take it, or did not say so")


async def send(line: Line, address: str, summons: Summons) -> Outcome:
    seconds = summons.timeout.total_seconds()
    subject = shortened(summons.subject)
    if summons.purpose == "verify":
        title = f"Your Signalbox code: {summons.code}"
        body = f"It confirms this way to page {summons.person}, and is good for 15 minutes."
    elif summons.purpose == "page":
        title = f"URGENT: {subject}"
        body = f"{summons.requester} needs help now.\nAcknowledge: {summons.ack_url}\nTicket: {summons.ticket_url}"
    else:
        title, body = f"No longer needed: {subject}", f"Nothing is needed from you any more.\nTicket: {summons.ticket_url}"
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(_THREADS, _load)
    delivering = loop.run_in_executor(_THREADS, _deliver, address, title, body, seconds)
    try:
        return await asyncio.wait_for(delivering, seconds + _SLACK_S)
    except TimeoutError:
        return Unknown(f"no answer in {seconds + _SLACK_S:g} s")
