"""Making topics with the cluster's own number of copies: aiokafka 0.14 cannot ask for that."""

from __future__ import annotations

from typing import Any

from aiokafka.protocol.admin import CreateTopicsRequest_v3
from aiokafka.protocol.api import Request, RequestStruct

CLUSTERS_OWN = -1
"""As many copies, or partitions, as the cluster makes by default (KIP-464, Kafka 2.4)."""


# Version 4 has the fields of version 3, and is the first in which -1 means "as the cluster does".
class _CreateTopics4(RequestStruct):  # type: ignore[misc]
    API_KEY = 19
    API_VERSION = 4
    RESPONSE_TYPE = CreateTopicsRequest_v3.RESPONSE_TYPE
    SCHEMA = CreateTopicsRequest_v3.SCHEMA


class CreateTopics(Request[_CreateTopics4]):  # type: ignore[misc]
    """One topic: `(name, partitions, replication, assignments, config)`."""

    API_KEY = 19

    def __init__(self, new: tuple[Any, ...], timeout_ms: int) -> None:
        self._new, self._timeout_ms = new, timeout_ms

    def build(self, request_struct_class: type[_CreateTopics4]) -> _CreateTopics4:
        return request_struct_class([self._new], self._timeout_ms, False)
