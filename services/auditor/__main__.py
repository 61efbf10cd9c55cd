"""`python -m services.auditor`"""

from __future__ import annotations

from services.auditor.app import main

if __name__ == "__main__":
    raise SystemExit(main())
