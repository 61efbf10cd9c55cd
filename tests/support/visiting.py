"""What a browser test asks for: `visit(origin, "agent", "/queue", width=320)` (see
tests/e2e/browser/conftest.py).
"""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

Visit = Callable[..., Page]
