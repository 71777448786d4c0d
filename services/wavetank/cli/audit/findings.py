"""What an audit found: how often each rule was checked, and every time it was broken.

The parts of the auditor share one `Findings`; it knows which event is being looked at, so that a check need not say it.
Kept true: a rule that was never checked is shown as such, and the first offence in order of cause is kept whole.
"""

from collections import Counter
from dataclasses import dataclass
from enum import Enum

KEPT_OFFENCES = 100
"""Offences kept whole; the others are only counted, so that a broken log does not fill the memory."""


class Rule(Enum):
    """A rule that is checked: its id, and what is looked at."""

    INV_010 = ("INV-010", "Money: Σ (cash − Σ cost) of all accounts = deposits − withdrawals, after each entry")
    INV_020 = ("INV-020", "Lots: positions sum to 0 per instrument; open interest = long side")
    INV_030 = ("INV-030", "Profit: Σ cost of all holders = Σ realised, per instrument")
    INV_040 = ("INV-040", "Funding: each payment recomputed, every holder once, a tick sums to 0")
    INV_050 = ("INV-050", "Bookings: each leg recomputed, the legs of a transaction sum to 0")
    INV_060 = ("INV-060", "Liquidations: reduce, never flip, inside band and limit")
    INV_070 = ("INV-070", "Socialised loss: paid by holders with gains alone, in proportion")
    INV_080 = ("INV-080", "Waterfall: stages in order, fund before collateral, no vault for another")
    INV_090 = ("INV-090", "Logs: chain, seq, epochs and cursors whole; each event applied once, in order")
    MTCH_010 = ("MTCH-010", "Matching: best price, then oldest; at the resting price; never crossed")
    MTCH_020 = ("MTCH-020", "Matching: no trade of an account with itself")
    MTCH_050 = (
        "MTCH-050",
        "States and auctions: one price, most lots, the newer order takes; what is settled is empty",
    )
    MTCH_030 = ("MTCH-030", "Reduce-only orders never increase or flip a position")
    ORD_010 = ("ORD-010", "Triggers: nothing is charged before they fire, and none fires before its price has come")
    ORD_040 = ("ORD-040", "Groups: one that trades or fires rules out the others; children follow their parent")
    ORD_060 = ("ORD-060", "Orders: ids unique, lots add up, exactly one terminal state")
    FEE_010 = ("FEE-010", "Fees: differences of ceil(rate × cumulative value); none for liquidation orders")
    LIQ_030 = ("LIQ-030", "Pace: steps of a liquidation no nearer to each other than the operator lets them")
    LIQ_035 = ("LIQ-035", "Equity, margin and bankruptcy values recomputed at the frozen marks; splits exact")
    LIQ_070 = ("LIQ-070", "Fund: drained and restored as signed, to the house and back, never more than was drained")
    LIQ_080 = ("LIQ-080", "Deleveraging: everybody ranked who may be, in the policy's order, and asked as it says")
    LIQ_090 = ("LIQ-090", "Escalations: nothing done while a person is asked; no clock too soon; every decision signed")
    LIQ_110 = ("LIQ-110", "Withdrawals: never while gated, never before the shard answered, never of a held account")
    MRGN_020 = ("MRGN-020", "Rates: shares from long lots × mark, moved when due; leverages in range, and covered")
    MRGN_030 = ("MRGN-030", "Margin modes: correlations before what rests on them; no mode that could lower a line")
    MRGN_060 = ("MRGN-060", "Transfers: between clients, as held before; never of an account in liquidation")
    MRGN_070 = ("MRGN-070", "Limits: each as a person signed it, of a client or of all, in what is there")
    LIQ_120 = (
        "LIQ-120",
        "Cascades: each liquidation linked to one that could lead to it; sums and multiplier recomputed",
    )
    MRGN_080 = (
        "MRGN-080",
        "Collateral: counted by the log's terms and within their caps; lots conserved per asset",
    )
    LIQ_055 = ("LIQ-055", "Conversions: yield recomputed, only as much as is owed, all of it before others are asked")
    MRGN_050 = ("MRGN-050", "Credit: shares of the shards add up; one leaves a shard only after it answered")
    PLAY_020 = ("PLAY-020", "Play: a twin is what its source was, a reset ends flat; the house takes the other side")
    STATE = ("STATE", "The running services say what the logs say")

    @property
    def id(self) -> str:
        """Id as the rules' pages write it."""
        return self.value[0]

    @property
    def what(self) -> str:
        """One line for a person."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Offence:
    """A rule that was broken, where, and what was expected."""

    rule: Rule
    log: str
    entry_id: str
    seq: int
    """Seq of the event; 0 for an offence of the entry as a whole."""
    event: str
    expected: str

    @property
    def place(self) -> str:
        """Where it stands, in words."""
        where = f"{self.log} {self.entry_id}" if self.entry_id else self.log
        return f"{where}, seq {self.seq}" if self.seq else where


class Findings:
    """Collects checks and offences; one per audit."""

    def __init__(self) -> None:
        """Begin with nothing checked."""
        self.checks: Counter[Rule] = Counter()
        self.broken: Counter[Rule] = Counter()
        self.offences: list[Offence] = []
        self.notes: list[str] = []
        self._log = ""
        self._entry_id = ""
        self._seq = 0
        self._event: object = None

    @property
    def is_ok(self) -> bool:
        """Whether no rule was broken."""
        return not self.broken

    def look_at(self, log: str, entry_id: str, seq: int = 0, event: object = None) -> None:
        """Say what is being looked at, for the offences that follow."""
        self._log = log
        self._entry_id = entry_id
        self._seq = seq
        self._event = event

    @property
    def place(self) -> tuple[str, str, int, object]:
        """What is being looked at; `look_at(*place)` returns there."""
        return self._log, self._entry_id, self._seq, self._event

    def offend(self, rule: Rule, expected: str) -> None:
        """Record that a rule is broken here, and what was expected instead."""
        self.broken[rule] += 1
        if len(self.offences) < KEPT_OFFENCES:
            event = "" if self._event is None else str(self._event)
            self.offences.append(Offence(rule, self._log, self._entry_id, self._seq, event, expected))

    def expect(self, rule: Rule, holds: bool, expected: str) -> bool:
        """Count one check, and record an offence unless it holds.

        Only where the sentence costs nothing; in hot places `checks` is counted and `offend` called by hand.
        """
        self.checks[rule] += 1
        if not holds:
            self.offend(rule, expected)
        return holds

    def note(self, text: str) -> None:
        """Keep a remark for the report: what could not be judged, and why."""
        if text not in self.notes:
            self.notes.append(text)
