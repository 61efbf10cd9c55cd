"""A page through Apprise, which speaks to 170 other services. `address` is an Apprise URL, with the
credentials of that service in it.

Only an admin can publish the document it stands in, and nobody else reads it there: it is not
logged, and no fact has it. Apprise says that it did not work, not why: whether somebody was woken
stays open then, so that is `Unknown`.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from shared.channels.line import ChannelContext
from shared.channels.outcome import Accepted, Outcome, PageMessage, Rejected, Unknown, shorten

_THREADS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="apprise")
"""Its library blocks. A service that hangs keeps one of these until its own time-out, and no thread
of anybody else's.
"""

_SLACK_S = 1.0
"""What the library may take beyond its time-out before we no longer wait for it."""


def _load() -> None:
    """The library and all its services: a second or two, once, and only where somebody is reached
    by it.
    """
    import apprise

    logging.getLogger("apprise").disabled = True  # it would log addresses
    apprise.Apprise.instantiate("json://localhost")


def is_address(url: str) -> bool:
    """Whether Apprise knows a service for this URL. Blocks for a second the first time."""
    import apprise

    _load()
    # Nothing is kept on disk, and no thread of its own is started.
    asset = apprise.AppriseAsset(storage_mode=apprise.PersistentStoreMode.MEMORY, async_mode=False)
    found = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    return isinstance(found, apprise.NotifyBase)


def _deliver(address: str, title: str, body: str, seconds: float) -> Outcome:
    import apprise

    asset = apprise.AppriseAsset(storage_mode=apprise.PersistentStoreMode.MEMORY, async_mode=False)
    service = apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
    if not isinstance(service, apprise.NotifyBase):
        return Rejected("its address is no URL that Apprise understands")
    # Two halves, so that both together stay within the time that the step has.
    service.socket_connect_timeout = seconds / 2
    service.socket_read_timeout = seconds / 2
    if service.notify(body=body, title=title):
        return Accepted(f"Apprise: {service.service_name}")
    return Unknown(f"Apprise: {service.service_name} did not take it, or did not say so")


async def send(line: ChannelContext, address: str, summons: PageMessage) -> Outcome:
    seconds = summons.timeout.total_seconds()
    subject = shorten(summons.subject)
    # Three kinds of message: a code, a page, a stand-down.
    if summons.purpose == "verify":
        title = f"Your Signalbox code: {summons.code}"
        body = f"It confirms this way to page {summons.person}, and is good for 15 minutes."
    elif summons.purpose == "page":
        title = f"URGENT: {subject}"
        body = (
            f"{summons.requester} needs help now.\nAcknowledge: {summons.ack_url}\nTicket: "
            f"{summons.ticket_url}"
        )
    else:
        title, body = (
            f"No longer needed: {subject}",
            f"Nothing is needed from you any more.\nTicket: {summons.ticket_url}",
        )
    loop = asyncio.get_running_loop()
    # Outside the time limit: loading takes a second or two, once.
    await loop.run_in_executor(_THREADS, _load)
    delivering = loop.run_in_executor(_THREADS, _deliver, address, title, body, seconds)
    try:
        return await asyncio.wait_for(delivering, seconds + _SLACK_S)
    except TimeoutError:
        return Unknown(f"no answer in {seconds + _SLACK_S:g} s")
