"""Passwords as argon2 hashes (RFC 9106), checked and made in threads, few at once: each takes 64
MiB and some 0.1 s of a core.
"""

from __future__ import annotations

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shared.errors import Refused
from shared.people.folding import fold_address

# Characters. The longest bounds what one hash may cost; the shortest is more than the 8 of NIST.
LONGEST = 1024
SHORTEST = 10


class Passwords:
    """`at_once` are checked together, `waiting` may queue for that; whoever comes later is asked to
    come again. `hasher` says what a hash costs: as the RFC advises, unless a test wants a cheap
    one.
    """

    def __init__(
        self, *, at_once: int = 2, waiting: int = 40, hasher: PasswordHasher | None = None
    ) -> None:
        self._hasher = hasher or PasswordHasher()
        self._nobody: str | None = None
        self._turn = asyncio.Semaphore(at_once)
        self._room = at_once + waiting
        self._inside = 0

    async def fits(self, known: str | None, given: str) -> bool:
        """Whether `given` belongs to the hash; without one it takes as long, and is False. Raises
        Refused `busy` (503).
        """
        # Cut to length: no hash costs more than that, and no kept password is longer.
        return bool(await self._in_a_thread(self._verify, known, given[:LONGEST]))

    async def hash_password(self, given: str) -> str:
        """The hash to keep. Raises Refused `busy` (503)."""
        return str(await self._in_a_thread(self._hasher.hash, given))

    async def _in_a_thread(self, work: object, *arguments: object) -> object:
        # Refused at once: a queue without a bound would keep everybody waiting.
        if self._inside >= self._room:
            raise Refused(
                "busy",
                "Too many people sign in just now. Try again in a moment.",
                status=503,
                extra={"retry_after": 3},
            )
        self._inside += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(work, *arguments)  # type: ignore[arg-type]
        finally:
            self._inside -= 1

    def _verify(self, known: str | None, given: str) -> bool:
        # A hash of a random word that nobody knows: comparing with it takes as long as with a real
        # one.
        if known is None and self._nobody is None:
            self._nobody = self._hasher.hash(secrets.token_hex(16))
        try:
            return self._hasher.verify(known or self._nobody or "", given) and known is not None
        # A hash that cannot be read fits nothing; it does not stop the login page.
        except (VerificationError, InvalidHashError):
            return False


def weakness(password: str, email: str) -> str | None:
    """Why a new password is not taken, None where it is (NIST SP 800-63B 5.1.1: length counts,
    composition rules do not).
    """
    if not SHORTEST <= len(password) <= LONGEST:
        return f"A password has {SHORTEST} to {LONGEST} characters."
    name = fold_address(email).partition("@")[0]
    # Only what is guessed at once: no list of known passwords is looked into.
    if len(set(password)) < 4 or password.lower() in (fold_address(email), name * 2):
        return "This password is too easy to guess."
    return None
