"""What `sms` and `voice` share: one form POST to Twilio's REST API, version 2010-04-01 (twilio.com,
"Programmable Messaging", "Voice").

Twilio has no idempotency key for messages and calls: an answer that does not come leaves it open
whether somebody was woken. So that is `Unknown`, recorded and shown as such, and repeated like any
page: once more is better than never.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import quote, urlencode

import orjson

from shared.channels.http import judge, post
from shared.channels.line import ChannelContext
from shared.channels.outcome import Accepted, Outcome, PageMessage, Rejected, shorten


async def ask(
    line: ChannelContext, resource: str, form: Mapping[str, str], summons: PageMessage
) -> Outcome:
    """`resource` is `Messages` or `Calls`. The receipt is Twilio's id of it."""
    if line.twilio is None:
        return Rejected("SIGNALBOX_TWILIO_ACCOUNT, _TOKEN and _FROM are not set")
    # By hand and not with Twilio's package: it blocks, and this is one request.
    ours = line.twilio
    url = (
        f"{ours.url.rstrip('/')}/2010-04-01/Accounts/{quote(ours.account, safe='')}/{resource}.json"
    )
    credentials = f"{ours.account}:{ours.token.get_secret_value()}"
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "authorization": f"Basic {b64encode(credentials.encode()).decode()}",
    }
    return await post(
        line.http, url, urlencode(form).encode(), headers, summons.timeout, judged_by=judge_answer
    )


def judge_answer(status: int, said: str) -> Outcome:
    """As any HTTP answer; what is told is Twilio's id, or its own error code. Its texts name the
    number, so they are left out.
    """
    outcome = judge(status, said)
    try:
        body = orjson.loads(said)
    # A proxy in between answers in HTML.
    except orjson.JSONDecodeError:
        body = {}
    fields = body if isinstance(body, dict) else {}
    if isinstance(outcome, Accepted):
        return Accepted(shorten(f"{status} {fields.get('sid', '')}").strip())
    return type(outcome)(shorten(f"{status} Twilio error {fields.get('code', 'without a code')}"))
