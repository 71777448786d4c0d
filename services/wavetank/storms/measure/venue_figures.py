"""Figures of the venue and of its instruments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.model.events.clearing import CashCause
from wavetank.model.ids import BACKSTOP_VAULT_ID, FIRST_CLIENT_ACCOUNT_ID, INSURANCE_FUND_ID
from wavetank.storms.measure.catalogue import INSTRUMENT, VENUE, Unit
from wavetank.storms.measure.distribution import nearest_rank
from wavetank.storms.measure.liquidations import STAGES
from wavetank.storms.measure.record import Figure
from wavetank.storms.measure.trades import BPS

if TYPE_CHECKING:
    from wavetank.storms.measure.recorder import Recorder


@VENUE.of("ledger.balanced", Unit.TRUTH)
def ledger_balanced(run: Recorder) -> Figure:
    """Whether `Σ (cash − Σ cost)` was deposits less withdrawals after every entry of clearing's log (INV-010)."""
    return run.accounts.is_balanced


@VENUE.of("positions.balanced", Unit.TRUTH)
def positions_balanced(run: Recorder) -> Figure:
    """Whether positions summed to zero in every instrument after every entry (INV-020)."""
    return run.accounts.is_matched


@VENUE.of("waterfall.in_order", Unit.TRUTH)
def waterfall_in_order(run: Recorder) -> Figure:
    """Whether stages acted in their order in every liquidation (INV-080).

    Cancels first, a deficit's sharing last; between two tests never an earlier stage on the same position, the book
    again only at a health that has risen, vault and fund as set, and the fund before winners.
    """
    return run.liquidations.in_order


@VENUE.of("waterfall.no_cross_vault_draw", Unit.TRUTH)
def no_cross_vault_draw(run: Recorder) -> Figure:
    """Whether the vault's cash made up for nobody else's loss, and nothing but the waterfall for the vault's own."""
    return run.liquidations.vault_is_apart


@VENUE.of("bad_debt", Unit.MONEY)
def bad_debt(run: Recorder) -> Figure:
    """Equity below zero that others paid for, or must yet.

    The fund's top-ups and deficits less its repayments, socialised losses, debt, what victims of deleveraging gave up
    against the mark, and negative equity of clients and vault at the end.
    """
    given_up = sum(max(0, each.given_up_micros) for each in run.liquidations.deleveragings)
    return _fund_loss(run) + _paid(run, CashCause.DEFICIT_SOCIALISED, CashCause.DEFICIT_DEBT) + given_up + _owed(run)


@VENUE.of("socialised", Unit.MONEY)
def socialised(run: Recorder) -> Figure:
    """What winners were haircut (LIQ-100)."""
    return _paid(run, CashCause.DEFICIT_SOCIALISED)


@VENUE.of("debt", Unit.MONEY)
def debt(run: Recorder) -> Figure:
    """What nobody could be made to pay (LIQ-100)."""
    return _paid(run, CashCause.DEFICIT_DEBT)


@VENUE.of("fund.start", Unit.MONEY)
def fund_start(run: Recorder) -> Figure:
    """The insurance fund's cash when the run began."""
    return run.funds[0] if run.funds else 0


@VENUE.of("fund.min", Unit.MONEY)
def fund_min(run: Recorder) -> Figure:
    """Its least cash after any entry since."""
    return min(run.funds, default=0)


@VENUE.of("fund.end", Unit.MONEY)
def fund_end(run: Recorder) -> Figure:
    """Its cash at the end."""
    return run.accounts.fund_micros


@VENUE.of("fund.loss", Unit.MONEY)
def fund_loss(run: Recorder) -> Figure:
    """Top-ups and deficits that it paid, less repayments; fees it earned are not set against it."""
    return _fund_loss(run)


@VENUE.of("fund.earned", Unit.MONEY)
def fund_earned(run: Recorder) -> Figure:
    """Fees of liquidations that ended better than bankruptcy (LIQ-070)."""
    return _paid(run, CashCause.LIQUIDATION_FEE)


@VENUE.of("fund.drained", Unit.MONEY)
def fund_drained(run: Recorder) -> Figure:
    """What operators or owners took out of it."""
    fund = run.accounts.holders.get(INSURANCE_FUND_ID)
    return 0 if fund is None else fund.withdrawn_micros


@VENUE.of("vault.min_equity", Unit.MONEY)
def vault_min_equity(run: Recorder) -> Figure:
    """The backstop vault's least equity at any mark."""
    vault = run.accounts.holders.get(BACKSTOP_VAULT_ID)
    return 0 if vault is None else vault.min_equity_micros or 0


@VENUE.of("vault.end_equity", Unit.MONEY)
def vault_end_equity(run: Recorder) -> Figure:
    """Its equity at the last marks."""
    vault = run.accounts.holders.get(BACKSTOP_VAULT_ID)
    return 0 if vault is None else vault.equity_micros


@VENUE.of("vault.loss", Unit.MONEY)
def vault_loss(run: Recorder) -> Figure:
    """Largest `committed − equity` at any mark; committed: what its owner gave and what accounts taken over had."""
    peaks = run.standing.vault_peaks
    return peaks[-1].loss_micros if peaks else 0


@VENUE.of("vault.loss_share", Unit.SHARE)
def vault_loss_share(run: Recorder) -> Figure:
    """That loss of the most that was committed; above 1 the vault owes, 0 while nothing was committed."""
    peaks = run.standing.vault_peaks
    return peaks[-1].loss_micros / peaks[-1].committed_micros if peaks and peaks[-1].committed_micros > 0 else 0.0


@VENUE.of("liquidations.count", Unit.COUNT)
def liquidations_count(run: Recorder) -> Figure:
    """Liquidations that started."""
    return len(run.liquidations.cases)


@VENUE.of("liquidations.notional", Unit.MONEY)
def liquidations_notional(run: Recorder) -> Figure:
    """Notional that they closed, in the book and by transfer, at booked values; over seeds its P95 is the LaR95."""
    return sum(case.closed_micros for case in run.liquidations.cases.values())


@VENUE.of("liquidations.stages", Unit.WORDS)
def liquidations_stages(run: Recorder) -> Figure:
    """Stages that acted in any of them, in the order of the waterfall."""
    acted = {stage for case in run.liquidations.cases.values() for stage in case.stages}
    return ", ".join(word for stage, word in enumerate(STAGES) if stage in acted)


@VENUE.of("cascades.count", Unit.COUNT)
def cascades_count(run: Recorder) -> Figure:
    """Cascades: liquidations that belong together by their traces (LIQ-120)."""
    return len({case.cascade_id for case in run.liquidations.cases.values()})


@VENUE.of("cascades.generations_max", Unit.COUNT)
def cascades_generations(run: Recorder) -> Figure:
    """Generations of the deepest cascade."""
    return run.liquidations.generations()


@VENUE.of("cascades.multiplier_max", Unit.RATIO)
def cascades_multiplier(run: Recorder) -> Figure:
    """Largest `notional closed by a cascade / notional closed by its first generation`; none if none closed any."""
    return max(run.liquidations.multipliers(), default=None)


@VENUE.of("adl.count", Unit.COUNT)
def adl_count(run: Recorder) -> Figure:
    """Closes of victims' positions by auto-deleveraging."""
    return len(run.liquidations.deleveragings)


@VENUE.of("adl.notional", Unit.MONEY)
def adl_notional(run: Recorder) -> Figure:
    """Their notional, at the values they were booked at."""
    return sum(abs(each.value_micros) for each in run.liquidations.deleveragings)


@VENUE.of("adl.given_up", Unit.MONEY)
def adl_given_up(run: Recorder) -> Figure:
    """What they cost the victims against the mark."""
    return sum(each.given_up_micros for each in run.liquidations.deleveragings)


@VENUE.of("adl.first_ns", Unit.DURATION)
def adl_first(run: Recorder) -> Figure:
    """From the beginning to the first of them; none without one."""
    seen = run.liquidations.deleveragings
    return seen[0].time_ns - run.began_ns if seen else None


@VENUE.of("escalations.count", Unit.COUNT)
def escalations_count(run: Recorder) -> Figure:
    """Questions that were put to a person (LIQ-090)."""
    return run.desk.escalations


@VENUE.of("time_to_escalate", Unit.DURATION)
def time_to_escalate(run: Recorder) -> Figure:
    """From the first liquidation, or the first stale price told to clearing, to the first question, if there is one."""
    return run.desk.time_to_escalate_ns


@VENUE.of("decisions.by_person", Unit.COUNT)
def decisions_by_person(run: Recorder) -> Figure:
    """Decisions that a person took."""
    return run.desk.by_person


@VENUE.of("decisions.by_default", Unit.COUNT)
def decisions_by_default(run: Recorder) -> Figure:
    """Decisions that the clock took."""
    return run.desk.by_default


@VENUE.of("trades.count", Unit.COUNT)
def trades_count(run: Recorder) -> Figure:
    """Trades in the book."""
    return len(run.trades)


@VENUE.of("refused", Unit.COUNT)
def refused(run: Recorder) -> Figure:
    """Commands and withdrawals refused, at the door too; see `refused(reason: …, who: …)`."""
    return sum(run.desk.refusals.values())


def _paid(run: Recorder, *causes: CashCause) -> int:
    return sum(run.liquidations.paid[cause] for cause in causes)


def _fund_loss(run: Recorder) -> int:
    return _paid(run, CashCause.FUND_TOP_UP, CashCause.DEFICIT_FUND) - _paid(run, CashCause.FUND_REPAYMENT)


def _owed(run: Recorder) -> int:
    return sum(
        max(0, -holder.equity_micros)
        for account_id, holder in run.accounts.holders.items()
        if account_id >= FIRST_CLIENT_ACCOUNT_ID or account_id == BACKSTOP_VAULT_ID
    )


# Instruments


@INSTRUMENT.of("mark.gap_max", Unit.SHARE)
def mark_gap(run: Recorder, instrument_id: int) -> Figure:
    """Largest `|mark as clearing was told − true index| / true index` at any publication."""
    track = run.prices.tracks.get(instrument_id)
    if track is None:
        return None
    rows = zip(track.clearing_mark_ticks, track.true_index_ticks, strict=True)
    return max((abs(mark - index) / index for mark, index in rows if mark and index), default=None)


@INSTRUMENT.of("index.gap_max", Unit.SHARE)
def index_gap_max(run: Recorder, instrument_id: int) -> Figure:
    """Largest `|i − f| / f` at any publication; i is the index that clearing was told, f the true one."""
    return max(_index_gaps(run, instrument_id), default=None)


@INSTRUMENT.of("index.gap_mean", Unit.SHARE)
def index_gap_mean(run: Recorder, instrument_id: int) -> Figure:
    """Mean of the same over all publications: by how much clearing valued everything wrong."""
    gaps = _index_gaps(run, instrument_id)
    return sum(gaps) / len(gaps) if gaps else None


def _index_gaps(run: Recorder, instrument_id: int) -> list[float]:
    track = run.prices.tracks.get(instrument_id)
    if track is None:
        return []
    return [
        abs(told - true) / true
        for told, true in zip(track.clearing_index_ticks, track.true_index_ticks, strict=True)
        if true > 0 and told > 0
    ]


@INSTRUMENT.of("index.lag_max", Unit.DURATION)
def index_lag(run: Recorder, instrument_id: int) -> Figure:
    """Largest age of the index that clearing had at any publication."""
    track = run.prices.tracks.get(instrument_id)
    return None if track is None else max(track.index_age_ns, default=None)


@INSTRUMENT.of("spread.median_bps", Unit.BPS)
def spread_median(run: Recorder, instrument_id: int) -> Figure:
    """Median over book samples of `(ask − bid) / mid`, where both sides are there."""
    track = run.books.get(instrument_id)
    if track is None:
        return None
    rows = zip(track.bid_ticks, track.ask_ticks, strict=True)
    return nearest_rank([2 * BPS * (ask - bid) / (ask + bid) for bid, ask in rows if bid and ask], 50)


@INSTRUMENT.of("depth.min", Unit.MONEY)
def depth_min(run: Recorder, instrument_id: int) -> Figure:
    """Least value, at its best price, of the thinner side in the depth band, at samples since both were there first."""
    track = run.books.get(instrument_id)
    if track is None:
        return None
    rows = zip(track.bid_ticks, track.ask_ticks, track.bid_depth_lots, track.ask_depth_lots, strict=True)
    values = [min(bid * bids, ask * asks) for bid, ask, bids, asks in rows]
    first = next((at for at, value in enumerate(values) if value), len(values))
    return min(values[first:], default=None)


@INSTRUMENT.of("ack_latency.p50", Unit.DURATION)
def ack_latency_median(run: Recorder, instrument_id: int) -> Figure:
    """Median time from an order or amendment leaving its sender to the answer; see `bot.ack_latency.p50`."""
    return _answered_within(run, instrument_id, 50, cancels=False)


@INSTRUMENT.of("ack_latency.p99", Unit.DURATION)
def ack_latency_worst(run: Recorder, instrument_id: int) -> Figure:
    """99th percentile of the same, by nearest rank."""
    return _answered_within(run, instrument_id, 99, cancels=False)


@INSTRUMENT.of("cancel_latency.p50", Unit.DURATION)
def cancel_latency_median(run: Recorder, instrument_id: int) -> Figure:
    """Median of the same, of cancels in this instrument alone."""
    return _answered_within(run, instrument_id, 50, cancels=True)


@INSTRUMENT.of("cancel_latency.p99", Unit.DURATION)
def cancel_latency_worst(run: Recorder, instrument_id: int) -> Figure:
    """99th percentile of the same, of cancels in this instrument alone."""
    return _answered_within(run, instrument_id, 99, cancels=True)


def _answered_within(run: Recorder, instrument_id: int, percent: int, *, cancels: bool) -> Figure:
    return nearest_rank(run.acknowledgements.of_instrument(run.listed[instrument_id].symbol, cancels=cancels), percent)
