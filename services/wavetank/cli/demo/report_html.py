"""The report for people: one HTML file with everything in it, plots that can be zoomed, and every liquidation's story.

Kept true: the file needs no network (scripts and styles stand in it), and every name that came from outside is escaped.
"""

from collections.abc import Sequence
from html import escape

from bokeh.embed import components
from bokeh.resources import Resources

from wavetank.cli.amounts import show_dollars, show_price, show_size
from wavetank.cli.demo.cases import Case, Step
from wavetank.cli.demo.outcome import Outcome
from wavetank.cli.demo.plots import every_figure
from wavetank.cli.page_parts import Cell, section, table
from wavetank.cli.times import show_duration, show_instant

_MICROS = 1_000_000
_MS_US = 1_000.0
_STYLE = """
:root{color-scheme:light}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1180px;padding:1.5rem;color:#1c1e21;background:#fff}
h1{margin:0 0 .2rem}h2{margin:2.2rem 0 .6rem;border-bottom:1px solid #ddd;padding-bottom:.2rem}
h3{margin:1.4rem 0 .3rem}p.lead{color:#555;margin:.2rem 0 1rem}
.cards{display:flex;flex-wrap:wrap;gap:.7rem}.card{border:1px solid #ddd;border-radius:8px;padding:.6rem .9rem;
min-width:8.5rem}
.card b{display:block;font-size:1.35rem}.card span{color:#666;font-size:.85rem}
table{border-collapse:collapse;width:100%;font-size:.86rem;font-variant-numeric:tabular-nums;margin:.3rem 0 1rem}
th,td{padding:.25rem .5rem;border-bottom:1px solid #eee;text-align:left;vertical-align:top}
th{background:#f6f7f8}td.n,th.n{text-align:right;white-space:nowrap}
.gain{color:#187a2f}.loss{color:#b3261e}.ok{color:#187a2f;font-weight:700}.bad{color:#b3261e;font-weight:700}
.wide{overflow-x:auto}.note{color:#666;font-size:.85rem}
.stage{border-radius:4px;background:#fdecea;padding:0 .35rem}
"""


def report_page(outcome: Outcome) -> str:
    """Return the whole page."""
    resources = Resources(mode="inline", components=["bokeh"])
    script, divisions = components(every_figure(outcome))
    plots: dict[str, str] = dict(divisions)
    prices = "".join(plots[name] for name in plots if name.startswith("prices_"))
    title = escape(f"wavetank demo: {outcome.plan.title}")
    return "\n".join(
        (
            "<!DOCTYPE html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<style>{_STYLE}</style>",
            resources.render(),
            f"</head><body><h1>{title}</h1>",
            _lead(outcome),
            _cards(outcome),
            section("Prices", prices),
            section("What the oracle did to clearing", plots["lag"], _faults(outcome)),
            section("Liquidations, stage by stage", plots["health"], _cases(outcome)),
            section("Auto-deleveraging", _ranking(outcome)),
            section("Insurance fund and vault", plots["fund"], _fund(outcome)),
            section("Profit", plots["split"], _accounts(outcome), plots["profit"]),
            section("Latency", plots["latency"], _latencies(outcome)),
            section("Audit", _audit(outcome)),
            script,
            "</body></html>",
        )
    )


def _money(micros: int) -> Cell:
    return f"{micros / _MICROS:,.2f}", "gain" if micros > 0 else "loss" if micros < 0 else ""


def _lead(outcome: Outcome) -> str:
    plan = outcome.plan
    origins = "; ".join(f"{instrument.symbol}: {instrument.origin}" for instrument in plan.instruments)
    acts = ", ".join(
        f"{phase.name.value} from {show_instant(phase.from_ns)[11:-4]} ({phase.what})" for phase in plan.phases
    )
    return (
        f'<p class="lead">{escape(origins)}. One second on the wall is {plan.speed:g} s of venue time; a funding '
        f"interval lasts {escape(show_duration(plan.funding_interval_ns))} and stands for an hour if it is shorter. "
        f"Acts: {escape(acts)}.</p>"
    )


def _cards(outcome: Outcome) -> str:
    measured = outcome.measured
    volume = sum(trade.price_ticks * trade.size_lots for trade in measured.trades)
    verdict = '<b class="ok">ok</b>' if outcome.audit.ok else '<b class="bad">FAILED</b>'
    cards = [
        (verdict, "audit"),
        (f"<b>{outcome.watch.commands:,}</b>", "commands answered"),
        (f"<b>{len(measured.trades):,}</b>", "trades"),
        (f"<b>${volume / _MICROS / 1e6:,.1f}M</b>", "traded"),
        (f"<b>{len(measured.cases)}</b>", "liquidations"),
        (f"<b>{len(outcome.stages_passed)}</b>", "stages of the waterfall"),
        (f"<b>{sum(1 for row in measured.ranking if row.delta_lots)}</b>", "deleveragings"),
        (f"<b>{outcome.wall_seconds:.0f} s</b>", "on the wall"),
    ]
    return (
        '<div class="cards">'
        + "".join(f'<div class="card">{big}<span>{small}</span></div>' for big, small in cards)
        + "</div>"
    )


def _faults(outcome: Outcome) -> str:
    seen: dict[int, list[Cell]] = {}
    for fault in outcome.measured.faults:
        symbol = outcome.measured.instruments[fault.instrument_id].symbol
        if fault.fault_id in seen:
            row = seen[fault.fault_id]
            row[1] = f"{row[1]}, {symbol}"
            continue
        what = (
            f"clearing's prices {show_duration(fault.lag_ns)} late"
            if fault.lag_ns
            else f"funding {fault.magnitude_e12 / 1e10:+.2f} % an interval"
        )
        seen[fault.fault_id] = [
            what,
            symbol,
            show_instant(fault.from_ns)[11:],
            show_instant(fault.to_ns)[11:] if fault.to_ns else "",
        ]
    ticks = table(
        ("funding tick", "instrument", "paid", "time", "rate %"),
        (
            (
                str(tick.tick),
                outcome.measured.instruments[tick.instrument_id].symbol,
                "yes" if tick.is_paid else "no: too few samples",
                show_instant(tick.at_ns)[11:-4],
                f"{tick.rate_e12 / 1e10:+.4f}",
            )
            for tick in outcome.measured.funding
        ),
        1,
    )
    return table(("fault", "instruments", "from", "to"), seen.values(), 0) + ticks


def _cases(outcome: Outcome) -> str:
    if not outcome.measured.cases:
        return "<p>No account fell below maintenance.</p>"
    return "".join(_case(outcome, case) for case in outcome.measured.cases)


def _case(outcome: Outcome, case: Case) -> str:
    name = outcome.name(case.account_id)
    stages = " → ".join(f'<span class="stage">{escape(stage)}</span>' for stage in case.stages)
    length = show_duration(case.ended_ns - case.began_ns) if case.ended_ns else ""
    bot = outcome.watch.bots.get(name)
    what = f" ({bot.role.what})" if bot is not None else ""
    lead = (
        f'<h3>{escape(name)}</h3><p class="lead">{escape(what)} {stages}: {escape(case.outcome)}'
        f"{f' after {length} of venue time' if length else ''}, "
        f"equity ${case.equity_micros / _MICROS:,.2f} → ${case.equity_after_micros / _MICROS:,.2f}.</p>"
    )
    steps = table(
        ("time", "stage", "because", "health", "asked", "limit", "done", "equity $", "reserve $"),
        (_step(outcome, step) for step in case.steps),
        6,
    )
    if not case.cash:
        return lead + steps
    cash = table(
        ("time", "cash moved because", "from", "to", "dollars"),
        (
            (
                show_instant(move.at_ns)[11:],
                move.cause,
                outcome.name(move.payer_id),
                outcome.name(move.receiver_id),
                show_dollars(move.amount_micros),
            )
            for move in case.cash
        ),
        1,
    )
    return lead + steps + cash


def _step(outcome: Outcome, step: Step) -> list[Cell]:
    instrument = outcome.measured.instruments.get(step.instrument_id)
    decimals = instrument.size_decimals if instrument is not None else 0
    symbol = instrument.symbol if instrument is not None else ""
    return [
        show_instant(step.at_ns)[11:],
        step.stage,
        step.cause,
        "" if step.health is None else f"{step.health:.3f}",
        f"{show_size(step.delta_lots, decimals)} {symbol}" if step.delta_lots else "",
        show_price(step.price_ticks, decimals) if step.price_ticks else "",
        f"{show_size(step.done_lots, decimals)} {symbol}" if step.done_lots else "",
        f"{step.equity_micros / _MICROS:,.2f}",
        f"{step.reserve_micros / _MICROS:,.2f}" if step.reserve_micros else "",
    ]


def _ranking(outcome: Outcome) -> str:
    if not outcome.measured.ranking:
        return "<p>Nobody was deleveraged.</p>"
    by_id = {case.liquidation_id: case for case in outcome.measured.cases}
    rows = []
    for row in outcome.measured.ranking:
        instrument = outcome.measured.instruments[row.instrument_id]
        case = by_id.get(row.liquidation_id)
        rows.append(
            (
                "" if case is None else outcome.name(case.account_id),
                instrument.symbol,
                outcome.name(row.account_id),
                str(row.rank),
                f"{row.score_e9 / 1e9:.4f}",
                show_size(row.position_lots, instrument.size_decimals),
                show_size(row.capacity_lots, instrument.size_decimals),
                show_size(row.delta_lots, instrument.size_decimals) if row.delta_lots else "",
                f"{row.given_up_micros / _MICROS:,.2f}" if row.delta_lots else "",
            )
        )
    note = '<p class="note">Score: mark over entry times notional over equity (LIQ-080, policy hyperliquid).</p>'
    headings = ("for", "instrument", "account", "rank", "score", "position", "could give", "gave", "cost $ to it")
    return note + table(headings, rows, 6)


def _fund(outcome: Outcome) -> str:
    fund = outcome.fund
    rows: list[tuple[Cell, Cell]] = [
        ("before", show_dollars(fund.before_micros)),
        ("received from liquidations", show_dollars(fund.received_micros)),
        ("paid into liquidations", show_dollars(fund.paid_micros)),
        ("after", show_dollars(fund.after_micros)),
    ]
    return table(("insurance fund", "dollars"), rows, 1)


def _accounts(outcome: Outcome) -> str:
    rows: list[Sequence[Cell]] = []
    for account in outcome.measured.accounts:
        split = account.split
        bot = outcome.watch.bots.get(account.name)
        rows.append(
            [
                account.name,
                "the venue's own" if bot is None else f"{bot.role.kind.value}: {bot.role.what}",
                f"{account.fills:,}",
                f"{account.maker_fills:,}",
                _money(split.spread_micros),
                _money(split.inventory_micros),
                _money(split.funding_micros),
                _money(split.fees_micros),
                _money(split.liquidation_micros),
                _money(account.profit_micros),
                str(account.residual_micros),
            ]
        )
    note = (
        '<p class="note">Spread: what each fill was better than the true index at its moment. Inventory: what the '
        "position gained while the true index moved. Liquidation: forced fills and transfers against the index, and "
        "cash the waterfall moved. The residual is what the parts leave unexplained of clearing's own figure, in "
        "micro-dollars.</p>"
    )
    headings = (
        "account",
        "what",
        "fills",
        "maker",
        "spread",
        "inventory",
        "funding",
        "fees",
        "liquidation",
        "total",
        "residual",
    )
    return note + table(headings, rows, 9)


def _latencies(outcome: Outcome) -> str:
    rows = [
        (
            stage.stage,
            stage.where,
            f"{stage.count:,}",
            f"{stage.p50_us / _MS_US:.3f}",
            f"{stage.p99_us / _MS_US:.3f}",
            "" if stage.longest_us is None else f"{stage.longest_us / _MS_US:.3f}",
        )
        for stage in outcome.latencies
    ]
    note = (
        '<p class="note">Milliseconds of wall time, on one machine that runs venue, bots and screen at once; '
        "<code>wavetank bench wire</code> measures the venue by itself.</p>"
    )
    return note + table(("stage", "measured by", "count", "p50 ms", "p99 ms", "longest ms"), rows, 4)


def _audit(outcome: Outcome) -> str:
    audit = outcome.audit
    rows = [
        (rule.id, rule.what, f"{rule.checks:,}", (f"{rule.offences:,}", "bad" if rule.offences else ""))
        for rule in audit.rules
    ]
    offences = "".join(
        f"<p class='bad'>{escape(offence.rule)} in {escape(offence.log)} {escape(offence.entry)}: "
        f"expected {escape(offence.expected)}; event {escape(offence.event)}</p>"
        for offence in audit.offences
    )
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in audit.notes)
    verdict = f'<p class="{"ok" if audit.ok else "bad"}">{escape(audit.verdict)}</p>'
    return table(("rule", "what was checked", "checks", "offences"), rows, 2) + offences + notes + verdict
