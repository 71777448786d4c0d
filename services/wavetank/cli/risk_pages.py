"""The answers of `wavetank risk` as documents and as tables.

It exists so that the command says what to ask and nothing of columns. Kept true: a document holds the venue's own
numbers under the contract's own names; a table shows money exactly, and a health with four decimals.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias

from rich.console import Console
from rich.table import Table

from wavetank.cli.amounts import show_dollars, show_price, show_ratio, show_size
from wavetank.cli.impact import ExpectedImpact
from wavetank.v1 import account_pb2, instrument_pb2, risk_pb2

_E6 = 10**6
_PPM_E12 = 10**6
"""Parts of 10^12 in a part per million."""

_COLOURS = {
    account_pb2.HEALTH_BAND_HEALTHY: "green",
    account_pb2.HEALTH_BAND_WARNED: "yellow",
    account_pb2.HEALTH_BAND_REDUCE_ONLY: "dark_orange",
}
_BELOW = "red"

Listed: TypeAlias = Mapping[int, instrument_pb2.Instrument]
Points: TypeAlias = Mapping[str, Sequence[ExpectedImpact]]


def message_document(message: Any, listed: Listed | None = None) -> dict[str, Any]:  # noqa: ANN401 - any message.
    """Return an answer for JSON: the contract's fields, whole numbers as numbers, enums by their short names.

    Args:
        message: the answer.
        listed: instruments by id, told beside it; None for a part of an answer.

    """
    document: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.message_type is not None:
            document[field.name] = (
                [message_document(item) for item in value] if field.is_repeated else message_document(value)
            )
        elif field.enum_type is not None:
            prefix = field.enum_type.values_by_number[0].name.removesuffix("UNSPECIFIED")
            document[field.name] = field.enum_type.values_by_number[value].name.removeprefix(prefix).lower()
        else:
            document[field.name] = value
    if listed is not None:
        document["instruments"] = {instrument.symbol: instrument_id for instrument_id, instrument in listed.items()}
    return document


def show_account(answer: risk_pb2.GetAccountRiskResponse, listed: Listed, console: Console) -> None:
    """Show an account: its margin, its positions, its health under each shock."""
    now = answer.now
    console.print(
        f"account {answer.account_id}: equity {show_dollars(now.equity_micros)}"
        f" (cash {show_dollars(answer.cash_micros)}), initial margin {show_dollars(now.initial_margin_micros)},"
        f" maintenance {show_dollars(now.maintenance_margin_micros)}, health {_health(now)} {_band(now.health_band)}"
    )
    if not now.legs:
        console.print("no positions")
        return
    headings = ("position", "size", "mark", "notional", "unrealised", "maintenance", "bankruptcy", "liquidation")
    legs = _table("positions", headings)
    for leg in now.legs:
        instrument = listed[leg.instrument_id]
        legs.add_row(
            instrument.symbol,
            show_size(leg.size_lots, instrument.size_decimals),
            show_price(leg.mark_price_ticks, instrument.size_decimals),
            show_dollars(leg.notional_micros),
            show_dollars(leg.unrealised_micros),
            show_dollars(leg.maintenance_margin_micros),
            leg.bankruptcy_price,
            leg.liquidation_price or "none",
        )
    console.print(legs)
    sizes = _sizes(row.shock for row in answer.shocked)
    shocks = _table("equity and health if this moves by", ("moves", *map(_move, sizes)))
    for instrument_id, rows in _by_instrument(answer.shocked).items():
        cells = [f"{_dollars(row.equity_micros)} ({_health(row)})" for row in rows]
        shocks.add_row(_name(instrument_id, listed), *cells)
    console.print(shocks)


def show_comparison(answer: risk_pb2.CompareMarginResponse, listed: Listed, console: Console) -> None:
    """Show a book under each margin mode: what it asks for, what it would close under each shock."""
    names = [_scheme(scheme.scheme) for scheme in answer.schemes]
    asks = _table(
        f"account {answer.account_id}, equity {show_dollars(answer.equity_micros)}",
        ("mode", "equity behind it", "initial", "maintenance"),
    )
    for name, scheme in zip(names, answer.schemes, strict=True):
        now = scheme.now
        amounts = (now.equity_micros, now.initial_margin_micros, now.maintenance_margin_micros)
        asks.add_row(name, *map(show_dollars, amounts))
    console.print(asks)
    closes = _table("what must be closed", ("moves", "by", *names))
    for rows in zip(*(scheme.shocked for scheme in answer.schemes), strict=True):
        shock = rows[0].shock
        cells = [_closes(row, listed) for row in rows]
        closes.add_row(_name(shock.instrument_id, listed), _move(shock.shock_ppm), *cells)
    console.print(closes)


def show_venue(answer: risk_pb2.GetVenueRiskResponse, listed: Listed, console: Console) -> None:
    """Show all clients together, now and under each shock."""
    headings = ("moves", "by", "equity", "maintenance", "below margin", "below zero", "lacking to margin", "deficit")
    table = _table("all clients", headings)
    for row in (answer.now, *answer.shocked):
        counts = {band.health_band: band.accounts for band in row.bands}
        below = sum(count for band, count in counts.items() if band >= account_pb2.HEALTH_BAND_LIQUIDATION)
        bankrupt = counts.get(account_pb2.HEALTH_BAND_BANKRUPT, 0)
        table.add_row(
            _name(row.shock.instrument_id, listed) if row.shock.shock_ppm else "nothing",
            _move(row.shock.shock_ppm) if row.shock.shock_ppm else "",
            show_dollars(row.equity_micros),
            show_dollars(row.maintenance_margin_micros),
            f"[{_BELOW}]{below}[/]" if below else "0",
            f"[{_BELOW}]{bankrupt}[/]" if bankrupt else "0",
            show_dollars(row.shortfall_micros),
            show_dollars(row.deficit_micros),
        )
    console.print(table)


def show_contagion(answer: risk_pb2.GetContagionResponse, listed: Listed, console: Console) -> None:
    """Show the contagion matrix, one table for each size of the shock."""
    symbols = [instrument.symbol for instrument in listed.values()]
    if answer.now.accounts:
        console.print(
            f"[{_BELOW}]{answer.now.accounts} accounts must close already, without any move:[/]"
            f" {_closes(answer.now, listed)}"
        )
    for size in _sizes(row.shock for row in answer.rows):
        title = f"dollars that must be closed if this moves by {_move(size)}"
        table = _table(title, ("moves", *symbols, "elsewhere", "accounts"))
        for row in answer.rows:
            if row.shock.shock_ppm != size:
                continue
            closes = {close.instrument_id: close for close in row.closes}
            cells = [_closed(closes[each]) if each in closes else "[dim]0[/]" for each in listed]
            elsewhere = show_dollars(row.elsewhere_micros) if row.shock.instrument_id else ""
            table.add_row(_name(row.shock.instrument_id, listed), *cells, elsewhere, str(row.accounts))
        console.print(table)
    console.print("[dim]in brackets: what the vault, the fund or the other side must take[/]")


def impact_document(points: Points, unknown: int, instruments: Iterable[instrument_pb2.Instrument]) -> dict[str, Any]:
    """Return measured impact curves for JSON; means rounded half to even, prices in millionths of a tick."""
    decimals = {instrument.symbol: instrument.size_decimals for instrument in instruments}
    return {
        "unknown_moments": unknown,
        "curves": {
            symbol: [
                {
                    "taking": point.taking.value,
                    "size_lots": point.size_lots,
                    "samples": point.samples,
                    "too_thin": point.too_thin,
                    "mean_impact_e6_ticks": _rounded(point.mean_ticks, _E6),
                    "worst_impact_e6_ticks": _rounded(point.worst_ticks, _E6),
                    "mean_cost_micros": _rounded(point.mean_cost_micros, 1),
                    "mean_share_ppm": _rounded(point.mean_share, _E6),
                    "size_decimals": decimals[symbol],
                }
                for point in curve
            ]
            for symbol, curve in points.items()
        },
    }


def show_impact(
    points: Points, unknown: int, instruments: Iterable[instrument_pb2.Instrument], console: Console
) -> None:
    """Show measured impact curves."""
    decimals = {instrument.symbol: instrument.size_decimals for instrument in instruments}
    headings = ("takes", "size", "moments", "too thin", "mean, dollars a coin", "of mid", "worst", "mean cost")
    for symbol, curve in points.items():
        table = _table(f"{symbol} against mid, at random moments", headings)
        dollar = 10 ** (6 - decimals[symbol])
        for point in curve:
            thin = point.too_thin * 100 // point.samples if point.samples else 0
            share = _rounded(point.mean_share, _E6)
            cost = _rounded(point.mean_cost_micros, 1)
            table.add_row(
                point.taking.value,
                show_size(point.size_lots, decimals[symbol]),
                str(point.samples),
                f"[{_BELOW}]{point.too_thin} ({thin} %)[/]" if point.too_thin else "0",
                _coin(point.mean_ticks, dollar),
                "" if share is None else show_ratio(share * _PPM_E12),
                _coin(point.worst_ticks, dollar),
                "" if cost is None else show_dollars(cost),
            )
        console.print(table)
    if unknown:
        console.print(f"[{_BELOW}]{unknown} looks met an interrupted stream and saw nothing[/]")


def _rounded(ratio: Fraction | None, scale: int) -> int | None:
    return None if ratio is None else round(ratio * scale)


def _coin(ticks: Fraction | None, ticks_per_dollar: int) -> str:
    micros = _rounded(None if ticks is None else ticks / ticks_per_dollar, _E6)
    return "" if micros is None else show_dollars(micros)


def _table(title: str, headings: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in {"position", "moves", "mode", "takes"} else "right")
    return table


def _name(instrument_id: int, listed: Listed) -> str:
    return listed[instrument_id].symbol if instrument_id else "all together"


def _move(shock_ppm: int) -> str:
    return show_ratio(shock_ppm * _PPM_E12)


def _sizes(shocks: Iterable[risk_pb2.Shock]) -> list[int]:
    return sorted({shock.shock_ppm for shock in shocks})


def _by_instrument(rows: Iterable[risk_pb2.MarginAt]) -> dict[int, list[risk_pb2.MarginAt]]:
    found: dict[int, list[risk_pb2.MarginAt]] = {}
    for row in rows:
        found.setdefault(row.shock.instrument_id, []).append(row)
    return found


def _health(row: risk_pb2.MarginAt) -> str:
    text = f"{Decimal(row.health):.4f}" if row.health else "-"
    return f"[{_COLOURS.get(row.health_band, _BELOW)}]{text}[/]"


def _band(band: "account_pb2.HealthBand.ValueType") -> str:
    return account_pb2.HealthBand.Name(band).removeprefix("HEALTH_BAND_").lower().replace("_", "-")


def _scheme(scheme: "risk_pb2.MarginScheme.ValueType") -> str:
    return risk_pb2.MarginScheme.Name(scheme).removeprefix("MARGIN_SCHEME_").lower().replace("_", " ")


def _dollars(micros: int) -> str:
    """Return micro-dollars in whole dollars, for a table with many columns."""
    return f"{round(Fraction(micros, _E6)):,}"


def _closes(row: risk_pb2.SchemeAt | risk_pb2.ContagionRow, listed: Listed) -> str:
    return (
        ", ".join(f"{_name(close.instrument_id, listed)} {_closed(close)}" for close in row.closes) or "[dim]nothing[/]"
    )


def _closed(close: risk_pb2.ForcedClose) -> str:
    taken = f" [{_BELOW}]({_dollars(close.backstop_micros)})[/]" if close.backstop_micros else ""
    return f"{_dollars(close.notional_micros)}{taken}"
