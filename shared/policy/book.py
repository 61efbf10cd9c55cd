"""Every version of the desk policy that was published, so that a decision uses the one its request is stamped with."""

from __future__ import annotations

from pydantic import ValidationError

from shared.errors import Poisonous, Unavailable
from shared.events import PolicyPublished
from shared.policy import DESK, DeskPolicy


class PolicyBook:
    """Fed with the records of topic `policies` (`take`), asked with the stamp of a request (`of`). Pure; reading it is cheap."""

    def __init__(self) -> None:
        self._versions: dict[int, DeskPolicy] = {}
        self._unusable: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._versions)

    def take(self, key: str, raw: bytes) -> None:
        """A record of `policies`. Where two publish the same version, the first in the log counts."""
        if key != DESK or not raw:
            return
        published = PolicyPublished.read(raw)
        if published.version in self._versions:
            return
        try:
            self._versions[published.version] = DeskPolicy.model_validate(published.document)
        except ValidationError as error:  # of a newer Signalbox: whoever needs it waits until this one is upgraded
            self._unusable[published.version] = str(error)

    def of(self, stamp: dict[str, int]) -> DeskPolicy:
        """The version that `stamp` names. Raises Unavailable where it was not read yet, Poisonous where none is named."""
        version = stamp.get(DESK)
        if version is None:
            raise Poisonous(f"the request is stamped with no version of policy {DESK!r}")
        try:
            return self._versions[version]
        except KeyError:
            raise Unavailable(f"policy {DESK!r} version {version}", self._unusable.get(version, "not read yet")) from None
