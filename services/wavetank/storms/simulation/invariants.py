"""What must hold after every step, counted once more and by other means.

The cores check themselves as they go: money and lots are conserved at each fact that clearing counts, and the engine
refuses lines that count an account otherwise than it does. Here positions are counted a third time, from the shard's
log alone, and compared with what the engine holds now, and with what clearing holds as of the seq it has counted. So a
fill that is lost, counted twice or given to the wrong side is seen at the step at which it happens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.model.events import clearing as clearing_events
from wavetank.model.invariant import InvariantBroken
from wavetank.model.record import kind_of
from wavetank.storms.simulation.journal import Entry
from wavetank.storms.simulation.tally import Tally

if TYPE_CHECKING:
    from wavetank.storms.simulation.venue import SimulatedVenue

_FUNDINGS = {kind_of(clearing_events.FundingBooked), kind_of(clearing_events.FundingTickBooked)}


class Invariants:
    """Watches one venue."""

    def __init__(self, venue: SimulatedVenue) -> None:
        """Watch a venue that begins empty."""
        self._venue = venue
        self._tally = Tally()
        self._funded: dict[int, int] = {}
        """Newest funding tick by instrument."""
        self._paid: set[tuple[int, int, int]] = set()
        """Account, instrument and tick of payments of the newest tick of each instrument."""
        self.checks = 0

    def matching(self, entry: Entry) -> None:
        """Check an entry of the shard's log as it is committed.

        Raises:
            InvariantBroken: INV-020 or MTCH-010 does not hold.

        """
        touched = self._tally.count(entry.records, entry.first_seq)
        if not touched:
            return
        engine = self._venue.shard.engine
        self.checks += len(touched)
        for account_id, instrument_id, logged in touched:
            held = engine.position(account_id, instrument_id)
            if held != logged:
                raise InvariantBroken(
                    f"INV-020: account {account_id} holds {held} lots of instrument {instrument_id} at the shard, "
                    f"whose log comes to {logged}"
                )
        for instrument_id in {instrument_id for _, instrument_id, _ in touched}:
            bid, _, ask, _ = engine.bbo(instrument_id)
            if bid and ask and bid >= ask:
                raise InvariantBroken(f"MTCH-010: instrument {instrument_id} is bid at {bid} and asked at {ask}")

    def clearing(self, entry: Entry) -> None:
        """Check clearing's state as an entry of its log is committed.

        Raises:
            InvariantBroken: INV-020, INV-040, INV-090 or FUND-030 does not hold.

        """
        state = self._venue.clearing.core.state
        counted_seq = state.matching_seqs[0]
        settled = self._tally.settle(counted_seq)
        self.checks += len(settled)
        for account_id, instrument_id, counted in settled:
            held, _ = state.ledger.position(state.accounts[account_id].row, instrument_id)
            if held != counted:
                raise InvariantBroken(
                    f"INV-090: clearing counts {held} lots of instrument {instrument_id} for account {account_id}, "
                    f"the shard's log up to seq {counted_seq} comes to {counted}"
                )
        for _, event in entry.picked(_FUNDINGS):
            if isinstance(event, clearing_events.FundingBooked):
                paid = event.account_id, event.instrument_id, event.tick
                self.checks += 1
                if paid in self._paid or event.tick <= self._funded.get(event.instrument_id, 0):
                    raise InvariantBroken(
                        f"INV-090: account {event.account_id} pays tick {event.tick} of instrument "
                        f"{event.instrument_id} twice"
                    )
                self._paid.add(paid)
            elif isinstance(event, clearing_events.FundingTickBooked):
                tick = self._funded.get(event.instrument_id, 0) + 1
                self.checks += 1
                if event.tick != tick:
                    raise InvariantBroken(
                        f"FUND-030: tick {event.tick} of instrument {event.instrument_id} follows {tick - 1}"
                    )
                self._funded[event.instrument_id] = tick
                self._paid = {each for each in self._paid if each[1] != event.instrument_id}
