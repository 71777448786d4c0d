"""Sentences of the events of clearing's log."""

from decimal import Decimal

from wavetank.cli.amounts import show_dollars, show_ratio
from wavetank.cli.sentences.words import Speaker, Tellers, named, show_rate
from wavetank.cli.times import show_duration, show_instant
from wavetank.model.events.clearing import (
    WITHDRAWAL,
    AccountOpened,
    AdlPolicyKind,
    AdlRanked,
    ApiKeyCreated,
    ApiKeyRevoked,
    CascadeEnded,
    CascadeJoined,
    CashCause,
    CashTransferred,
    CollateralConverted,
    CollateralDeposited,
    CollateralHeld,
    CollateralLoanSet,
    CollateralRefused,
    CollateralTermsSet,
    CollateralWithdrawn,
    ConversionCause,
    Decision,
    Deleveraged,
    Deposited,
    EscalationDecided,
    EscalationEnded,
    EscalationKind,
    EscalationRaised,
    FaucetDrawn,
    FeeDayBegan,
    FeeRatesChanged,
    FeeScheduleSet,
    FeeStepSet,
    FillBooked,
    FillRole,
    FundingBooked,
    FundingTickBooked,
    GroupCorrelated,
    GroupLimitSet,
    HaircutsSet,
    HealthBandChanged,
    InstrumentCorrelated,
    InstrumentListed,
    LeverageChanged,
    LineStatusChanged,
    LiquidationEnded,
    LiquidationOutcome,
    LiquidationPaceSet,
    LiquidationStarted,
    LiquidationStepped,
    LiquidationTested,
    MarginModeChanged,
    MarginModeConfirmed,
    MarginModeHeld,
    MarginModeKept,
    MarginScalingListed,
    MarginTierListed,
    MatchingAnswered,
    MatchingRequested,
    OpenInterestScaled,
    OperatorActed,
    OperatorAction,
    PlayBegan,
    PlayEnded,
    PositionLimitSet,
    SettlementBegan,
    SettlementEnded,
    ShardOpened,
    ShareConfirmed,
    ShareHeld,
    ShareMoved,
    StepCause,
    VenueGateMoved,
    WaterfallSet,
    WithdrawalHeld,
    WithdrawalRefused,
    WithdrawalsGated,
    Withdrawn,
)
from wavetank.model.orders import CommandKind, LineStatus
from wavetank.model.reason import Reason
from wavetank.model.record import kind_of

TELLERS = Tellers()

ROUTINE_KINDS = frozenset({kind_of(FundingBooked)})

HEALTH_BANDS = ("unknown", "healthy", "warned", "reduce-only", "liquidation", "backstop", "bankrupt")
STAGES = ("none", "cancel", "partial close", "full close", "backstop", "insurance", "deleverage", "socialise")


@TELLERS.of(AccountOpened)
def _opened(say: Speaker, event: AccountOpened) -> str:
    owner = f" as a sub-account of {say.account(event.parent_account_id)}" if event.parent_account_id else ""
    return f"{say.account(event.account_id)} opened{owner}"


@TELLERS.of(Deposited)
def _deposited(say: Speaker, event: Deposited) -> str:
    return (
        f"{say.account(event.account_id)} deposited {show_dollars(event.amount_micros)}; cash "
        f"{show_dollars(event.cash_after_micros)}"
    )


@TELLERS.of(FaucetDrawn)
def _faucet(say: Speaker, event: FaucetDrawn) -> str:
    return (
        f"{say.account(event.account_id)} drew {show_dollars(event.amount_micros)} from the faucet; cash "
        f"{show_dollars(event.cash_after_micros)}"
    )


@TELLERS.of(PlayBegan)
def _play_began(say: Speaker, event: PlayBegan) -> str:
    if event.source_account_id:
        return f"{say.account(event.account_id)} becomes a twin of {say.account(event.source_account_id)}"
    return f"{say.account(event.account_id)} is being reset, to {show_dollars(event.cash_micros)}"


@TELLERS.of(PlayEnded)
def _play_ended(say: Speaker, event: PlayEnded) -> str:
    if event.reason:
        return f"{say.account(event.account_id)} stays as it is: {named(event.reason, Reason)}"
    return f"{say.account(event.account_id)} is whole and open"


@TELLERS.of(WithdrawalHeld)
def _held(say: Speaker, event: WithdrawalHeld) -> str:
    where = f"over to {say.account(event.receiver_account_id)}" if event.receiver_account_id else "out"
    return (
        f"{say.account(event.account_id)} wants {show_dollars(event.amount_micros)} {where}; held until its line is"
        " lowered"
    )


@TELLERS.of(Withdrawn)
def _withdrawn(say: Speaker, event: Withdrawn) -> str:
    return (
        f"{say.account(event.account_id)} withdrew {show_dollars(event.amount_micros)}; cash "
        f"{show_dollars(event.cash_after_micros)}"
    )


@TELLERS.of(WithdrawalRefused)
def _withdrawal_refused(say: Speaker, event: WithdrawalRefused) -> str:
    return (
        f"withdrawal of {show_dollars(event.amount_micros)} by {say.account(event.account_id)} refused: "
        f"{named(event.reason, Reason)}; allowed {show_dollars(event.allowed_micros)}"
    )


@TELLERS.of(CollateralTermsSet)
def _collateral_terms(say: Speaker, event: CollateralTermsSet) -> str:
    symbol = say.symbol(event.instrument_id)
    if not event.weight_ppm:
        return f"{symbol} is no longer taken as collateral; what is there counts nothing"
    share = show_ratio(event.weight_ppm * 10**6).removeprefix("+")
    return (
        f"{symbol} counts as collateral at {share} of its index, up to "
        f"{show_dollars(event.cap_micros)} an account; the venue takes up to "
        f"{say.size(event.instrument_id, event.venue_cap_lots)}"
    )


@TELLERS.of(CollateralLoanSet)
def _collateral_loan(_say: Speaker, event: CollateralLoanSet) -> str:
    return f"a sound account may owe {show_dollars(event.limit_micros)} against its collateral"


@TELLERS.of(CollateralDeposited)
def _collateral_deposited(say: Speaker, event: CollateralDeposited) -> str:
    return f"{say.account(event.account_id)} gave {_asset(say, event)} as collateral; {_left(say, event)} in all"


@TELLERS.of(CollateralHeld)
def _collateral_held(say: Speaker, event: CollateralHeld) -> str:
    return (
        f"{say.account(event.account_id)} wants {_asset(say, event)} of collateral out; held until its line is lowered"
    )


@TELLERS.of(CollateralWithdrawn)
def _collateral_withdrawn(say: Speaker, event: CollateralWithdrawn) -> str:
    return f"{say.account(event.account_id)} took {_asset(say, event)} of collateral out; {_left(say, event)} left"


@TELLERS.of(CollateralRefused)
def _collateral_refused(say: Speaker, event: CollateralRefused) -> str:
    return (
        f"withdrawal of {_asset(say, event)} of collateral by {say.account(event.account_id)} refused: "
        f"{named(event.reason, Reason)}; what counts {show_dollars(event.allowed_micros)} might have left"
    )


@TELLERS.of(CollateralConverted)
def _collateral_converted(say: Speaker, event: CollateralConverted) -> str:
    why = _CONVERSIONS[ConversionCause(event.cause)]
    return (
        f"{say.account(event.account_id)} had {_asset(say, event)} of collateral sold outside the venue for "
        f"{show_dollars(event.amount_micros)}, by an index of "
        f"{say.price(event.instrument_id, event.index_price_ticks)}, because {why}; "
        f"{_left(say, event)} left, cash {show_dollars(event.cash_after_micros)}"
    )


_CONVERSIONS = {
    ConversionCause.REQUESTED: "it asked for that",
    ConversionCause.LIQUIDATED: "it is far below its margin, and what is its own goes before others are asked",
    ConversionCause.OWED: "it has no position and owed cash",
    ConversionCause.LOAN_LIMIT: "it owed more cash than it may",
    ConversionCause.RESET: "it begins anew",
}

_OfAnAsset = CollateralDeposited | CollateralHeld | CollateralWithdrawn | CollateralRefused | CollateralConverted


def _asset(say: Speaker, event: _OfAnAsset) -> str:
    return f"{say.size(event.instrument_id, event.size_lots)} {say.symbol(event.instrument_id)}"


def _left(say: Speaker, event: CollateralDeposited | CollateralWithdrawn | CollateralConverted) -> str:
    return say.size(event.instrument_id, event.lots_after)


@TELLERS.of(ShardOpened)
def _shard(_say: Speaker, event: ShardOpened) -> str:
    return f"matching shard {event.shard} trades from here on"


@TELLERS.of(ShareHeld)
def _share_held(say: Speaker, event: ShareHeld) -> str:
    purpose = "a withdrawal" if event.receiver_shard == WITHDRAWAL else f"shard {event.receiver_shard}"
    return (
        f"{show_dollars(event.amount_micros)} of {say.account(event.account_id)} held on shard {event.shard} for "
        f"{purpose}, until its line there is lowered"
    )


@TELLERS.of(ShareConfirmed)
def _share_confirmed(say: Speaker, event: ShareConfirmed) -> str:
    return (
        f"shard {event.shard} lets go of {show_dollars(event.amount_micros)} of {say.account(event.account_id)}; the "
        "withdrawal waits for other shards"
    )


@TELLERS.of(ShareMoved)
def _share_moved(say: Speaker, event: ShareMoved) -> str:
    if event.amount_micros == 0:
        return f"shard {event.shard} has nothing of {say.account(event.account_id)} to spare for {event.receiver_shard}"
    return (
        f"{show_dollars(event.amount_micros)} of {say.account(event.account_id)} moved from shard {event.shard} to "
        f"shard {event.receiver_shard}"
    )


@TELLERS.of(FillBooked)
def _booked(say: Speaker, event: FillBooked) -> str:
    number = event.instrument_id
    role = named(event.role, FillRole)
    what = f"trade {event.trade_id}" if event.trade_id else "a transfer"
    after = f"{'-' if event.lots_after < 0 else ''}{say.size(number, event.lots_after)}"
    return (
        f"booked {what} as {role} for {say.account(event.account_id)}: {say.change(number, event.delta_lots)} "
        f"{say.symbol(number)}, fee {show_dollars(event.fee_micros)}, realised {show_dollars(event.realised_micros)}; "
        f"position {after}, cash {show_dollars(event.cash_after_micros)}"
    )


@TELLERS.of(FundingTickBooked)
def _funding_tick(say: Speaker, event: FundingTickBooked) -> str:
    return (
        f"funding tick {event.tick} of {say.symbol(event.instrument_id)} booked at "
        f"{show_ratio(event.funding_rate_e12)}: "
        f"{event.payers} paid, {event.receivers} received"
    )


@TELLERS.of(FundingBooked)
def _funding(say: Speaker, event: FundingBooked) -> str:
    verb = "received" if event.payment_micros >= 0 else "paid"
    return (
        f"{say.account(event.account_id)} {verb} {show_dollars(abs(event.payment_micros))} of funding on "
        f"{say.symbol(event.instrument_id)}"
    )


@TELLERS.of(CashTransferred)
def _cash(say: Speaker, event: CashTransferred) -> str:
    return (
        f"{show_dollars(event.amount_micros)} from {say.account(event.account_id)} to "
        f"{say.account(event.receiver_account_id)}: {named(event.cause, CashCause)}"
    )


@TELLERS.of(HealthBandChanged)
def _health(say: Speaker, event: HealthBandChanged) -> str:
    return (
        f"{say.account(event.account_id)} went from {named(event.previous, HEALTH_BANDS)} to "
        f"{named(event.current, HEALTH_BANDS)}: equity {show_dollars(event.equity_micros)}, maintenance "
        f"{show_dollars(event.maintenance_margin_micros)}"
    )


@TELLERS.of(LineStatusChanged)
def _line_status(say: Speaker, event: LineStatusChanged) -> str:
    return f"credit line of {say.account(event.account_id)} is {named(event.status, LineStatus)} now"


@TELLERS.of(LiquidationStarted)
def _liquidation_started(say: Speaker, event: LiquidationStarted) -> str:
    return (
        f"liquidation {event.liquidation_id} of {say.account(event.account_id)} began: equity "
        f"{show_dollars(event.equity_micros)} is below maintenance {show_dollars(event.maintenance_margin_micros)}"
    )


@TELLERS.of(LiquidationTested)
def _liquidation_tested(say: Speaker, event: LiquidationTested) -> str:
    return (
        f"liquidation {event.liquidation_id}: {say.account(event.account_id)} tested, equity "
        f"{show_dollars(event.equity_micros)}, maintenance {show_dollars(event.maintenance_margin_micros)}: "
        f"{named(event.outcome, LiquidationOutcome)}"
    )


@TELLERS.of(LiquidationStepped)
def _liquidation_stepped(say: Speaker, event: LiquidationStepped) -> str:
    number = event.instrument_id
    aim = f", {say.change(number, event.delta_lots)} {say.symbol(number)}" if event.delta_lots else ""
    limit = f" at {say.price(number, event.price_ticks)}" if event.price_ticks else ""
    return (
        f"liquidation {event.liquidation_id}, stage {named(event.stage, STAGES)}{aim}{limit}, because "
        f"{named(event.cause, StepCause)}"
    )


@TELLERS.of(MatchingRequested)
def _requested(say: Speaker, event: MatchingRequested) -> str:
    number = event.instrument_id
    what = f" {say.size(number, event.size_lots)} {say.symbol(number)}" if event.size_lots else ""
    return f"clearing asks matching: {named(event.command, CommandKind)} {say.account(event.account_id)}{what}"


@TELLERS.of(MatchingAnswered)
def _request_counted(say: Speaker, event: MatchingAnswered) -> str:
    done = say.size(event.instrument_id, event.done_lots)
    return f"clearing counted matching's answer to request {event.request_seq}: {done} done"


@TELLERS.of(AdlRanked)
def _ranked(say: Speaker, event: AdlRanked) -> str:
    number = event.instrument_id
    asked = f"{say.change(number, event.delta_lots)} asked" if event.delta_lots else "nothing asked"
    return (
        f"deleveraging rank {event.rank} in {say.symbol(number)}: {say.account(event.account_id)}, score "
        f"{show_ratio(event.score_e9 * 1_000)}, {asked}"
    )


@TELLERS.of(Deleveraged)
def _deleveraged(say: Speaker, event: Deleveraged) -> str:
    number = event.instrument_id
    return (
        f"{say.account(event.account_id)} was deleveraged for liquidation {event.liquidation_id}: "
        f"{say.change(number, event.delta_lots)} {say.symbol(number)}, gave up {show_dollars(event.given_up_micros)}"
    )


@TELLERS.of(LiquidationEnded)
def _liquidation_ended(say: Speaker, event: LiquidationEnded) -> str:
    return (
        f"liquidation {event.liquidation_id} of {say.account(event.account_id)} ended: "
        f"{named(event.outcome, LiquidationOutcome)}, equity {show_dollars(event.equity_micros)}"
    )


@TELLERS.of(CascadeJoined)
def _cascade_joined(say: Speaker, event: CascadeJoined) -> str:
    if event.parent_trade_id:
        why = f"after trade {event.parent_trade_id} in {say.symbol(event.instrument_id)}"
    elif event.instrument_id:
        why = f"with others in {say.symbol(event.instrument_id)}"
    else:
        why = "as the first"
    return (
        f"liquidation {event.liquidation_id} of {say.account(event.account_id)} is in cascade {event.cascade_id}, "
        f"generation {event.generation}, {why}"
    )


@TELLERS.of(CascadeEnded)
def _cascade_ended(_say: Speaker, event: CascadeEnded) -> str:
    return (
        f"cascade {event.cascade_id} ended: {event.liquidations} liquidations in {event.generations} generations "
        f"closed {show_dollars(event.notional_micros)}, {show_ratio(event.multiplier_ppm * 10**6)} times what the "
        f"first generation did, {show_ratio(event.depth_consumed_ppm * 10**6)} of the depth consumed, mark and index "
        f"at most {show_ratio(event.peak_gap_ppm * 10**6)} apart"
    )


@TELLERS.of(WaterfallSet)
def _waterfall_set(_say: Speaker, event: WaterfallSet) -> str:
    off = [name for stage, name in enumerate(STAGES) if event.stages_off >> stage & 1]
    order = "the fund before the vault" if event.insurance_first else "the vault before the fund"
    return (
        f"waterfall set: {', '.join(off) or 'no stage'} off, the book down to health {event.backstop}, then {order}, "
        f"deleveraging by {named(event.adl_policy, AdlPolicyKind)}"
    )


@TELLERS.of(WithdrawalsGated)
def _gated(_say: Speaker, event: WithdrawalsGated) -> str:
    return f"withdrawals gated until {show_instant(event.until_ns)}" if event.until_ns else "withdrawals open again"


@TELLERS.of(InstrumentListed)
def _listed(say: Speaker, event: InstrumentListed) -> str:
    return f"{say.symbol(event.instrument_id)} listed as instrument {event.instrument_id}"


@TELLERS.of(MarginTierListed)
def _tier(say: Speaker, event: MarginTierListed) -> str:
    return (
        f"{say.symbol(event.instrument_id)}: from {show_dollars(event.lower_notional_micros)} at most "
        f"{event.max_leverage}x"
    )


@TELLERS.of(ApiKeyCreated)
def _key_created(say: Speaker, event: ApiKeyCreated) -> str:
    scopes = [name for bit, name in ((1, "read"), (2, "trade"), (4, "admin")) if event.scopes & bit]
    whom = say.account(event.account_id) if event.account_id else "the venue"
    return f"key {event.key_id.decode(errors='replace')} made for {whom}: {' '.join(scopes)}"


@TELLERS.of(ApiKeyRevoked)
def _key_revoked(_say: Speaker, event: ApiKeyRevoked) -> str:
    return f"key {event.key_id.decode(errors='replace')} revoked"


@TELLERS.of(VenueGateMoved)
def _venue_gate(_say: Speaker, event: VenueGateMoved) -> str:
    return "clearing opened the venue" if event.is_open else "clearing closed the venue until prices are fresh"


@TELLERS.of(OperatorActed)
def _operator(say: Speaker, event: OperatorActed) -> str:
    whom = _limited(say, event.account_id)
    what = {
        OperatorAction.CHANGE_MARGIN: f"changed the margins of {say.symbol(event.instrument_id)}",
        OperatorAction.PAUSE_WITHDRAWALS: "paused withdrawals",
        OperatorAction.RESUME_WITHDRAWALS: "let withdrawals go on",
        OperatorAction.SET_FUNDING_INTERVAL: (
            f"let {say.symbol(event.instrument_id)} pay funding every {show_duration(event.figure)}"
        ),
        OperatorAction.SET_POSITION_LIMIT: f"limited {whom} in {say.symbol(event.instrument_id)}",
        OperatorAction.SET_GROUP_LIMIT: f"limited {whom} in a correlation group",
        OperatorAction.TOP_UP_FUND: f"gave the insurance fund {show_dollars(event.figure)}",
        OperatorAction.DRAIN_FUND: f"took {show_dollars(event.figure)} out of the insurance fund",
        OperatorAction.RESTORE_FUND: f"put {show_dollars(event.figure)} back into the insurance fund",
        OperatorAction.SLOW_LIQUIDATIONS: f"let steps of liquidations be {show_duration(event.figure)} apart",
        OperatorAction.SETTLE_INSTRUMENT: (
            f"settled {say.symbol(event.instrument_id)} at {say.price(event.instrument_id, event.figure)}"
        ),
    }[OperatorAction(event.action)]
    return f"key {event.author.decode(errors='replace')} {what}: {event.note.decode(errors='replace')}"


@TELLERS.of(LiquidationPaceSet)
def _paced(_say: Speaker, event: LiquidationPaceSet) -> str:
    if not event.pace_ns:
        return "liquidations go on at once from here on"
    return f"each step of a liquidation waits {show_duration(event.pace_ns)} for the one before it from here on"


@TELLERS.of(SettlementBegan)
def _settlement_began(say: Speaker, event: SettlementBegan) -> str:
    where = say.symbol(event.instrument_id)
    return f"{where} ends: every position in it is closed at {say.price(event.instrument_id, event.price_ticks)}"


@TELLERS.of(SettlementEnded)
def _settlement_ended(say: Speaker, event: SettlementEnded) -> str:
    return f"nobody holds {say.symbol(event.instrument_id)} any more: it is settled"


def _limited(say: Speaker, account_id: int) -> str:
    return say.account(account_id) if account_id else "every client without a limit of its own"


@TELLERS.of(PositionLimitSet)
def _position_limited(say: Speaker, event: PositionLimitSet) -> str:
    symbol = say.symbol(event.instrument_id)
    said = [
        *([f"{say.size(event.instrument_id, event.size_lots)} {symbol}"] if event.size_lots else []),
        *([f"{show_dollars(event.exposure_micros)} of {symbol}"] if event.exposure_micros else []),
    ]
    whom = _limited(say, event.account_id)
    return f"{whom} may come to {' and '.join(said)}" if said else f"{whom} is limited in {symbol} no longer"


@TELLERS.of(GroupLimitSet)
def _group_limited(say: Speaker, event: GroupLimitSet) -> str:
    said = [
        *([f"{show_dollars(event.net_micros)} net"] if event.net_micros else []),
        *([f"{show_dollars(event.gross_micros)} gross"] if event.gross_micros else []),
    ]
    whom, group = _limited(say, event.account_id), event.group.decode(errors="replace")
    return (
        f"{whom} may come to {' and '.join(said)} in the group {group}"
        if said
        else f"{whom} is limited in the group {group} no longer"
    )


@TELLERS.of(EscalationRaised)
def _escalation_raised(say: Speaker, event: EscalationRaised) -> str:
    whom = say.account(event.account_id) if event.account_id else "the venue"
    return (
        f"a person is asked about {whom}: {named(event.kind, EscalationKind)}; the default is taken at"
        f" {show_instant(event.deadline_ns)}"
    )


@TELLERS.of(EscalationDecided)
def _escalation_decided(_say: Speaker, event: EscalationDecided) -> str:
    if event.by_default:
        return f"escalation {event.escalation_id}: nobody decided in time, {named(event.decision, Decision)}"
    author, note = event.author.decode(errors="replace"), event.note.decode(errors="replace")
    return f"escalation {event.escalation_id}: key {author} decided {named(event.decision, Decision)}: {note}"


@TELLERS.of(EscalationEnded)
def _escalation_ended(_say: Speaker, event: EscalationEnded) -> str:
    return f"escalation {event.escalation_id} is over"


@TELLERS.of(FeeScheduleSet)
def _fees_set(_say: Speaker, event: FeeScheduleSet) -> str:
    return (
        f"fees go by {event.tier_count} tiers and {event.rebate_count} rebates, over {event.window_days} days of "
        f"{show_duration(event.day_ns)}"
    )


@TELLERS.of(FeeStepSet)
def _fee_step_set(_say: Speaker, event: FeeStepSet) -> str:
    if event.is_rebate:
        return (
            f"rebate {event.number}: above {show_ratio(event.above_share_ppm * 10**6)} of what makers trade they pay "
            f"{show_rate(event.maker_fee_ppm)}"
        )
    return (
        f"fee tier {event.number}: above {show_dollars(event.above_micros)} takers pay "
        f"{show_rate(event.taker_fee_ppm)}, makers {show_rate(event.maker_fee_ppm)}"
    )


@TELLERS.of(FeeDayBegan)
def _fee_day(_say: Speaker, event: FeeDayBegan) -> str:
    return (
        f"a day of fees began at {show_instant(event.began_ns)}; makers traded "
        f"{show_dollars(event.venue_volume_micros)} since {show_instant(event.window_began_ns)}"
    )


@TELLERS.of(FeeRatesChanged)
def _rates_changed(say: Speaker, event: FeeRatesChanged) -> str:
    return (
        f"{say.account(event.account_id)} traded {show_dollars(event.volume_micros)}, "
        f"{show_dollars(event.maker_volume_micros)} of it as maker, and pays {show_rate(event.taker_fee_ppm)} and "
        f"{show_rate(event.maker_fee_ppm)} (tier {event.tier}, rebate {event.rebate})"
    )


_MODES = ("", "isolated", "gross", "group offset", "scenario")
"""Names of the wire's `MarginMode`, by number."""


def _percent(ppm: int) -> str:
    return f"{Decimal(ppm) / 10_000:f} %"


@TELLERS.of(LeverageChanged)
def _leverage(say: Speaker, event: LeverageChanged) -> str:
    return (
        f"{say.account(event.account_id)} goes to a leverage of {event.leverage} in {say.symbol(event.instrument_id)}, "
        f"from {event.previous}"
    )


@TELLERS.of(MarginScalingListed)
def _scaling_listed(say: Speaker, event: MarginScalingListed) -> str:
    return (
        f"{say.symbol(event.instrument_id)}: initial margin grows with open interest from "
        f"{show_dollars(event.begins_micros)} on, up to all notional at {show_dollars(event.full_micros)}"
    )


@TELLERS.of(OpenInterestScaled)
def _open_interest_scaled(say: Speaker, event: OpenInterestScaled) -> str:
    held = show_dollars(event.open_interest_lots * event.mark_price_ticks)
    return (
        f"open interest in {say.symbol(event.instrument_id)} is {held}: "
        f"{_percent(event.scaled_ppm)} of what a leverage leaves unmargined is asked for"
    )


@TELLERS.of(MarginModeChanged)
def _margin_mode(say: Speaker, event: MarginModeChanged) -> str:
    if event.instrument_id:
        return f"{say.account(event.account_id)} trades {say.symbol(event.instrument_id)} alone: it is isolated"
    return f"the legs of {say.account(event.account_id)} are margined by mode {named(event.mode, _MODES)} from here on"


@TELLERS.of(MarginModeHeld)
def _mode_held(say: Speaker, event: MarginModeHeld) -> str:
    return (
        f"{say.account(event.account_id)} asks for mode {named(event.mode, _MODES)}; its line is gross until the"
        " shards have answered"
    )


@TELLERS.of(MarginModeConfirmed)
def _mode_confirmed(say: Speaker, event: MarginModeConfirmed) -> str:
    return f"shard {event.shard} covers the change of mode of {say.account(event.account_id)}; others are waited for"


@TELLERS.of(MarginModeKept)
def _mode_kept(say: Speaker, event: MarginModeKept) -> str:
    return (
        f"{say.account(event.account_id)} keeps its mode instead of {named(event.mode, _MODES)}: "
        f"{named(event.reason, Reason)}"
    )


@TELLERS.of(InstrumentCorrelated)
def _instrument_correlated(say: Speaker, event: InstrumentCorrelated) -> str:
    group = f"group {event.group.decode(errors='replace')}" if event.group else "no group"
    return (
        f"{say.symbol(event.instrument_id)} is in {group}, correlated {_percent(event.correlation_ppm)} with the market"
    )


@TELLERS.of(GroupCorrelated)
def _group_correlated(_say: Speaker, event: GroupCorrelated) -> str:
    name = event.group.decode(errors="replace")
    return f"within group {name} instruments are correlated {_percent(event.correlation_ppm)} under stress"


@TELLERS.of(HaircutsSet)
def _haircuts(_say: Speaker, event: HaircutsSet) -> str:
    return (
        f"haircuts of groups rise from {_percent(event.group_calm_ppm)} to {_percent(event.group_largest_ppm)}, of "
        f"scenarios from {_percent(event.scenario_calm_ppm)} to {_percent(event.scenario_largest_ppm)}; a scenario "
        f"asks for at least {_percent(event.floor_ppm)}"
    )
