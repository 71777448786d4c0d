"""Accounts over time: the health of those that came closest, and the equity of the fund and the vault.

Kept true: health is equity over maintenance margin as measured, drawn on a scale that is fine around 1 and coarse far
from it; outside [-2, 5] the line runs along the edge, and the pointer still tells the number.
"""

from __future__ import annotations

from math import expm1, inf, log1p, nan

from bokeh.models import CustomJSTickFormatter, FixedTicker, Range1d
from bokeh.models.annotations import Span as Line

from wavetank.model.ids import BACKSTOP_VAULT_ID, FIRST_CLIENT_ACCOUNT_ID, INSURANCE_FUND_ID
from wavetank.storms.measure.record import AccountTrack, RunRecord
from wavetank.storms.report.plots.axes import (
    BLUE,
    CLOCK_FIELD,
    DASHES,
    GREY,
    MICROS,
    ORANGE,
    PALETTE,
    Figure,
    TimeAxis,
    finish,
    in_dollars,
    table_of,
)
from wavetank.storms.report.thinning import kept

MOST_ACCOUNTS = 12
"""Drawn: those under test, then those whose health fell lowest."""
LOWEST_HEALTH, HIGHEST_HEALTH = -2.0, 5.0
_STEEPNESS = 4.0
_TICKS = (-2.0, -1.0, -0.5, 0.0, 2.0 / 3.0, 1.0, 1.5, 2.0, 3.0, 5.0)
_LEVELS = ((1.0, "solid"), (2.0 / 3.0, "dashed"), (0.0, "dotted"))
"""Where liquidation begins, where the vault takes over, where nothing is left."""


def health_of(track: AccountTrack) -> list[float]:
    """Return equity over maintenance margin at each sample; not-a-number where nothing is held."""
    return [
        equity / maintenance if maintenance else nan
        for equity, maintenance in zip(track.equity_micros, track.maintenance_micros, strict=True)
    ]


def scaled_health(health: float) -> float:
    """Return where a health stands on the axis: clipped, linear near nothing and logarithmic far from it."""
    clipped = min(max(health, LOWEST_HEALTH), HIGHEST_HEALTH)
    return log1p(_STEEPNESS * clipped) if clipped >= 0 else -log1p(-_STEEPNESS * clipped)


def unscaled_health(place: float) -> float:
    """Return the health that stands at a place of the axis."""
    return expm1(place) / _STEEPNESS if place >= 0 else -expm1(-place) / _STEEPNESS


def watched_accounts(record: RunRecord) -> list[int]:
    """Return whose health is drawn: all under test, then those of the lowest health, at most twelve in all."""
    lowest = {
        number: min((value for value in health_of(track) if value == value), default=inf)  # noqa: PLR0124 - a gap.
        for number, track in record.accounts.items()
        if number >= FIRST_CLIENT_ACCOUNT_ID
    }
    bots = [number for number in lowest if number in record.members and record.members[number].is_bot]
    exposed = [number for number in lowest if lowest[number] < inf and number not in bots]
    ranked = sorted(bots, key=lambda number: (lowest[number], number))
    ranked += sorted(exposed, key=lambda number: (lowest[number], number))
    return ranked[:MOST_ACCOUNTS]


def health_plot(axis: TimeAxis) -> Figure:
    """Return the health of the accounts that are watched; those under test are drawn thicker."""
    record = axis.record
    plot = axis.plot("health: equity over maintenance margin", "health", height=380)
    plot.y_range = Range1d(start=scaled_health(LOWEST_HEALTH) - 0.1, end=scaled_health(HIGHEST_HEALTH) + 0.1)
    plot.yaxis.ticker = FixedTicker(ticks=[scaled_health(health) for health in _TICKS])
    plot.yaxis.formatter = CustomJSTickFormatter(
        code=f"const h = (Math.exp(Math.abs(tick)) - 1) / {_STEEPNESS}; return (tick < 0 ? '-' : '') + +h.toFixed(2);"
    )
    axis.shade(plot)
    for level, dash in _LEVELS:
        plot.add_layout(Line(location=scaled_health(level), dimension="width", line_color=GREY, line_dash=dash))
    for place, number in enumerate(watched_accounts(record)):
        track, member = record.accounts[number], record.members.get(number)
        health = health_of(track)
        chosen = kept(health, axis.most_points)
        name = member.name if member is not None else f"account {number}"
        is_bot = member is not None and member.is_bot
        plot.line(
            "t",
            "y",
            source=table_of(
                {
                    "t": [axis.ms(track.times_ns[each]) for each in chosen],
                    "y": [scaled_health(health[each]) for each in chosen],
                    "health": [health[each] for each in chosen],
                    "equity": [track.equity_micros[each] / MICROS for each in chosen],
                    "maintenance": [track.maintenance_micros[each] / MICROS for each in chosen],
                }
            ),
            color=PALETTE[place % len(PALETTE)],
            line_dash=DASHES[place // len(PALETTE) % len(DASHES)],
            line_width=3 if is_bot else 1.6,
            legend_label=f"{name} (bot)" if is_bot else name,
            name=name,
        )
    tooltips = [
        ("", "$name"),
        ("time", CLOCK_FIELD),
        ("health", "@health{0.000}"),
        ("equity", "$@equity{0,0.00}"),
        ("maintenance", "$@maintenance{0,0.00}"),
    ]
    return finish(plot, tooltips)


def fund_plot(axis: TimeAxis) -> Figure:
    """Return the equity of the insurance fund and of the backstop vault."""
    plot = axis.plot("insurance fund and backstop vault: equity", "dollars", height=240)
    in_dollars(plot)
    axis.shade(plot)
    plot.add_layout(Line(location=0.0, dimension="width", line_color=GREY, line_dash="dotted"))
    for number, name, colour, dash in (
        (INSURANCE_FUND_ID, "insurance fund", BLUE, "solid"),
        (BACKSTOP_VAULT_ID, "backstop vault", ORANGE, "dashed"),
    ):
        equity_line(axis, plot, axis.record.accounts.get(number, AccountTrack()), name, (colour, dash))
    return finish(plot, [("", "$name"), ("time", CLOCK_FIELD), ("equity", "$@y{0,0.00}")])


def bots_plot(axis: TimeAxis) -> Figure:
    """Return the equity of those under test."""
    record = axis.record
    plot = axis.plot("equity of the bots", "dollars", height=240)
    in_dollars(plot)
    axis.shade(plot)
    bots = [number for number in record.accounts if number in record.members and record.members[number].is_bot]
    for place, number in enumerate(bots[:MOST_ACCOUNTS]):
        look = (PALETTE[place % len(PALETTE)], DASHES[place // len(PALETTE) % len(DASHES)])
        equity_line(axis, plot, record.accounts[number], record.members[number].name, look)
    return finish(plot, [("", "$name"), ("time", CLOCK_FIELD), ("equity", "$@y{0,0.00}")])


def equity_line(
    axis: TimeAxis,
    plot: Figure,
    track: AccountTrack,
    name: str,
    look: tuple[str, str],
    *,
    width: float = 2.0,
    legend: str = "",
) -> None:
    """Draw the equity of an account.

    Args:
        axis: time of the account's run.
        plot: where to.
        track: the account.
        name: what it is called.
        look: colour and dash.
        width: of the line, in pixels.
        legend: what the legend calls it, else as it is called.

    """
    equity = [micros / MICROS for micros in track.equity_micros]
    chosen = kept(equity, axis.most_points)
    plot.step(
        "t",
        "y",
        source=table_of(
            {"t": [axis.ms(track.times_ns[each]) for each in chosen], "y": [equity[each] for each in chosen]}
        ),
        mode="after",
        color=look[0],
        line_dash=look[1],
        line_width=width,
        legend_label=legend or name,
        name=name,
    )
