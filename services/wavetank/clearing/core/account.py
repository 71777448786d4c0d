"""An account as clearing knows it: money and positions in a row of the ledger, and what is under way for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from wavetank.clearing.core.health import AccountKind, HealthBand, LiquidationStage
from wavetank.clearing.core.ledger import Ledger
from wavetank.clearing.core.margin_modes import MarginMode
from wavetank.model.events import clearing as events
from wavetank.model.events.clearing import PlayKind
from wavetank.model.orders import LineStatus


@dataclass(slots=True)
class Position:
    """Signed lots and signed cost in one instrument."""

    lots: int
    cost_micros: int


@dataclass(frozen=True, slots=True)
class Collateral:
    """Lots of one asset, and what they count in micro-dollars."""

    lots: int
    held_lots: int
    """Part that waits to be withdrawn."""
    counted_micros: int


@dataclass(slots=True)
class Hold:
    """A withdrawal or a transfer that waits for acknowledgements; the shares hold the shards' parts (PROTOCOL R8)."""

    amount_micros: int
    line_epoch: int
    line_number: int
    receiver_account_id: int = 0
    """Account that is to have it; 0 when it leaves the venue."""
    asset_id: int = 0
    """Instrument whose base asset is to leave, instead of cash, or 0."""
    lots: int = 0
    """How much of it."""


@dataclass(slots=True)
class ModeChange:
    """A change of margin mode that waits for the shards' acknowledgements (MRGN-030, PROTOCOL R8)."""

    mode: MarginMode
    line_epoch: int
    line_number: int
    confirmed: list[int] = field(default_factory=list)
    """Shards that have acknowledged."""


@dataclass(slots=True)
class PlayUnderWay:
    """A twin that waits for its positions, or an account that is being reset (PLAY-020, PLAY-030)."""

    kind: PlayKind
    cash_micros: int
    """What one that is reset is to have."""
    pending: dict[int, events.MatchingRequested] = field(default_factory=dict)
    """Requests sent and not yet answered, by id."""
    reason: int = 0
    """Why a shard refused one; then it ends."""


@dataclass(slots=True)
class ShareHold:
    """Part of a share that waits for its shard's acknowledgement (PROTOCOL R8)."""

    amount_micros: int
    least_micros: int
    """With less than this to spare nothing moves to the other shard."""
    line_epoch: int
    line_number: int
    receiver_shard: int
    """Shard that asks for it, or `WITHDRAWAL`."""
    is_confirmed: bool = False
    """The shard has acknowledged; the rest of the withdrawal is waited for."""


class Share:
    """What an account has on one shard (PROTOCOL R3).

    Its cash is parted among the shards: what a trade, a fee or a funding payment moves, it moves in the share of the
    instrument's shard, so that no fill on one shard ever changes what may be committed on another.
    """

    __slots__ = ("_ledger", "_row", "_shard", "hold", "received_ns")

    def __init__(self, ledger: Ledger, row: int, shard: int) -> None:
        """Stand for a part of a row of the ledger."""
        self._ledger = ledger
        self._row = row
        self._shard = shard
        self.received_ns = 0
        """When credit was last moved here from another shard; 0 for never."""
        self.hold: ShareHold | None = None

    @property
    def cash_micros(self) -> int:
        """Cash on the shard."""
        return self._ledger.part(self._row, self._shard)[0]

    @property
    def waits(self) -> bool:
        """Whether the shard's acknowledgement is waited for."""
        return self.hold is not None and not self.hold.is_confirmed


@dataclass(slots=True)
class Liquidation:
    """Where one account stands in the waterfall."""

    liquidation_id: int
    stage: LiquidationStage = LiquidationStage.CANCEL
    marks: dict[int, int] = field(default_factory=dict)
    """Frozen marks by instrument; a stale leg stands at the better end of its uncertainty."""
    indexes: dict[int, int] | None = None
    """Frozen indexes of its collateral by instrument; a stale one stands at the better end as well. None before."""
    stale: list[int] = field(default_factory=list)
    """Instruments whose price was stale when frozen; they do not trade."""
    pending: dict[int, events.MatchingRequested] = field(default_factory=dict)
    """Requests sent and not yet answered, by id."""
    mark_seq: int = 0
    """Seq in the oracle's log of the newest of the frozen marks."""
    waits: bool = False
    """Nothing more can be done before a mark newer than the frozen ones."""
    unfilled: bool = False
    """The last order left something unfilled."""
    depth_limited: bool = False
    """An order was cut to the book's depth at these inputs; its share of that depth is used up."""
    fund_paid_micros: int = 0
    """Paid by the insurance fund so far, less what was repaid."""
    reserve_micros: int = 0
    """Set aside by the fund for the order in flight."""
    reserve_instrument_id: int = 0
    """What that order closes, or the last one that had a reserve."""
    insured: list[int] = field(default_factory=list)
    """Instruments that went through the book with the fund's reserve at these marks."""
    vault_took: bool = False
    """The backstop vault took legs over, so what cash is left follows them."""
    touched: list[int] = field(default_factory=list)
    """Instruments in which lots were closed, in order of the first close."""
    cascade_id: int = 0
    generation: int = 0
    """Its place in that cascade (LIQ-120)."""
    decisions: dict[int, int] = field(default_factory=dict)
    """What was decided of each kind of escalation; counts until it ends."""
    asks: int = 0
    """The escalation whose decision it waits for, or 0."""
    stress_ppm: int | None = None
    """Stress when inputs were frozen; None before (MRGN-030)."""
    stepped_ns: int = 0
    """Venue time of its last step."""


class Account:
    """One account; its money and its positions stand in a row of the ledger."""

    __slots__ = (
        "_ledger",
        "account_id",
        "cooldown_until_ns",
        "faucet_ns",
        "hold",
        "isolated_instrument_id",
        "kind",
        "line_status",
        "liquidation",
        "margin_mode",
        "mode_change",
        "name",
        "parent_id",
        "play",
        "row",
        "shares",
    )

    def __init__(self, ledger: Ledger, row: int, account_id: int, name: str, kind: AccountKind) -> None:
        """Stand for a row of the ledger."""
        self._ledger = ledger
        self.row = row
        self.account_id = account_id
        self.name = name
        self.kind = kind
        self.shares = [Share(ledger, row, shard) for shard in range(ledger.shards)]
        """By shard; their cash adds up to the account's."""
        self.line_status = LineStatus.NORMAL
        self.hold: Hold | None = None
        self.liquidation: Liquidation | None = None
        self.margin_mode = MarginMode.GROSS
        self.mode_change: ModeChange | None = None
        self.play: PlayUnderWay | None = None
        self.faucet_ns = 0
        """When it drew from the faucet last; 0 for never."""
        self.parent_id = 0
        """Account whose sub-account it is, or 0."""
        self.isolated_instrument_id = 0
        """The only instrument that it trades; 0 when it may trade all."""
        self.cooldown_until_ns: dict[int, int] = {}
        """By instrument, until when liquidation orders are for the whole position; a recovery does not end it."""

    @property
    def owner_id(self) -> int:
        """The account at the head of its family: its parent, or itself."""
        return self.parent_id or self.account_id

    @property
    def cash_micros(self) -> int:
        """Cash on all shards together."""
        return self._ledger.cash(self.row)

    @property
    def collateral(self) -> dict[int, Collateral]:
        """Its collateral by instrument id, ascending, as it counts now."""
        return {key: Collateral(*rest) for key, *rest in self._ledger.collateral(self.row)}

    @property
    def counted_micros(self) -> int:
        """What its collateral counts at the last indexes (MRGN-080)."""
        return self._ledger.counted(self.row)

    def hold_collateral(self, instrument_id: int, lots: int) -> None:
        """Let so many lots of an asset wait to be withdrawn: no credit rests on them any more."""
        self._ledger.hold_collateral(self.row, instrument_id, lots)

    @property
    def positions(self) -> dict[int, Position]:
        """Its positions by instrument id, ascending, as they are now."""
        return {key: Position(lots, cost) for key, lots, cost in self._ledger.positions(self.row)}

    @property
    def leverages(self) -> dict[int, int]:
        """The leverages that it has chosen, by instrument id, ascending; elsewhere the instrument's largest counts."""
        return self._ledger.chosen(self.row)

    @property
    def is_flat(self) -> bool:
        """Whether it has no position."""
        return not self._ledger.position_count(self.row)

    @property
    def band(self) -> HealthBand:
        """Band that was told last."""
        return HealthBand(self._ledger.band(self.row))

    @property
    def last_instrument_id(self) -> int:
        """Where it traded last, or 0; a deficit of an account that closed by itself arose there."""
        return self._ledger.last_instrument_id(self.row)

    def waits_on(self, shard: int) -> bool:
        """Whether a shard's acknowledgement of a line is waited for."""
        change = self.mode_change
        return self.shares[shard].waits or (change is not None and shard not in change.confirmed)


def end_holds(account: Account) -> None:
    """End a withdrawal's holds, on all shards."""
    if account.hold is not None and account.hold.asset_id:
        account.hold_collateral(account.hold.asset_id, 0)
    account.hold = None
    for share in account.shares:
        if share.hold is not None and share.hold.receiver_shard == events.WITHDRAWAL:
            share.hold = None
