"""Disturbances: the door as the venue faults would have it, between the clients and the shard (MTCH-065).

What a fault does to a request is decided in `entry_faults`, and by the id of a magic order in `magic_ids`; here it is
done: a request waits, is refused or lost, its answer waits or is lost, its session is cut; market data waits or is not
told. It exists apart so that the door of a healthy shard asks one question alone: whether there is such a thing.
Kept true: requests of one session, answers to it, and what one subscriber is told keep their order, also when the
faults end while something waits; whatever was carried out is answered for, unless a fault loses exactly that answer.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from wavetank.matching.adapters.lane import Lane
from wavetank.matching.adapters.refusals import sentence_of
from wavetank.matching.core.entry_faults import UNDISTURBED, Treatment, market_treatment, treatment
from wavetank.matching.core.magic_ids import under_spell
from wavetank.matching.ports import BatchStage
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wavetank.matching.adapters.session import OrderSession, SessionBatch, UnaryBatch
    from wavetank.matching.adapters.subscriber import Added, Subscriber, Update
    from wavetank.matching.controls import Controls
    from wavetank.matching.ports import Batch
    from wavetank.runtime.clock import VenueClock

RETRY_AFTER_MS = 1_000
"""Wall time after which a throttled client is asked to try again."""
LONGEST_SILENCE_SECONDS = 60.0
"""Wall time after which a call whose answer is lost ends, if its client did not end it before."""
_SECONDS_PER_NS = 1e-9

_CUT = "the connection was closed; open a new session and ask for your orders"
_SILENT = "no answer comes; the outcome is unknown, ask for the order by its client_order_id"


def refusal_of(reason: Reason) -> VenueError:
    """Return how a fault refuses a request."""
    if reason is Reason.RATE_LIMITED:
        message = "the account sends too much; nothing was done, try again in a moment"
        return VenueError(reason, message, retry_after_ms=RETRY_AFTER_MS)
    return VenueError(reason, sentence_of(reason))


class Lanes(NamedTuple):
    """What waits of one session."""

    requests: Lane
    answers: Lane


class DisturbedBatch:
    """Commands of a session's request as the shard gets them, whose answer may wait or be lost."""

    __slots__ = ("_batch", "_lane", "_treatment", "_wait_ns", "commands", "count", "deadline", "stage", "wants_matched")

    def __init__(self, batch: SessionBatch, treated: Treatment, lane: Lane, wait_ns: int, commands: bytes) -> None:
        """Stand for a batch.

        Args:
            batch: as the client sent it.
            treated: what becomes of it.
            lane: of the session's answers.
            wait_ns: wall time by which the answer is late.
            commands: what the shard carries out.

        """
        self._batch = batch
        self._treatment = treated
        self._lane = lane
        self._wait_ns = wait_ns
        self.commands = commands
        self.count = batch.count
        self.deadline = 0.0
        self.stage = BatchStage.WAITING
        self.wants_matched = batch.wants_matched and not treated.loses_answer and wait_ns == 0

    def matched(self, results: bytes) -> None:
        """Foretell what will become of the request."""
        self._batch.matched(results)

    def done(self, results: bytes, last_seq: int) -> None:
        """Answer, late or never."""
        batch = self._batch
        batch.note(results)
        if self._treatment.loses_answer:
            batch.forget()
            return
        is_late = self._wait_ns > 0 or not self._lane.is_empty

        def answer() -> None:
            batch.answer(results, last_seq)
            if is_late:
                batch.session.flush()

        self._lane.put(self._wait_ns, answer)

    def lost(self) -> None:
        """Keep the client waiting no longer."""
        self._batch.stage = self.stage
        self._batch.lost()


class Disturbances:
    """What befalls requests and market data while faults are set."""

    def __init__(
        self, controls: Controls, clock: VenueClock, submit: Callable[[Batch], None], *, knows_magic_ids: bool
    ) -> None:
        """Disturb as the controls say.

        Args:
            controls: hold the faults.
            clock: venue time.
            submit: hands commands to the shard; may raise VenueError.
            knows_magic_ids: whether client order ids may ask for an outcome.

        """
        self._controls = controls
        self._clock = clock
        self._submit = submit
        self._knows_magic_ids = knows_magic_ids
        self._numbers: Counter[int] = Counter()
        """By account, its requests since faults were set."""
        self._lanes: dict[OrderSession, Lanes] = {}
        self._told: dict[Subscriber, Lane] = {}

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to disturb requests by, and none that waits."""
        return (
            not self._knows_magic_ids
            and not self._controls.active(self._clock.now_ns())
            and all(lane.is_empty for lanes in self._lanes.values() for lane in lanes)
        )

    @property
    def tells_all_at_once(self) -> bool:
        """Whether market data is told as it should be, and none waits."""
        return not self._controls.active(self._clock.now_ns()) and all(lane.is_empty for lane in self._told.values())

    def release(self) -> None:
        """Let pass at once all that waits; for a shard that stops."""
        for lanes in list(self._lanes.values()):
            for lane in lanes:
                lane.release()
        for lane in list(self._told.values()):
            lane.release()

    def forget(self, session: OrderSession) -> None:
        """Forget a session that has ended: what it sent still arrives in its time, and the answers reach nobody."""
        self._lanes.pop(session, None)

    # Requests

    def _treated(self, account_id: int, commands: bytes) -> tuple[bytes, Treatment]:
        self._numbers[account_id] += 1
        faults, now_ns = self._controls.faults, self._clock.now_ns()
        found = treatment(faults, now_ns, account_id, commands, self._numbers[account_id]) if faults else UNDISTURBED
        if self._knows_magic_ids:
            commands, asked = under_spell(commands)
            found = found.beside(asked)
        return commands, found

    def take(self, batch: SessionBatch) -> None:
        """Take a session's request instead of the shard.

        Raises:
            VenueError: it is refused, and nothing of it was done.

        """
        session = batch.session
        commands, found = self._treated(session.account_id, batch.commands)
        if found.ends_session:
            session.cut(VenueError(Reason.NOT_READY, _CUT))
            return
        if found.refusal is not None:
            raise refusal_of(found.refusal)
        if found.is_lost:
            batch.forget()
            return
        lanes = self._lanes.get(session)
        if lanes is None:
            lanes = self._lanes[session] = Lanes(Lane(), Lane())
        wait_ns = self._clock.wall_ns_of(found.answer_delay_ns)
        disturbed = DisturbedBatch(batch, found, lanes.answers, wait_ns, commands)
        if not found.delay_ns and lanes.requests.is_empty:
            self._submit(disturbed)
        else:
            lanes.requests.put(self._clock.wall_ns_of(found.delay_ns), partial(self._arrived, disturbed, batch))

    def _arrived(self, disturbed: DisturbedBatch, batch: SessionBatch) -> None:
        try:
            self._submit(disturbed)
        except VenueError as error:
            batch.session.refuse(batch.request.request_id, error)
            batch.session.flush()

    async def carry_out(self, batch: UnaryBatch, account_id: int) -> bytes:
        """Carry out a unary request instead of the shard, and return its answer.

        Raises:
            VenueError: it is refused, and nothing of it was done; LOG_UNAVAILABLE where no answer comes.

        """
        batch.commands, found = self._treated(account_id, batch.commands)
        if found.ends_session:
            raise VenueError(Reason.NOT_READY, _CUT)
        if found.refusal is not None:
            raise refusal_of(found.refusal)
        if found.is_lost:
            await self._stay_silent()
        if found.delay_ns:
            await asyncio.sleep(self._clock.wall_ns_of(found.delay_ns) * _SECONDS_PER_NS)
        self._submit(batch)
        answer = await batch.answer
        if found.loses_answer:
            await self._stay_silent()
        if found.answer_delay_ns:
            await asyncio.sleep(self._clock.wall_ns_of(found.answer_delay_ns) * _SECONDS_PER_NS)
        return answer

    @staticmethod
    async def _stay_silent() -> None:
        await asyncio.sleep(LONGEST_SILENCE_SECONDS)
        raise VenueError(Reason.LOG_UNAVAILABLE, _SILENT)

    # Market data

    def tell(self, subscriber: Subscriber, seq: int, updates: list[Update], added: Iterable[Added]) -> None:
        """Tell a subscriber of a commit, late or not at all."""
        is_dropped, delay_ns = market_treatment(self._controls.faults, self._clock.now_ns(), subscriber.account_id, seq)
        if is_dropped:
            return
        lane = self._told.get(subscriber)
        if lane is None:
            if not delay_ns:
                subscriber.take(seq, updates, added)
                return
            lane = self._told[subscriber] = Lane()
        # The publisher's list goes on to grow.
        lane.put(self._clock.wall_ns_of(delay_ns), partial(subscriber.take, seq, list(updates), list(added)))

    def leave(self, subscriber: Subscriber) -> None:
        """Forget a subscriber that has gone."""
        self._told.pop(subscriber, None)
