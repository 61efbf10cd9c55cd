"""Reading around damage: a partition with records that cannot be read is set aside, and the others
go on.

aiokafka raises for the whole consumer where one partition's bytes have a wrong checksum. By then it
may have taken records of other partitions in the same call, and they are lost with the exception;
so every position goes back to what was last handed out. What stands before the damage is handed
out, then the partition is paused at the damaged record and tried again now and then.

Other damage raises nothing. A file that was cut while the broker had it open makes the broker end
each connection that asks for it, so all partitions stand still; bytes of zeros make it answer with
an error that aiokafka only logs. So a partition that brings nothing for a while although its log
goes on is read alone; where even that brings nothing, it is set aside like any other.

A position that the log does not have is no damage that waits could mend. Beyond the end (the log
lost its tail) a group goes on at the end, and the loss is noted; before the beginning (deleted by
its age) reading goes on at the beginning, noted as well.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.structs import OffsetAndMetadata

from shared.spine import damage

log = structlog.get_logger()

AGAIN_S = 30.0
"""A damaged partition is tried again after so long: somebody may have mended it."""

STALL_S = 6.0
"""A partition that brings nothing for so long is asked whether its log goes on: soon enough to be
read alone before the overseer calls the whole consumer stuck.
"""

# How long one read waits for the next record before the damage.
_STEP_MS = 1000
_ALONE_MS, _ALONE_AGAIN_MS = 5000, 1500
"""So long a partition is read alone at first, and when it is tried again."""
# How long the broker has to say where the log ends, before a stall counts as "Kafka is away".
_ANSWER_S = 5.0
# aiokafka names the partition only in the text of its errors.
_PLACE = re.compile(r"TopicPartition\(topic='([^']+)', partition=(\d+)\)")

Found = dict[TopicPartition, list[ConsumerRecord[bytes | None, bytes | None]]]


def place_in(error: KafkaError) -> TopicPartition | None:
    """The partition that an error of aiokafka is about; None where it names none, or several."""
    places = set(_PLACE.findall(str(error)))
    if len(places) != 1:
        return None
    ((topic, partition),) = places
    return TopicPartition(topic, int(partition))


class DamageSkipper:
    """Wraps the reading calls of one consumer. `seconds` is a clock that never goes back."""

    def __init__(
        self,
        kafka: AIOKafkaConsumer,
        prefix: str,
        *,
        again: float = AGAIN_S,
        stall: float = STALL_S,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        # `_next`: the offset after the last record handed out. `_aside`: when a damaged partition
        # is tried again. `_silent`: those that bring nothing and raise nothing. `_quiet`: since
        # when a partition has brought nothing. `_held`: those that the owner stopped, which must
        # not be resumed here.
        self._kafka, self._prefix, self._again, self._seconds = kafka, prefix, again, seconds
        self._stall = stall
        self._next: dict[TopicPartition, int] = {}
        self._aside: dict[TopicPartition, float] = {}
        self._silent: set[TopicPartition] = set()
        self._quiet: dict[TopicPartition, float] = {}
        self._cuts: dict[damage.Place, int] = {}
        self._held: set[TopicPartition] = set()

    @property
    def damaged(self) -> frozenset[damage.Place]:
        """The partitions that stand still."""
        return frozenset(self._place(where) for where in self._aside)

    def forget(self) -> None:
        """Other partitions are assigned: nothing is known of them."""
        self._next.clear()
        for where in self._aside:
            damage.clear(self._place(where))
        self._aside.clear()
        self._silent.clear()
        self._quiet.clear()
        self._held.clear()

    def hold(self, where: TopicPartition, offset: int) -> None:
        """Go back to `offset` and read no further until `release`, also while others are read."""
        self.seek(where, offset)
        self._held.add(where)
        self._kafka.pause(where)

    def release(self, where: TopicPartition) -> None:
        self._held.discard(where)
        self._kafka.resume(where)

    def take_cuts(self) -> dict[damage.Place, int]:
        """The partitions that lost their tail since the last call, and where they go on."""
        found, self._cuts = self._cuts, {}
        return found

    def seek(self, where: TopicPartition, offset: int) -> None:
        """Read a partition from here."""
        self._kafka.seek(where, offset)
        self._next[where] = offset

    async def getmany(self, timeout_ms: int, max_records: int | None = None) -> Found:
        """As aiokafka's. Raises KafkaError where the trouble is not that of one partition."""
        # The reads of one partition below need a bound, also where the caller gives none.
        most = max_records or 500
        if found := await self._try_again(most):
            return found
        try:
            found = await self._kafka.getmany(timeout_ms=timeout_ms, max_records=max_records)
        # The two errors below mean "no such position", which is no damage: see the module.
        except (NoOffsetForPartitionError, OffsetOutOfRangeError) as error:
            await self._find_position(error)
            return {}
        except KafkaError as error:
            where = place_in(error)
            if where is None or where not in self._kafka.assignment():
                raise
            # Records of other partitions may be lost with the exception: read them again, then read
            # what stands before the damage, then stop only this partition.
            await self._go_back()
            found = await self._read_before(where, most)
            self._note_moves(found)
            await self._set_aside(where, type(error).__name__)
            return found
        self._note_moves(found)
        # A partition set aside that brings records again was mended.
        for where in found.keys() & self._aside.keys():
            self._readable(where)
        return found or await self._look_for_stalls(most)

    def _readable(self, where: TopicPartition) -> None:
        self._aside.pop(where, None)
        self._silent.discard(where)
        if damage.clear(self._place(where)):
            log.info("a damaged partition can be read again", partition=self._name_of(where))

    async def _find_position(
        self, error: NoOffsetForPartitionError | OffsetOutOfRangeError
    ) -> None:
        """Where nothing was committed: at the beginning. Where the log does not have the position:
        see the module. Raises KafkaError.
        """
        where = place_in(error)
        if where is None or where not in self._kafka.assignment():
            raise error
        if isinstance(error, NoOffsetForPartitionError):
            await self._kafka.seek_to_beginning(where)
            return
        wanted = int(error.args[0][where])
        begin = (await self._kafka.beginning_offsets([where]))[where]
        end = (await self._kafka.end_offsets([where]))[where]
        # A reader without a group keeps its state in memory: its owner must load all of it anew.
        if wanted > end and self._kafka._group_id is None:
            self._note_loss(where, f"offset {wanted} is beyond the end, {end}: it is read anew")
            raise error
        if wanted > end:
            self._note_loss(
                where,
                f"offset {wanted} is beyond the end: records {end} to {wanted - 1} are gone, and "
                f"reading goes on at {end}",
            )
            self.seek(where, end)
            # The owner of the group has rows for records that are gone: it asks for these with
            # `take_cuts`. The commit keeps a restart from finding the same gap again.
            self._cuts[self._place(where)] = end
            await self._kafka.commit({where: OffsetAndMetadata(end, "")})
        elif wanted < begin:
            self._note_loss(
                where,
                f"records {wanted} to {begin - 1} were deleted before they were read here, and "
                f"reading goes on at {begin}",
            )
            self.seek(where, begin)
        # The position is there after all: the log grew between the error and our question.
        else:
            self.seek(where, wanted)

    def _note_loss(self, where: TopicPartition, text: str) -> None:
        damage.note_loss(self._place(where), text)
        log.critical("records of the log are gone", partition=self._name_of(where), what=text)

    async def _look_for_stalls(self, most: int) -> Found:
        """Read alone what has been quiet for long though its log goes on; what does not come even
        then is set aside.
        """
        now, assigned = self._seconds(), self._kafka.assignment() - self._kafka.paused()
        self._quiet = {where: self._quiet.get(where, now) for where in assigned}
        late = [where for where, since in self._quiet.items() if now - since >= self._stall]
        if not late:
            return {}
        # The next look at these comes after another `stall`, whatever the broker answers now.
        self._quiet.update(dict.fromkeys(late, now))
        try:
            async with asyncio.timeout(_ANSWER_S):
                ends = await self._kafka.end_offsets(late)
                at = {where: await self._kafka.position(where) for where in late}
        except (KafkaError, TimeoutError):
            return {}  # Kafka is away: that is no damage
        found: Found = {}
        for where in [where for where in late if at[where] < ends[where]]:
            # A rebalance may come during each read.
            if where not in self._kafka.assignment():
                continue
            if records := await self._read_alone(where, _ALONE_MS, most):
                found[where] = records
            else:
                self._next.setdefault(where, at[where])
                self._silent.add(where)
                await self._set_aside(where, f"nothing comes, though the log has {ends[where]}")
        self._note_moves(found)
        return found

    async def _read_alone(
        self, where: TopicPartition, timeout_ms: int, most: int
    ) -> list[ConsumerRecord[bytes | None, bytes | None]]:
        """Its records with all others paused; none where nothing comes."""
        others = self._kafka.assignment() - self._kafka.paused() - {where}
        self._kafka.pause(*others)
        try:
            found: Found = await self._kafka.getmany(where, timeout_ms=timeout_ms, max_records=most)
        except KafkaError:
            return []
        finally:
            # A rebalance may have taken partitions away meanwhile; those that the owner holds stay
            # paused.
            self._kafka.resume(*((others & self._kafka.assignment()) - self._held))
        return found.get(where, [])

    def _note_moves(self, found: Found) -> None:
        for where, records in found.items():
            self._next[where] = records[-1].offset + 1
            self._quiet.pop(where, None)

    async def _go_back(self) -> None:
        """Every position to what was last handed out, or else to what is committed."""
        for where in self._kafka.assignment():
            if where in self._next:
                self._kafka.seek(where, self._next[where])
            elif committed := await self._kafka.committed(where):
                self._kafka.seek(where, committed)
            else:
                await self._kafka.seek_to_beginning(where)

    async def _read_before(self, where: TopicPartition, most: int) -> Found:
        """The readable records before the damage, one at a time, so that none is lost with it."""
        good: list[ConsumerRecord[bytes | None, bytes | None]] = []
        try:
            while len(good) < most:
                one = await self._kafka.getmany(where, timeout_ms=_STEP_MS, max_records=1)
                if not one.get(where):
                    break
                good += one[where]
        # This error is the damage itself. It is reported by the caller.
        except KafkaError:
            pass
        return {where: good} if good else {}

    async def _set_aside(self, where: TopicPartition, why: str) -> None:
        offset = self._next.get(where)
        # Nothing was handed out of it yet: without a mark, a later `_go_back` would move it.
        if offset is None:
            offset = self._next[where] = await self._kafka.position(where)
        self._kafka.seek(where, offset)
        self._kafka.pause(where)
        self._aside[where] = self._seconds() + self._again
        if damage.note(self._place(where), f"stands still from offset {offset}: {why}"):
            log.error(
                "a partition is damaged and stands still, the others go on",
                partition=self._name_of(where),
                offset=offset,
                error=why,
            )

    async def _try_again(self, most: int) -> Found:
        """Resume those whose time has come; what cannot be read still is set aside again. One that
        could stop all others is read alone: what came of it.
        """
        now = self._seconds()
        found: Found = {}
        due = [each for each, at in self._aside.items() if at <= now and each not in self._held]
        for where in due:
            self._aside[where] = now + self._again
            self._kafka.resume(where)
            # Damage that raises an error stops nobody else: the usual read tries it together with
            # the others.
            if where not in self._silent:
                continue
            if records := await self._read_alone(where, _ALONE_AGAIN_MS, most):
                found[where] = records
                self._note_moves(found)
                self._readable(where)
            elif where in self._aside:
                self._kafka.pause(where)
        return found

    def _place(self, where: TopicPartition) -> damage.Place:
        return where.topic[len(self._prefix) :], where.partition

    def _name_of(self, where: TopicPartition) -> str:
        topic, partition = self._place(where)
        return f"{topic}/{partition}"
