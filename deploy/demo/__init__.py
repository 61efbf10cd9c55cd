"""The demo: its people and apps (`directory.yaml`), their seeding (`seed.py`), and the far end of
everything that is sent (`sink.py`).
"""

import shared  # noqa: F401  # first: structlog without rich
