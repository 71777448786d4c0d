"""Events of clearing's log (record kinds 200 to 299).

The ledger, the margins' inputs and every liquidation are what these events leave behind. Amounts
are micro-dollars; `…_after` fields repeat the outcome, so that a reader can check its own sums.
"""

from __future__ import annotations

from enum import IntEnum
from fractions import Fraction

from wavetank.model.record import record


class CashCause(IntEnum):
    """Why cash moved between two accounts."""

    LIQUIDATION_FEE = 1
    """Account to fund: part of a fill better than bankruptcy (LIQ-070)."""
    FUND_TOP_UP = 2
    """Fund to account: a fill worse than bankruptcy (LIQ-070)."""
    FUND_REPAYMENT = 3
    """Account to fund: flat with cash left (LIQ-070)."""
    BACKSTOP = 4
    """Account to vault: the rest of the account's cash (LIQ-060)."""
    DEFICIT_FUND = 5
    """Fund to account: a deficit (LIQ-100)."""
    DEFICIT_SOCIALISED = 6
    """Winner to account: a haircut of gains (LIQ-100)."""
    DEFICIT_DEBT = 7
    """Debt account to account: what nobody could be made to pay (LIQ-100)."""
    OWNER_TRANSFER = 8
    """Account to account, as their owner or an admin asked (MRGN-060)."""
    PLAY = 9
    """House to account, or back: what a twin begins with, or one that is reset (PLAY-020, PLAY-030)."""
    FUND_DRAINED = 10
    """Fund to house, as an operator asked (LIQ-070)."""
    FUND_RESTORED = 11
    """House to fund: what was drained comes back (LIQ-070)."""


class FillRole(IntEnum):
    """On which side of a booking an account stood."""

    TAKER = 1
    MAKER = 2
    TRANSFER = 3


class LiquidationOutcome(IntEnum):
    """How a liquidation, or a test within it, ended."""

    RECOVERED = 1
    """Equity met the maintenance margin again."""
    FLAT = 2
    """No position was left."""
    CONTINUES = 3
    """Still below; the next stage follows."""
    WAITS = 4
    """Nothing can be done before the next mark."""


class StepCause(IntEnum):
    """Why a stage acted or was passed over."""

    BELOW_MAINTENANCE = 1
    LARGE_POSITION_FIRST_SLICE = 2
    COOLDOWN_WHOLE_POSITION = 3
    SMALL_POSITION_WHOLE = 4
    DEPTH_LIMITED = 5
    BELOW_BACKSTOP = 6
    VAULT_OFF = 7
    VAULT_CAP = 8
    EQUITY_NEGATIVE = 9
    BOOK_EXHAUSTED = 10
    NO_VICTIM_LEFT = 11
    PRICE_STALE = 12
    UNFILLED = 13
    DEFICIT = 14
    VAULT_DISPOSAL = 15
    COOLDOWN_WAIT = 16
    STAGE_OFF = 17
    LARGE_POSITION_WHOLE = 18
    HELD = 19
    """A person decided to do nothing before the next mark (LIQ-090)."""


class PlayKind(IntEnum):
    """What is made of play money."""

    CLONE = 1
    """A twin of an account (PLAY-020)."""
    RESET = 2
    """An account that begins anew (PLAY-030)."""


class AdlPolicyKind(IntEnum):
    """Whom auto-deleveraging asks, and for how much (LIQ-080)."""

    HYPERLIQUID = 1
    """Profit ratio times leverage, one after the other."""
    BITMEX = 2
    """Profit per cent times effective leverage, one after the other."""
    PRO_RATA = 3
    """Everybody by size."""
    MIN_MAX_LEVERAGE = 4
    """The most levered come down to one common leverage."""


@record(201, "32sBq")
class AccountOpened:
    """An account exists from here on."""

    instrument_id: int
    account_id: int
    name: bytes
    account_kind: int
    parent_account_id: int = 0
    """Account whose sub-account it is, or 0."""


@record(202, "qq")
class Deposited:
    """Play money came in."""

    instrument_id: int
    account_id: int
    amount_micros: int
    cash_after_micros: int


@record(203, "qqqq")
class WithdrawalHeld:
    """A withdrawal waits until each shard that gives a part of it has lowered the account's line (PROTOCOL R8)."""

    instrument_id: int
    account_id: int
    amount_micros: int
    line_epoch: int
    line_number: int
    receiver_account_id: int = 0
    """Account that is to have it; 0 when it leaves the venue."""


@record(204, "qq")
class Withdrawn:
    """Play money went out; the hold ends."""

    instrument_id: int
    account_id: int
    amount_micros: int
    cash_after_micros: int


@record(205, "qqHB")
class WithdrawalRefused:
    """A withdrawal was refused; its hold, if there was one, ends."""

    instrument_id: int
    account_id: int
    amount_micros: int
    allowed_micros: int
    reason: int
    was_held: int


@record(206, "qqqqqqqqqqBB")
class FillBooked:
    """One account's leg of a trade or transfer was booked (PROTOCOL 1)."""

    instrument_id: int
    account_id: int
    matching_seq: int
    """Seq of the trade or transfer in the shard's log."""
    trade_id: int
    """0 for a transfer."""
    order_id: int
    """0 for a transfer."""
    delta_lots: int
    value_micros: int
    fee_micros: int
    realised_micros: int
    lots_after: int
    cost_after_micros: int
    cash_after_micros: int
    role: int
    flags: int
    """The taker's `OrderFlag`s."""


@record(208, "qqqqqii")
class FundingTickBooked:
    """A funding tick was applied to every holder (FUND-030)."""

    instrument_id: int
    account_id: int
    tick: int
    funding_rate_e12: int
    index_price_ticks: int
    oracle_seq: int
    """Seq of the tick in the oracle's log."""
    rounding_micros: int
    """What the rounding account received, so that the tick sums to zero."""
    payers: int
    receivers: int


@record(209, "qqqqq")
class FundingBooked:
    """One account's payment of a funding tick."""

    instrument_id: int
    account_id: int
    tick: int
    payment_micros: int
    """Received; negative is paid."""
    lots: int
    cash_after_micros: int
    funding_rate_e12: int


@record(210, "qqqqqB")
class CashTransferred:
    """Cash moved between two accounts."""

    instrument_id: int
    account_id: int
    """The payer."""
    receiver_account_id: int
    amount_micros: int
    liquidation_id: int
    payer_cash_after_micros: int
    receiver_cash_after_micros: int
    cause: int


@record(211, "qqBB")
class HealthBandChanged:
    """An account's health moved to another band (LIQ-020)."""

    instrument_id: int
    account_id: int
    equity_micros: int
    maintenance_margin_micros: int
    previous: int
    current: int


@record(212, "B")
class LineStatusChanged:
    """The status of an account's credit line changed."""

    instrument_id: int
    account_id: int
    status: int


@record(213, "qqqqqqqq")
class LiquidationStarted:
    """An account fell below maintenance: frozen, its orders to be cancelled (LIQ-030)."""

    instrument_id: int
    account_id: int
    liquidation_id: int
    equity_micros: int
    maintenance_margin_micros: int
    initial_margin_micros: int
    mark_seq: int
    """Seq in the oracle's log of the newest mark used."""
    funding_seq: int
    """Seq in the oracle's log of the last funding tick applied."""
    book_seq: int
    """Seq in the matching log of the newest book sample used."""
    matching_seq: int
    """Seq in the matching log counted so far."""


@record(214, "qqqqqqB")
class LiquidationTested:
    """Inputs were frozen and the account tested against them (LIQ-010, LIQ-030)."""

    instrument_id: int
    account_id: int
    liquidation_id: int
    equity_micros: int
    maintenance_margin_micros: int
    mark_seq: int
    funding_seq: int
    book_seq: int
    outcome: int


@record(215, "qqqqqqqBB")
class LiquidationStepped:
    """A stage acted, or was passed over, and why."""

    instrument_id: int
    account_id: int
    liquidation_id: int
    delta_lots: int
    """Signed change of the position that the stage aims at."""
    price_ticks: int
    """Limit of the order, or 0."""
    value_micros: int
    """Bankruptcy value V of the change (LIQ-035), or its value at mark."""
    equity_micros: int
    maintenance_margin_micros: int
    reserve_micros: int
    """What the fund set aside for it (LIQ-070)."""
    stage: int
    cause: int


@record(216, "qqqqqqBBBHB")
class MatchingRequested:
    """A request to the shard; its id is this event's seq, number 0 (PROTOCOL 4)."""

    instrument_id: int
    account_id: int
    liquidation_id: int
    size_lots: int
    """Unsigned for an order; the giver's signed change for a transfer."""
    price_ticks: int
    value_micros: int
    receiver_account_id: int
    reserve_micros: int
    command: int
    """A `CommandKind`: LIQUIDATE, CANCEL_ACCOUNT or TRANSFER."""
    side: int
    receiver_may_increase: int
    shard: int
    """The shard that is asked."""
    giver_may_increase: int = 0


@record(217, "qqqqqiH")
class MatchingAnswered:
    """The shard's answer to a request was counted."""

    instrument_id: int
    account_id: int
    liquidation_id: int
    request_seq: int
    matching_seq: int
    done_lots: int
    done_value_micros: int
    request_number: int
    reason: int


@record(218, "qqqqqqi")
class AdlRanked:
    """One line of an auto-deleveraging ranking (LIQ-080), logged whole."""

    instrument_id: int
    account_id: int
    liquidation_id: int
    score_e9: int
    """The policy's score, rounded down for show; the order itself is exact."""
    position_lots: int
    capacity_lots: int
    """Most it may lose and still meet its maintenance margin."""
    delta_lots: int
    """Signed change asked of it; 0 if none."""
    given_up_micros: int
    """What the change costs it against the mark."""
    rank: int


@record(219, "qqqq")
class Deleveraged:
    """A victim gave up part of its position (LIQ-080)."""

    instrument_id: int
    account_id: int
    liquidation_id: int
    delta_lots: int
    value_micros: int
    given_up_micros: int


@record(220, "qqqB")
class LiquidationEnded:
    """A liquidation ended; the account's line is open again."""

    instrument_id: int
    account_id: int
    liquidation_id: int
    equity_micros: int
    maintenance_margin_micros: int
    outcome: int


@record(222, "q")
class WithdrawalsGated:
    """Withdrawals are gated until a venue time; 0 lifts the gate (LIQ-110)."""

    instrument_id: int
    account_id: int
    until_ns: int


@record(224, "16sqqqqqqqqqqiiBBBH")
class InstrumentListed:
    """An instrument is listed; `MarginScalingListed` follows if it has any, then its tiers as `MarginTierListed`."""

    instrument_id: int
    account_id: int
    symbol: bytes
    taker_fee_ppm: int
    maker_fee_ppm: int
    min_notional_micros: int
    max_order_lots: int
    max_position_lots: int
    open_interest_cap_lots: int
    price_band_ppm: int
    impact_notional_micros: int
    funding_interval_ns: int
    funding_cap_e12: int
    """Largest absolute funding rate of one interval."""
    size_decimals: int
    significant_figures: int
    tier_count: int
    state: int
    withholds_gains: int
    """1 when withdrawals ignore unrealised gains in it (MRGN-060)."""
    shard: int
    """Matching shard that trades it."""


@record(225, "qqii")
class MarginTierListed:
    """One margin tier of the instrument listed before it (MRGN-020)."""

    instrument_id: int
    account_id: int
    lower_notional_micros: int
    maintenance_ppm: int
    """The tier's own maintenance rate; 0 when it follows from the leverage."""
    max_leverage: int
    tier: int


@record(226, "16s32sB")
class ApiKeyCreated:
    """An API key exists; only the SHA-256 of its secret is kept."""

    instrument_id: int
    account_id: int
    key_id: bytes
    secret_sha256: bytes
    scopes: int
    """Bits: 1 read, 2 trade, 4 admin."""


@record(227, "16s")
class ApiKeyRevoked:
    """An API key ended."""

    instrument_id: int
    account_id: int
    key_id: bytes


@record(228, "B")
class VenueGateMoved:
    """Clearing told the shards to trade, or to wait for fresh prices (LIQ-110)."""

    instrument_id: int
    account_id: int
    is_open: int


WITHDRAWAL = -1
"""Stands for a shard where a share is held not for another shard but to be paid out."""


@record(230, "H")
class ShardOpened:
    """A further matching shard trades from here on; shard 0 always does."""

    instrument_id: int
    account_id: int
    shard: int


@record(231, "qqqqHh")
class ShareHeld:
    """Part of what an account has on a shard is held until the shard has lowered the account's line (PROTOCOL R8)."""

    instrument_id: int
    account_id: int
    amount_micros: int
    least_micros: int
    """With less than this to spare nothing moves to the other shard."""
    line_epoch: int
    line_number: int
    """The first line that knows of the hold."""
    shard: int
    receiver_shard: int
    """Shard that asks for it, or `WITHDRAWAL`."""


@record(232, "qH")
class ShareConfirmed:
    """A shard has lowered a line for a withdrawal that waits for other shards still; the amount may have shrunk."""

    instrument_id: int
    account_id: int
    amount_micros: int
    shard: int


@record(233, "qqqHH")
class ShareMoved:
    """A hold for another shard ended: the amount, which may be 0, is that shard's from here on (PROTOCOL R8)."""

    instrument_id: int
    account_id: int
    amount_micros: int
    giver_cash_after_micros: int
    receiver_cash_after_micros: int
    shard: int
    receiver_shard: int


@record(240, "B")
class MarginModeChanged:
    """How an account's legs are margined together from here on (MRGN-030)."""

    instrument_id: int
    """The only instrument that an isolated account trades; 0 in every other mode."""
    account_id: int
    mode: int


@record(273, "qqq")
class FaucetDrawn:
    """Play money that an account drew itself (PLAY-010)."""

    instrument_id: int
    account_id: int
    amount_micros: int
    cash_after_micros: int
    drawn_ns: int
    """Venue time; the next draw is an interval later."""


@record(274, "qqB")
class PlayBegan:
    """An account is frozen until it is a whole twin of another, or flat and as rich as asked (PLAY-020, PLAY-030)."""

    instrument_id: int
    account_id: int
    source_account_id: int
    """Whose twin it is; 0 for a reset."""
    cash_micros: int
    """What it is to have after a reset."""
    kind: int


@record(275, "H")
class PlayEnded:
    """The twin is whole, or the account reset; it is open again."""

    instrument_id: int
    account_id: int
    reason: int = 0
    """Why a shard refused part of it: then a twin goes back to the house, and what was to be reset stays as it is."""


@record(270, "qqB")
class MarginModeHeld:
    """An account with positions leaves an offset mode as soon as each shard has applied a line as if it were gross."""

    instrument_id: int
    account_id: int
    line_epoch: int
    line_number: int
    """The first line that knows of it (PROTOCOL R8)."""
    mode: int
    """What it is to be."""


@record(271, "H")
class MarginModeConfirmed:
    """A shard has applied the line of a change, and what is committed there is covered; others are waited for."""

    instrument_id: int
    account_id: int
    shard: int


@record(272, "HB")
class MarginModeKept:
    """A change of mode that was waited for is off: what is committed would not be covered."""

    instrument_id: int
    account_id: int
    reason: int
    mode: int
    """What it was to be."""


@record(241, "16si")
class InstrumentCorrelated:
    """An instrument's correlation group and its correlation with the market (MRGN-030)."""

    instrument_id: int
    account_id: int
    group: bytes
    """UTF-8, at most 16 bytes; empty for none."""
    correlation_ppm: int


@record(242, "16si")
class GroupCorrelated:
    """The stressed correlation within a group; it stands before the group's first instrument (MRGN-030)."""

    instrument_id: int
    account_id: int
    group: bytes
    correlation_ppm: int


@record(243, "iiiiiiiii")
class HaircutsSet:
    """How the haircuts of the offset modes rise with stress, and their floor; all ppm (MRGN-030)."""

    instrument_id: int
    account_id: int
    group_calm_ppm: int
    group_largest_ppm: int
    group_begins_ppm: int
    group_full_ppm: int
    scenario_calm_ppm: int
    scenario_largest_ppm: int
    scenario_begins_ppm: int
    scenario_full_ppm: int
    floor_ppm: int


@record(245, "HBBii")
class WaterfallSet:
    """The waterfall is set otherwise from here on; before the first of these all stages are on, in their order."""

    instrument_id: int
    account_id: int
    stages_off: int
    """Stage n is bit n."""
    insurance_first: int
    """Whether the fund is asked before the vault."""
    adl_policy: int
    """An `AdlPolicyKind`."""
    backstop_numerator: int
    """Of `backstop`; both are 0 in a log that was written before they were told."""
    backstop_denominator: int

    @property
    def backstop(self) -> Fraction:
        """Health below which an account is no longer closed in the book; 2/3 where the log does not tell (LIQ-040)."""
        return Fraction(self.backstop_numerator or 2, self.backstop_denominator or 3)


@record(246, "qqqqi")
class CascadeJoined:
    """A liquidation belongs to a cascade (LIQ-120)."""

    instrument_id: int
    """Where the trace was found that links it; 0 for the first of a cascade."""
    account_id: int
    liquidation_id: int
    cascade_id: int
    """From 1, without gaps."""
    mark_seq: int
    """Seq in the oracle's log of the newest mark of its positions: the move that it fell with."""
    parent_trade_id: int
    """The liquidation trade that it follows; 0 when it fell with the others of its generation."""
    generation: int
    """1, or one more than that of the liquidation whose trade it follows."""


@record(247, "qqqqqqqii")
class CascadeEnded:
    """No liquidation of a cascade is under way, and none followed within the window (LIQ-120)."""

    instrument_id: int
    account_id: int
    cascade_id: int
    began_ns: int
    notional_micros: int
    """All that its liquidations closed."""
    first_notional_micros: int
    """The first generation's part of it."""
    multiplier_ppm: int
    """All by the first generation's, rounded down; 0 when that closed nothing."""
    depth_consumed_ppm: int
    """Each fill in the book as a share of the depth it met, summed."""
    peak_gap_ppm: int
    """Largest distance of mark and index, of the index."""
    liquidations: int
    generations: int


class OperatorAction(IntEnum):
    """What an operator did."""

    CHANGE_MARGIN = 1
    """The instrument's listing follows with its new tiers."""
    PAUSE_WITHDRAWALS = 2
    RESUME_WITHDRAWALS = 3
    TOP_UP_FUND = 4
    """The deposit follows."""
    SET_FUNDING_INTERVAL = 5
    """The instrument's listing follows with its new interval (FUND-020)."""
    SET_POSITION_LIMIT = 6
    """The limit follows (MRGN-070)."""
    SET_GROUP_LIMIT = 7
    """The limit follows (MRGN-070)."""
    DRAIN_FUND = 8
    """The transfer to the house follows (LIQ-070)."""
    RESTORE_FUND = 9
    """The transfer from the house follows (LIQ-070)."""
    SLOW_LIQUIDATIONS = 10
    """The pace follows (LIQ-030)."""
    SETTLE_INSTRUMENT = 11
    """The settlement follows (MTCH-050)."""


@record(250, "16s64sqB")
class OperatorActed:
    """A person moved one of the venue's controls; what it changed follows in the same entry."""

    instrument_id: int
    account_id: int
    """The account whose money moved or that is limited, or 0."""
    author: bytes
    """Public part of the key it was done with."""
    note: bytes
    """Why, in the person's words."""
    figure: int
    """By action: the deposit or the transfer in micro-dollars, the new funding interval or pace in nanoseconds, the
    largest position in lots, the largest gross notional in micro-dollars, the settlement price in ticks, or 0."""
    action: int


class EscalationKind(IntEnum):
    """What a person is asked about (LIQ-090); numbers equal those of the wire's `EscalationKind`."""

    PRICE_STALE = 1
    """Every price must be valid for the next stage, and one is not."""
    SLICE_EXCEEDS_DEPTH = 2
    """An order would take more than its share of the book."""
    DELEVERAGING = 3
    """The next stage closes against others who did nothing wrong."""
    FUND_LOW = 4
    """The insurance fund has less than it should."""
    CASCADE = 5
    """A cascade has closed many times what it began with."""


class Decision(IntEnum):
    """What was decided of an escalation; numbers equal those of the wire's `Decision`."""

    GO_ON = 1
    """What the rules say next, as if the doubt were none."""
    HOLD = 2
    """Nothing before the next mark."""
    WHOLE = 3
    """The whole slice, whatever the depth."""
    PAUSE_WITHDRAWALS = 4


@record(251, "qqqB")
class EscalationRaised:
    """A person is asked; its id is this event's seq. What it is about waits until then for the answer (LIQ-090)."""

    instrument_id: int
    account_id: int
    """The account in liquidation, or 0."""
    liquidation_id: int
    deadline_ns: int
    """Venue time at which the default is taken."""
    figure: int
    """Micro-dollars at stake; of a cascade its multiplier in ppm."""
    kind: int


@record(252, "q16s64sBB")
class EscalationDecided:
    """A decision was taken, by a person or by the clock; a later one takes its place."""

    instrument_id: int
    account_id: int
    escalation_id: int
    author: bytes
    """Public part of the key; empty for the clock."""
    note: bytes
    decision: int
    by_default: int


@record(253, "q")
class EscalationEnded:
    """There is nothing left to decide: the liquidation or the cascade ended, or the fund has enough again."""

    instrument_id: int
    account_id: int
    escalation_id: int


@record(260, "qqq")
class FeeDayBegan:
    """A day began for the fees: what was traded before `window_began_ns` no longer counts (FEE-010)."""

    instrument_id: int
    account_id: int
    began_ns: int
    """Venue time at which the day began."""
    window_began_ns: int
    venue_volume_micros: int
    """What makers traded from there until the day began: every trade once."""


@record(261, "qqqqBB")
class FeeRatesChanged:
    """An account pays other rates from here on, for what it traded in the window (FEE-010)."""

    instrument_id: int
    account_id: int
    taker_fee_ppm: int
    """`NO_OWN_RATE_PPM` where the instrument's applies; else the lower of the two does."""
    maker_fee_ppm: int
    volume_micros: int
    """What it traded in the window, taking and making."""
    maker_volume_micros: int
    """What its resting orders traded."""
    tier: int
    """Tier by volume; 0 is below the first."""
    rebate: int
    """Rebate by its share of what makers traded; 0 is none."""


@record(262, "qHBB")
class FeeScheduleSet:
    """Rates go by another schedule from the next day on; its tiers and rebates follow, from the lowest up (FEE-010)."""

    instrument_id: int
    account_id: int
    day_ns: int
    """How long a day lasts."""
    window_days: int
    tier_count: int
    rebate_count: int


@record(263, "qqqqBB")
class FeeStepSet:
    """One tier or one rebate of the schedule set before it."""

    instrument_id: int
    account_id: int
    above_micros: int
    """A tier begins where the volume of the window is larger; 0 for a rebate."""
    above_share_ppm: int
    """A rebate begins where the maker's part of all that makers traded is larger; 0 for a tier."""
    taker_fee_ppm: int
    """`NO_OWN_RATE_PPM` for a rebate."""
    maker_fee_ppm: int
    number: int
    """Which tier, or which rebate, from 1."""
    is_rebate: int


@record(265, "ii")
class LeverageChanged:
    """An account's initial margin in an instrument goes by another leverage from here on (MRGN-020)."""

    instrument_id: int
    account_id: int
    leverage: int
    """The instrument's largest as listed then, and from then on, or a smaller one."""
    previous: int


@record(266, "qqi")
class MarginScalingListed:
    """Between which open interests the initial margin rate of the instrument listed before it grows (MRGN-020)."""

    instrument_id: int
    account_id: int
    begins_micros: int
    full_micros: int
    scaled_ppm: int
    """The share in force, as the last `OpenInterestScaled` said; 0 before the first."""


@record(267, "qqi")
class OpenInterestScaled:
    """Open interest asks for another share of what a leverage leaves unmargined from here on (MRGN-020)."""

    instrument_id: int
    account_id: int
    open_interest_lots: int
    """Lots of all long positions."""
    mark_price_ticks: int
    scaled_ppm: int


class ConversionCause(IntEnum):
    """Why collateral was converted into cash (MRGN-080)."""

    REQUESTED = 1
    """The account asked for it."""
    LIQUIDATED = 2
    """All of it, before the vault, the fund or anybody else is asked (LIQ-055)."""
    OWED = 3
    """The account is flat and owes cash: just enough."""
    LOAN_LIMIT = 4
    """The account owes more cash than it may: just enough to owe none."""
    RESET = 5
    """The account begins anew: all of it, by a stale index too (PLAY-030)."""


@record(280, "iqq")
class CollateralTermsSet:
    """By which terms the base asset of an instrument counts as collateral from here on (MRGN-080)."""

    instrument_id: int
    account_id: int
    weight_ppm: int
    """Share of its value that counts; 0 for an asset that is taken no more."""
    cap_micros: int
    """Most that counts of it in one account."""
    venue_cap_lots: int
    """With more in all accounts together no more is taken."""


@record(281, "qq")
class CollateralDeposited:
    """Collateral came in: lots of the instrument whose base asset it is."""

    instrument_id: int
    account_id: int
    size_lots: int
    lots_after: int


@record(282, "qq")
class CollateralWithdrawn:
    """Collateral went out; the hold ends."""

    instrument_id: int
    account_id: int
    size_lots: int
    lots_after: int


@record(283, "qqqqqqB")
class CollateralConverted:
    """Collateral was sold outside the venue at its weighted index: lots left, cash came in (LIQ-055)."""

    instrument_id: int
    account_id: int
    size_lots: int
    amount_micros: int
    index_price_ticks: int
    """The last index, or the frozen one of a liquidation."""
    liquidation_id: int
    """0 outside of a liquidation."""
    lots_after: int
    cash_after_micros: int
    cause: int
    """A `ConversionCause`."""


@record(284, "q")
class CollateralLoanSet:
    """How much cash a sound account may owe against collateral from here on (MRGN-080)."""

    instrument_id: int
    account_id: int
    limit_micros: int


@record(285, "qqq")
class CollateralHeld:
    """Collateral waits to be withdrawn until its shard has lowered the account's line (PROTOCOL R8)."""

    instrument_id: int
    account_id: int
    size_lots: int
    line_epoch: int
    line_number: int


@record(286, "qqH")
class CollateralRefused:
    """A withdrawal of collateral that was held was refused; the hold ends."""

    instrument_id: int
    account_id: int
    size_lots: int
    allowed_micros: int
    """What might have left, by what it counts."""
    reason: int


@record(290, "qq")
class PositionLimitSet:
    """What an account may come to in an instrument from here on, on either side (MRGN-070)."""

    instrument_id: int
    account_id: int
    """0 for every client that has no limit of its own there."""
    size_lots: int
    """0 is no limit; where both are, the limit that stood here is lifted."""
    exposure_micros: int


@record(291, "16sqq")
class GroupLimitSet:
    """What an account may come to in a correlation group from here on (MRGN-070)."""

    instrument_id: int
    account_id: int
    """0 for every client that has no limit of its own there."""
    group: bytes
    net_micros: int
    """0 is no limit; where both are, the limit that stood here is lifted."""
    gross_micros: int


@record(292, "q")
class LiquidationPaceSet:
    """Each step of a liquidation waits for the one before it from here on (LIQ-030)."""

    instrument_id: int
    account_id: int
    pace_ns: int
    """Venue time; 0 is at once."""


@record(293, "q")
class SettlementBegan:
    """An instrument ends: its listing as settled follows, and every position in it is closed at a price (MTCH-050)."""

    instrument_id: int
    account_id: int
    price_ticks: int


@record(294, "q")
class SettlementEnded:
    """Nobody holds the instrument any more (MTCH-050)."""

    instrument_id: int
    account_id: int
    price_ticks: int
