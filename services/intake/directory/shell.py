"""A document of the directory is written or removed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from services.intake.directory.generations import ends_with, with_generation
from services.intake.directory.load import differences, keep_masked
from services.intake.domain import (
    RequestContext,
)
from services.intake.http.preconditions import check_match, etag_of_document
from services.intake.shell import SOURCE, Answer, Intake, admins_only
from services.intake.world import directory as documents
from shared import events as e
from shared import ids
from shared.topics import DIRECTORY
from shared.wire import record_for


async def put_document(
    intake: Intake,
    kind: str,
    given: str,
    document: dict[str, Any] | None,
    asked: RequestContext,
    trace: str,
    *,
    if_match: str | None = None,
) -> Answer:
    """PUT and DELETE /v1/directory/{kind}/{id}: answered when this process reads it back. What is
    written back `(hidden)` stays what it was. Raises Refused `precondition-failed` (412),
    `last-administrator` (409).
    """
    admins_only(asked.actor)
    doc_id = documents.id_of(kind, given)
    # Alone where the outcome depends on what stands now: a condition, or the last administrator.
    is_alone = if_match is not None or kind == "accounts"
    async with intake.reference.publishing if is_alone else contextlib.nullcontext():
        # Read under the lock, where there is one.
        standing = intake.reference.get(kind, doc_id)
        check_match(if_match, None if standing is None else etag_of_document(standing))
        kept = (
            None
            if document is None
            else documents.check(
                kind,
                doc_id,
                with_generation(
                    kind,
                    doc_id,
                    keep_masked(document, standing),
                    intake.reference.get,
                    asked.at,
                ),
            )
        )
        # Nobody could undo it afterwards.
        if kind == "accounts":
            intake.administrators.check([(doc_id, kept)])
        # First what hangs on it; the account itself goes last.
        if kind == "accounts" and kept is None:
            await end_all_of(intake, doc_id, asked, trace)
        return await _put(intake, kind, doc_id, standing, kept, asked, trace)


async def _put(
    intake: Intake,
    kind: str,
    doc_id: str,
    standing: Mapping[str, Any] | None,
    kept: dict[str, Any] | None,
    asked: RequestContext,
    trace: str,
) -> Answer:
    answer: Answer = {
        "kind": kind,
        "id": doc_id,
        "removed": kept is None,
        "changes": list(differences(standing, kept)),
    }
    if kept is not None:
        answer["etag"] = etag_of_document(kept)
        if standing == kept:
            return answer | {"unchanged": True, "applied": True}
    await _write(intake, kind, doc_id, kept, asked, trace)
    # Answered when this process sees it itself.
    applied = await intake.reference.read_back_document(kind, doc_id, kept)
    return answer | {"unchanged": False, "applied": applied}


async def end_all_of(intake: Intake, email: str, asked: RequestContext, trace: str) -> None:
    """Remove what ends with an account, before the account itself: should this break off, the
    account is still there, and removing it again goes on. Its sessions and streams end with it
    (`services/portal/sign_in/session.py`).
    """
    lookup = intake.reference
    ending = await intake.slow.run(lambda: ends_with(email, lookup.ids("tokens"), lookup.get))
    for kind, doc_id in ending:
        await _write(intake, kind, doc_id, None, asked, trace)
    await asyncio.gather(
        *[lookup.read_back_document(kind, doc_id, None) for kind, doc_id in ending]
    )


async def _write(
    intake: Intake,
    kind: str,
    doc_id: str,
    kept: dict[str, Any] | None,
    asked: RequestContext,
    trace: str,
) -> None:
    key = f"{kind}:{doc_id}"
    event = e.DirectoryRecorded.model_validate(
        {
            "id": ids.derive("dir", key, asked.digest, asked.at.isoformat()),
            "key": key,
            "at": asked.at,
            "kind": kind,
            "doc_id": doc_id,
            "document": kept,
            "actor": asked.actor,
        }
    )
    await intake.write(record_for(DIRECTORY.name, event, SOURCE, trace))
