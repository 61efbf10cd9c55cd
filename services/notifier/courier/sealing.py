"""Links that let somebody in are signed as their mail is sent, and stand nowhere before: a notice's
body says what its link opens, and until when. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from services.notifier.notices import DirectoryIndex, SenderIdentity
from shared.people.sign_in import INVITATIONS, invitation_id, invitation_in, password_link_binding
from shared.signed import links


def with_link(
    body: Mapping[str, Any],
    to: str,
    directory: DirectoryIndex,
    house: SenderIdentity,
    now: datetime,
) -> Mapping[str, Any]:
    """The body with the `url` of the link it asks for by `opens`; any other as it is. Raises
    ValueError where the link is over, or what it is about is gone: a dead link helps nobody.
    """
    purpose = body.get("opens")
    if purpose is None:
        return body
    until = datetime.fromisoformat(str(body["until"]))
    # A link that is over by now is not worth a mail; the refusal is on record.
    if until <= now:
        raise ValueError("its link was over before the mail could be sent")
    path, standing = _OPENS[str(purpose)](body, to, directory)
    # Signed here and not when it was owed, so that no token stands in the outbox or the log.
    token = links.sign(house.secret, str(purpose), standing, to, until)
    return {**body, "url": f"{house.public_url}{path}?{urlencode({'token': token})}"}


def _reset(_: Mapping[str, Any], to: str, directory: DirectoryIndex) -> tuple[str, str]:
    known, account = directory.get("credentials", to), directory.get("accounts", to)
    # The account or its password is gone meanwhile.
    if known is None or account is None:
        raise ValueError("the account has no password any more")
    return "/login/password", password_link_binding(known, account)


def _invitation(_: Mapping[str, Any], to: str, directory: DirectoryIndex) -> tuple[str, str]:
    found = invitation_in(directory.get(INVITATIONS, invitation_id(to)))
    if found is None:
        raise ValueError("the invitation was withdrawn or accepted")
    return "/invitation", found.standing()


_OPENS: Mapping[str, Callable[[Mapping[str, Any], str, DirectoryIndex], tuple[str, str]]] = {
    links.RESET_PASSWORD: _reset,
    links.INVITATION: _invitation,
}
"""Purpose → the page's path, and what the link is bound to."""
