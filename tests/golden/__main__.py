"""`python -m tests.golden`: write the golden month anew, after telling what changes."""

from __future__ import annotations

from tests.golden.desk import decide_all
from tests.golden.digests import DIGESTS, MOST, difference, written
from tests.golden.month import BEGIN, LASTS, TICKETS, requests

if __name__ == "__main__":
    messages = decide_all(requests(TICKETS), BEGIN + LASTS).messages
    if DIGESTS.exists():
        told = difference(messages)
        print("\n".join(told[:MOST]) or "nothing changes")
    written(messages)
