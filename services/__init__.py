"""The services. `shared` comes first: it settles what no module that is imported earlier may undo
(time zones, structlog without rich).
"""

import shared  # noqa: F401
