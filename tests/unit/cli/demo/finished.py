"""A finished demonstration made by hand: two bots, one liquidation, nothing that a venue had to run for."""

from wavetank.cli.audit.report import AuditReport, RuleReport
from wavetank.cli.demo.cases import AdlRow, Case, CashMove, Step
from wavetank.cli.demo.cast import cast
from wavetank.cli.demo.latency import StageLatency
from wavetank.cli.demo.measure import (
    AccountResult,
    FaultSpan,
    FundingTick,
    Measured,
    PositionSeen,
    PriceSeries,
    TradeSeen,
)
from wavetank.cli.demo.outcome import Outcome
from wavetank.cli.demo.pnl import Split
from wavetank.cli.demo.synthetic import synthetic_plan
from wavetank.cli.demo.watch import AccountSample, BotView, Watch
from wavetank.client import LatencyRecord, Recorder
from wavetank.model.instrument import default_instruments

NOW_NS = 1_700_000_040_000_000_000
SECOND_NS = 1_000_000_000


def finished(*, audit_ok: bool = True, with_case: bool = True, name: str = "whale") -> Outcome:
    """Return a finished demonstration.

    Args:
        audit_ok: what the audit says.
        with_case: whether somebody was liquidated.
        name: of the account that is liquidated.

    """
    plan = synthetic_plan(7, now_ns=NOW_NS)
    watch = Watch(plan, lambda _: None)
    for account_id, role in enumerate(cast(plan), start=1_000):
        bot = BotView(role=role, account_id=account_id, recorder=Recorder(), deposited=role.deposit)
        bot.history = [AccountSample(plan.venue_ns(second), 1_000.0 - second, 500.0) for second in range(60)]
        watch.bots[role.name] = bot
    watch.bots["maker-tight"].recorder.latencies.append(
        LatencyRecord(
            event_time_ns=plan.start_ns,
            instrument="BTC",
            command="place",
            decide_ns=1_000,
            send_ns=2_000,
            acknowledge_ns=3_000_000,
            reason="",
        )
    )
    watch.note("fault", "oracle lag: clearing sees prices 50.00s late")
    measured = _measured(plan.start_ns, name, with_case=with_case)
    audit = AuditReport(
        ok=audit_ok,
        logs=(),
        rules=(RuleReport("INV-010", "money is conserved", 10, 0 if audit_ok else 1),),
        offences=(),
        total_offences=0 if audit_ok else 1,
        notes=(),
        accounts=2,
        trades=1,
        open_orders=0,
        liquidations=1,
        deposits_less_withdrawals_micros=0,
    )
    stages = [StageLatency("whole: event to answer", "all", 1, 3_003.0, 3_003.0, 3_003.0)]
    return Outcome(plan, watch, measured, stages, audit, 70.0)


def _measured(start_ns: int, name: str, *, with_case: bool) -> Measured:
    instruments = {instrument.instrument_id: instrument for instrument in default_instruments()}
    measured = Measured(instruments, seq=99)
    truth, told = PriceSeries(), PriceSeries()
    for second in range(60):
        at_ns = start_ns + second * 10 * SECOND_NS
        for series, late in ((truth, 0), (told, 3)):
            series.times_ns.append(at_ns)
            series.index_ticks.append(600_000 - 1_000 * max(0, second - late))
            series.mark_ticks.append(600_000 - 1_000 * max(0, second - late))
            series.index_time_ns.append(at_ns - late * 10 * SECOND_NS)
    measured.truth[1], measured.clearing[1] = truth, told
    measured.trades = [TradeSeen(start_ns, 1, 600_000, 100, is_liquidation=False)]
    measured.faults = [FaultSpan(1, 1, 1, 1, 50 * SECOND_NS, 0, start_ns, start_ns + SECOND_NS)]
    measured.funding = [FundingTick(start_ns, 1, 1, 12_500_000, is_paid=True)]
    # Bought 2 lots at 100 (truth 101), fee 1: spread 2; the truth falls to 90: inventory −22; equity is short by 21.
    split = Split(spread_micros=2, inventory_micros=-22, fees_micros=-1)
    measured.accounts = [
        AccountResult(2, "insurance-fund", 1_000, 1_000, 1_000, (), 0, 0, 0, Split(), {}),
        AccountResult(1_011, name, 5_000, 4_799, 4_979, (PositionSeen(1, 2, 90),), 1, 0, 200, split, {1: split}),
    ]
    if with_case:
        step = Step(start_ns, "insurance", "equity negative", 1, -200, 599_000, 1, -500, 1_000, 77, 150, 89_850_000)
        moves = [CashMove(start_ns, "fund top up", 2, 1_011, 40)]
        measured.cases = [Case(7, 1_011, start_ns, -500, 1_000, [step], moves, start_ns + SECOND_NS, "flat", 0)]
        measured.ranking = [AdlRow(start_ns, 7, 1, 1, 1_011, 1_500_000_000, -50, 50, 50, 12)]
    return measured
