"""Every call of intake, as the reference of the API shows it."""

from __future__ import annotations

from services.intake.answers import accounts, incidents, policies, sign_in, subscriptions, tickets
from shared.http.openapi.calls import Calls

CALLS: Calls = {
    **tickets.CALLS,
    **incidents.CALLS,
    **accounts.CALLS,
    **sign_in.CALLS,
    **policies.CALLS,
    **subscriptions.CALLS,
}
