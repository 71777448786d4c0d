"""The door of the shard as venue faults would have it (MTCH-065), on the virtual clock.

What a fault does to a request is decided by the shard's own core; here it is done: a request waits, is refused or lost,
its answer waits or is lost, its session is cut. Kept true: requests of one account keep their order; while there is no
fault the door asks one question alone.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from wavetank.matching.core.entry_faults import UNDISTURBED, market_treatment, treatment
from wavetank.matching.core.magic_ids import under_spell
from wavetank.storms.simulation.shard import Batch

if TYPE_CHECKING:
    from wavetank.storms.simulation.venue import SimulatedVenue

PATIENCE_NS = 5_000_000_000
"""For so long a client waits for an answer before it takes the outcome for unknown."""
RECONNECT_NS = 500_000_000
"""For so long a client whose session was cut is away."""
GLIMPSE_NS = 100_000_000
"""An agent's look at the market counts as one commit for so long."""


class Disturbances:
    """What befalls requests and market data of one venue."""

    def __init__(self, venue: SimulatedVenue, *, knows_magic_ids: bool) -> None:
        """Stand at the door of a venue.

        Args:
            venue: whose door.
            knows_magic_ids: whether client order ids may ask for an outcome.

        """
        self._venue = venue
        self._knows_magic_ids = knows_magic_ids
        self._numbers: Counter[int] = Counter()
        self._last_ns: dict[int, int] = {}
        """When the newest request of an account arrives that was made late."""

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to disturb anything by."""
        return not self._knows_magic_ids and not self._venue.shard.controls.faults and not self._last_ns

    def take(self, batch: Batch) -> None:
        """Take a request that has come to the door."""
        venue, now_ns, account_id = self._venue, self._venue.schedule.now_ns, batch.account_id
        self._numbers[account_id] += 1
        faults = venue.shard.controls.active(now_ns)
        found = treatment(faults, now_ns, account_id, batch.commands, self._numbers[account_id])
        commands = batch.commands
        if self._knows_magic_ids:
            commands, asked = under_spell(commands)
            found = found.beside(asked)
        if found.ends_session:
            batch.lost(maybe_done=True)
            venue.cut_session(account_id, RECONNECT_NS)
        elif found.refusal is not None:
            venue.refuse_at_door(batch, found.refusal)
        elif found.is_lost:
            venue.schedule.at(now_ns + PATIENCE_NS, partial(batch.lost, maybe_done=True))
        elif found == UNDISTURBED and account_id not in self._last_ns:
            venue.shard.take(batch)
        else:
            disturbed = Batch(commands, batch.count, account_id, batch.answer, batch.lose, batch.refuse)
            if found.loses_answer:
                disturbed.answer = partial(self._silent, batch)
            elif found.answer_delay_ns:
                disturbed.answer = partial(self._late, batch, found.answer_delay_ns)
            arrives_ns = max(now_ns + found.delay_ns, self._last_ns.get(account_id, 0))
            self._last_ns[account_id] = arrives_ns
            venue.schedule.at(arrives_ns, self._arrived, disturbed, arrives_ns)

    def _arrived(self, batch: Batch, arrives_ns: int) -> None:
        if self._last_ns.get(batch.account_id) == arrives_ns:
            del self._last_ns[batch.account_id]
        self._venue.shard.take(batch)

    def _silent(self, batch: Batch, _results: bytes, _seq: int) -> None:
        schedule = self._venue.schedule
        schedule.at(schedule.now_ns + PATIENCE_NS, partial(batch.lost, maybe_done=True))

    def _late(self, batch: Batch, delay_ns: int, results: bytes, seq: int) -> None:
        if batch.answer is not None:
            schedule = self._venue.schedule
            schedule.at(schedule.now_ns + delay_ns, batch.answer, results, seq)

    def market(self, account_id: int, seq: int) -> tuple[bool, int]:
        """Return whether an account is not told of a commit, and else how late."""
        now_ns = self._venue.schedule.now_ns
        return market_treatment(self._venue.shard.controls.active(now_ns), now_ns, account_id, seq)

    def seen_ns(self, account_id: int, time_ns: int) -> int:
        """Return the time whose market an agent sees that would see that of another without faults."""
        faults = self._venue.shard.controls.active(self._venue.schedule.now_ns)
        if not faults:
            return time_ns
        glimpse = time_ns // GLIMPSE_NS
        # What it was not told of, it sees as it was before; a gap that never ends shows the market at its beginning.
        while glimpse > 0:
            is_dropped, delay_ns = market_treatment(faults, glimpse * GLIMPSE_NS, account_id, glimpse)
            if not is_dropped:
                return min(time_ns, (glimpse + 1) * GLIMPSE_NS) - delay_ns
            glimpse -= 1
        return 0
