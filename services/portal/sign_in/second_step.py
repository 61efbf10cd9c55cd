"""The second step at the login: whether one is asked for, and whether a code is good.

A code counts once: its half minute is noted in MongoDB under a unique id before it counts, in
whichever process. A second step that cannot be read (another installation's secret) is still asked
for, and nothing answers it but a reset.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Literal

from shared.clock import Clock
from shared.events import Via
from shared.people.identity import Lookup, actor_of, is_of
from shared.people.second_step import (
    SecondStep,
    open_secret,
    read_enrolment,
    second_step_in,
    step_of,
)
from shared.people.sign_in import SECOND_STEPS, password_link_binding
from shared.signed.links import SECOND_STEP, read_claimed_person, sign, verify
from shared.storage.store import Duplicate, Store

UNDER_WAY = timedelta(minutes=15)
"""How long somebody who gave their password may take for the second step."""
# Longer than a code can be good, with the half minutes on both sides.
_REMEMBERED = timedelta(minutes=5)

Need = Literal["nothing", "code", "enrolment"]


class SecondSteps:
    """One per process. `secret` None: there are no second steps. `required`: staff who log in with
    a password must have one.
    """

    def __init__(
        self, store: Store, directory: Lookup, clock: Clock, secret: str | None, *, required: bool
    ) -> None:
        self._store, self._directory, self._clock = store, directory, clock
        self._key = secret.encode() if secret else None
        self._required = required

    def is_on(self, email: str) -> bool:
        """Whether a code is asked for at the login of this account."""
        # A second step of an earlier account of this address does not count.
        found = self._directory.get(SECOND_STEPS, email)
        return found is not None and is_of(found, self._directory.get("accounts", email))

    def count_codes_left(self, email: str) -> int:
        """How many recovery codes are left."""
        found = self._find_second_step(email)
        return len(found.recovery) if found else 0

    def is_required(self, email: str) -> bool:
        """Whether this account may not log in with a password alone."""
        account = self._directory.get("accounts", email)
        # Without a secret there is nothing that a code could be checked with.
        return bool(
            self._required
            and self._key
            and account is not None
            and actor_of(account, Via.WEB).is_staff
        )

    def is_recommended(self, email: str) -> bool:
        """Whether this account has a password and no second step. Who is told so: staff."""
        known = self._directory.get("credentials", email)
        return self._key is not None and known is not None and not self.is_on(email)

    def need(self, email: str, *, by_password: bool) -> Need:
        """What is asked of somebody who has shown who they are. An OpenID provider asks for second
        steps of its own, so none must be switched on here by whoever comes from there.
        """
        # Whoever has one gives it, also after a provider's login.
        if self.is_on(email):
            return "code"
        return "enrolment" if by_password and self.is_required(email) else "nothing"

    def begin(self, email: str) -> str:
        """A token for who has given their password; it opens nothing but the second step."""
        assert self._key is not None
        until = self._clock.now() + UNDER_WAY
        return sign(self._key, SECOND_STEP, self._compute_binding(email), email, until)

    def under_way(self, token: str | None) -> str | None:
        """The person whose login this is; None: nobody's, or it took too long."""
        if not token or self._key is None:
            return None
        email = read_claimed_person(token)
        found = verify(
            self._key, token, SECOND_STEP, self._compute_binding(email), self._clock.now()
        )
        return found.person if found else None

    async def is_good(self, email: str, code: str) -> bool:
        """Whether this is a code of now that was not used. It is used with that. Raises
        Unavailable.
        """
        found = self._find_second_step(email)
        if found is None or self._key is None:
            return False
        secret = open_secret(self._key, email, found.secret)
        step = step_of(secret, code, self._clock.now()) if secret else None
        # A code of this half minute or an older one was used to switch it on.
        if step is None or step <= found.used:
            return False
        # The half minute and not the code: the same code cannot come under another name.
        used = hashlib.sha256(f"{email}\0{found.secret}\0{step}".encode()).hexdigest()
        row = {"_id": used, "expires_at": self._clock.now() + _REMEMBERED}
        try:
            await self._store["used_codes"].insert(row)
        except Duplicate:
            # Another request, maybe in another process, has used it just before.
            return False
        return True

    def secret_of(self, email: str, enrolment: str) -> str | None:
        """The secret that an enrolment of this account shows; None where it is over."""
        return read_enrolment(self._key, email, enrolment, self._clock.now()) if self._key else None

    def _find_second_step(self, email: str) -> SecondStep | None:
        return (
            second_step_in(self._directory.get(SECOND_STEPS, email)) if self.is_on(email) else None
        )

    def _compute_binding(self, email: str) -> str:
        return password_link_binding(
            self._directory.get("credentials", email), self._directory.get("accounts", email)
        )
