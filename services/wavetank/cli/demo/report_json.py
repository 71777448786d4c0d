"""The report for programs: the same figures as every other report, money in whole micro-dollars, sizes exact.

Kept true: nothing is rounded but latencies and health; times are venue time in nanoseconds; a name ends with its unit.
"""

from dataclasses import asdict
from typing import Any

from wavetank.cli.amounts import show_price, show_size
from wavetank.cli.demo.cases import AdlRow, Case, Step
from wavetank.cli.demo.measure import AccountResult, FaultSpan, PriceSeries
from wavetank.cli.demo.outcome import Outcome
from wavetank.cli.demo.pnl import Split
from wavetank.client import FaultKind, FaultTarget

FORMAT_VERSION = 1
_HEALTH_DIGITS = 6
_LATENCY_DIGITS = 1


def report_document(outcome: Outcome) -> dict[str, Any]:
    """Return the report as plain dictionaries and lists."""
    plan, measured = outcome.plan, outcome.measured
    return {
        "format_version": FORMAT_VERSION,
        "ok": outcome.is_as_planned,
        "title": plan.title,
        "plan": _plan(outcome),
        "totals": _totals(outcome),
        "accounts": [_account(outcome, account) for account in measured.accounts],
        "liquidations": [_case(outcome, case) for case in measured.cases],
        "deleveraging": [_ranked(outcome, row) for row in measured.ranking],
        "insurance_fund": asdict(outcome.fund),
        "funding_ticks": [
            {
                "time_ns": tick.at_ns,
                "instrument": _symbol(outcome, tick.instrument_id),
                "tick": tick.tick,
                "rate_e12": tick.rate_e12,
                "is_paid": tick.is_paid,
            }
            for tick in measured.funding
        ],
        "faults": [_fault(outcome, fault) for fault in measured.faults],
        "latencies": [
            {
                "stage": stage.stage,
                "where": stage.where,
                "count": stage.count,
                "p50_us": round(stage.p50_us, _LATENCY_DIGITS),
                "p99_us": round(stage.p99_us, _LATENCY_DIGITS),
                "longest_us": None if stage.longest_us is None else round(stage.longest_us, _LATENCY_DIGITS),
            }
            for stage in outcome.latencies
        ],
        "oracle": {_symbol(outcome, number): _series(outcome, number) for number in sorted(measured.truth)},
        "health": {
            bot.role.name: [[sample.venue_ns, sample.equity, sample.maintenance] for sample in bot.history]
            for bot in outcome.watch.bots.values()
        },
        "happenings": [
            {"time_ns": note.venue_ns, "kind": note.kind, "text": note.text} for note in outcome.watch.notes
        ],
        "audit": outcome.audit.as_json(),
    }


def _plan(outcome: Outcome) -> dict[str, Any]:
    plan = outcome.plan
    return {
        "seed": plan.seed,
        "is_scripted": plan.is_scripted,
        "speed_milli": plan.speed_milli,
        "window_from_ns": plan.window_ns[0],
        "window_to_ns": plan.window_ns[1],
        "funding_interval_ns": plan.funding_interval_ns,
        "phases": [
            {"name": phase.name.value, "from_ns": phase.from_ns, "to_ns": phase.to_ns, "what": phase.what}
            for phase in plan.phases
        ],
        "instruments": {instrument.symbol: instrument.origin for instrument in plan.instruments},
    }


def _totals(outcome: Outcome) -> dict[str, Any]:
    measured = outcome.measured
    return {
        "wall_seconds": round(outcome.wall_seconds, 1),
        "clearing_seq": measured.seq,
        "commands": outcome.watch.commands,
        "trades": len(measured.trades),
        "fills": sum(account.fills for account in measured.accounts),
        "volume_micros": sum(trade.price_ticks * trade.size_lots for trade in measured.trades),
        "fees_micros": sum(account.split.fees_micros for account in measured.accounts if account.name == "fees"),
        "liquidations": len(measured.cases),
        "stages_passed": outcome.stages_passed,
        "sources_gone_stale": measured.stale_sources,
        "residual_micros": sum(abs(account.residual_micros) for account in measured.accounts),
    }


def _account(outcome: Outcome, account: AccountResult) -> dict[str, Any]:
    bot = outcome.watch.bots.get(account.name)
    return {
        "account_id": account.account_id,
        "name": account.name,
        "kind": "venue" if bot is None else bot.role.kind.value,
        "what": "" if bot is None else bot.role.what,
        "paid_in_micros": account.paid_in_micros,
        "cash_micros": account.cash_micros,
        "equity_micros": account.equity_micros,
        "profit_micros": account.profit_micros,
        "residual_micros": account.residual_micros,
        "fills": account.fills,
        "maker_fills": account.maker_fills,
        "volume_micros": account.volume_micros,
        "pnl": _split(account.split),
        "pnl_by_instrument": {
            _symbol(outcome, number): _split(split) for number, split in account.by_instrument.items()
        },
        "positions": {
            _symbol(outcome, position.instrument_id): _size(outcome, position.instrument_id, position.lots)
            for position in account.positions
        },
    }


def _split(split: Split) -> dict[str, int]:
    return asdict(split) | {"total_micros": split.total_micros}


def _case(outcome: Outcome, case: Case) -> dict[str, Any]:
    return {
        "liquidation_id": case.liquidation_id,
        "account": outcome.name(case.account_id),
        "account_id": case.account_id,
        "began_ns": case.began_ns,
        "ended_ns": case.ended_ns,
        "outcome": case.outcome,
        "equity_before_micros": case.equity_micros,
        "maintenance_margin_before_micros": case.maintenance_micros,
        "equity_after_micros": case.equity_after_micros,
        "stages": case.stages,
        "steps": [_step(outcome, step) for step in case.steps],
        "cash": [
            {
                "time_ns": move.at_ns,
                "cause": move.cause,
                "from": outcome.name(move.payer_id),
                "to": outcome.name(move.receiver_id),
                "amount_micros": move.amount_micros,
            }
            for move in case.cash
        ],
    }


def _step(outcome: Outcome, step: Step) -> dict[str, Any]:
    number = step.instrument_id
    health = step.health
    return {
        "time_ns": step.at_ns,
        "stage": step.stage,
        "reason": step.cause,
        "instrument": _symbol(outcome, number) if number else "",
        "delta_size": _size(outcome, number, step.delta_lots),
        "limit_price": _price(outcome, number, step.price_ticks),
        "value_micros": step.value_micros,
        "equity_micros": step.equity_micros,
        "maintenance_margin_micros": step.maintenance_micros,
        "health": None if health is None else round(health, _HEALTH_DIGITS),
        "reserve_micros": step.reserve_micros,
        "done_size": _size(outcome, number, step.done_lots),
        "done_value_micros": step.done_value_micros,
    }


def _ranked(outcome: Outcome, row: AdlRow) -> dict[str, Any]:
    return {
        "time_ns": row.at_ns,
        "liquidation_id": row.liquidation_id,
        "instrument": _symbol(outcome, row.instrument_id),
        "rank": row.rank,
        "account": outcome.name(row.account_id),
        "account_id": row.account_id,
        "score_e9": row.score_e9,
        "position_size": _size(outcome, row.instrument_id, row.position_lots),
        "capacity_size": _size(outcome, row.instrument_id, row.capacity_lots),
        "delta_size": _size(outcome, row.instrument_id, row.delta_lots),
        "given_up_micros": row.given_up_micros,
    }


def _fault(outcome: Outcome, fault: FaultSpan) -> dict[str, Any]:
    return {
        "fault_id": fault.fault_id,
        "kind": FaultKind(fault.kind).name.lower(),
        "target": FaultTarget(fault.target).name.lower(),
        "instrument": _symbol(outcome, fault.instrument_id),
        "lag_ns": fault.lag_ns,
        "magnitude_e12": fault.magnitude_e12,
        "from_ns": fault.from_ns,
        "to_ns": fault.to_ns,
    }


def _series(outcome: Outcome, number: int) -> dict[str, Any]:
    measured = outcome.measured
    decimals = measured.instruments[number].size_decimals
    return {
        "ticks_per_dollar": 10 ** (6 - decimals),
        "true": _columns(measured.truth[number]),
        "delivered_to_clearing": _columns(measured.clearing.get(number, PriceSeries())),
    }


def _columns(series: PriceSeries) -> dict[str, list[int]]:
    return {
        "time_ns": series.times_ns,
        "index_price_ticks": series.index_ticks,
        "mark_price_ticks": series.mark_ticks,
        "index_time_ns": series.index_time_ns,
    }


def _symbol(outcome: Outcome, number: int) -> str:
    return outcome.measured.instruments[number].symbol


def _size(outcome: Outcome, number: int, lots: int) -> str:
    return show_size(lots, outcome.measured.instruments[number].size_decimals).replace(",", "") if number else "0"


def _price(outcome: Outcome, number: int, ticks: int) -> str | None:
    if not number or not ticks:
        return None
    return show_price(ticks, outcome.measured.instruments[number].size_decimals).replace(",", "")
