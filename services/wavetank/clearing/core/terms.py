"""Terms of an instrument that may change while it is listed, each by an event that names its author."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wavetank.clearing.core.bank import Refused
from wavetank.model.events.clearing import FundingIntervalSet
from wavetank.model.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from wavetank.clearing.core.state import State
    from wavetank.model.record import Event

SHORTEST_INTERVAL_NS = 1_000_000_000
LONGEST_INTERVAL_NS = 86_400 * 1_000_000_000


class Terms:
    """Answers requests to change an instrument; who follows its listing follows the change too."""

    def __init__(self, state: State, emit: Callable[[Event], int]) -> None:
        """Answer for `state` through `emit`."""
        self._state = state
        self._emit = emit

    def set_funding_interval(self, instrument_id: int, interval_ns: int, *, account_id: int, key_id: str) -> int:
        """Set the time between two funding payments; that which it has changes nothing (FUND-020).

        Args:
            instrument_id: the instrument.
            interval_ns: venue time, a second to a day.
            account_id: account of the author's key, or 0.
            key_id: public part of the author's key.

        Returns:
            The interval before, in nanoseconds.

        Raises:
            Refused: INSTRUMENT_UNKNOWN, MALFORMED.

        """
        instrument = self._state.instruments.get(instrument_id)
        if instrument is None:
            message = f"instrument {instrument_id} is not listed"
            raise Refused(Reason.INSTRUMENT_UNKNOWN, instrument_id, 0, message)
        if not SHORTEST_INTERVAL_NS <= interval_ns <= LONGEST_INTERVAL_NS:
            message = (
                f"a funding interval of {interval_ns} ns; {SHORTEST_INTERVAL_NS} to {LONGEST_INTERVAL_NS} is allowed"
            )
            raise Refused(Reason.MALFORMED, interval_ns, LONGEST_INTERVAL_NS, message)
        previous_ns = instrument.funding_interval_ns
        if interval_ns != previous_ns:
            self._emit(
                FundingIntervalSet(
                    instrument_id=instrument_id,
                    account_id=account_id,
                    previous_interval_ns=previous_ns,
                    funding_interval_ns=interval_ns,
                    key_id=key_id.encode(),
                )
            )
            for event in replace(instrument, funding_interval_ns=interval_ns).listing():
                self._emit(event)
        return previous_ns
