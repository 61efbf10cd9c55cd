"""Every call that the portal answers itself, as the reference of the API shows it."""

from __future__ import annotations

from services.portal.answers import incidents, lists, on_call, operations, tickets
from shared.http.openapi.calls import Calls

# In the order of the reference. A call that is missing fails the test of the reference.
CALLS: Calls = {
    **tickets.CALLS,
    **lists.CALLS,
    **on_call.CALLS,
    **incidents.CALLS,
    **operations.CALLS,
}
