"""Ways to reach a person: one file a channel, one line in the table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from shared.channels import apprise, email, pagerduty, sms, voice, webhook
from shared.channels.line import ChannelContext, open_line
from shared.channels.outcome import Accepted, Outcome, PageMessage, Rejected, TryLater, Unknown
from shared.policy.on_call.document import Channel

Send = Callable[[ChannelContext, str, PageMessage], Awaitable[Outcome]]

CHANNELS: dict[Channel, Send] = {
    Channel.WEBHOOK: webhook.send,
    Channel.PAGERDUTY: pagerduty.send,
    Channel.EMAIL: email.send,
    Channel.SMS: sms.send,
    Channel.VOICE: voice.send,
    Channel.APPRISE: apprise.send,
}

__all__ = [
    "CHANNELS",
    "Accepted",
    "ChannelContext",
    "Outcome",
    "PageMessage",
    "Rejected",
    "Send",
    "TryLater",
    "Unknown",
    "open_line",
]
