"""Figures over seeds: every seed a dot, P5 to P95 a bar, P50 a stroke; variants one below the other.

Kept true: the dots are the seeds' own values, so that a single bad seed is seen, and the pointer tells which it is.
"""

from __future__ import annotations

from bokeh.models import BasicTicker, CategoricalAxis

from wavetank.storms.measure.catalogue import Unit
from wavetank.storms.measure.distribution import is_number
from wavetank.storms.report.figures import axis_of, kind_of, show_figure
from wavetank.storms.report.markouts import HORIZONS_NS, Markout
from wavetank.storms.report.plots.axes import (
    BLUE,
    GREY,
    PALETTE,
    VERMILION,
    Figure,
    finish,
    in_dollars,
    named_plot,
    table_of,
)
from wavetank.storms.report.results import Results, variant_name
from wavetank.storms.report.tables import key_figures

MOST_PLOTS = 40
"""Figures drawn over seeds; a cast of many roles has more, and the table has them all."""
MOST_DOTS = 2_000
"""Seeds drawn of each variant."""
_GOLDEN = 0.618033988749895


def seed_plots(results: Results) -> dict[str, Figure]:
    """Return a plot for each figure that seeds are compared by and that is not the same in all, by its name."""
    names = [name for name in _compared(results) if _values(results, name)[1:]]
    return {name: seed_plot(results, name) for name in names[:MOST_PLOTS]}


def same_everywhere(results: Results) -> dict[str, str]:
    """Return the figures of which a plot would say nothing, by name, with the one value that all seeds have."""
    values = {name: _values(results, name) for name in _compared(results)}
    return {name: show_figure(name, found[0]) for name, found in values.items() if len(found) == 1}


def _compared(results: Results) -> list[str]:
    return list(dict.fromkeys(name for variant in results.variants.values() for name in key_figures(variant)))


def _values(results: Results, name: str) -> list[int | float]:
    """Return the different values of a figure over all variants and seeds."""
    found = (seed.figures.get(name) for variant in results.variants.values() for seed in variant.seeds)
    return list(dict.fromkeys(value for value in found if is_number(value)))


def seed_plot(results: Results, name: str) -> Figure:
    """Return how one figure lies over seeds, a row for each variant."""
    rows = [variant_name(variant) for variant in results.variants]
    label, scale = axis_of(name)
    plot = named_plot(name, rows, x_label=label, height=105 + 42 * len(rows))
    if kind_of(name).unit is Unit.MONEY:
        in_dollars(plot, across=True)
    plot.xaxis.ticker = BasicTicker(desired_num_ticks=5)
    drawn = []
    for place, (variant, result) in enumerate(results.variants.items()):
        row, quantiles = variant_name(variant), result.distribution.get(name)
        colour = PALETTE[place % len(PALETTE)]
        seeds = [seed for seed in result.seeds if is_number(seed.figures.get(name))][:MOST_DOTS]
        values = [value for seed in seeds if is_number(value := seed.figures.get(name))]
        if quantiles is None:
            continue
        plot.hbar(
            [row], left=[quantiles.p5 * scale], right=[quantiles.p95 * scale], height=0.62, color=colour, alpha=0.3
        )
        median = table_of({"x": [quantiles.p50 * scale], "low": [(row, -0.31)], "high": [(row, 0.31)]})
        plot.segment("x", "low", "x", "high", source=median, color=colour, line_width=4)
        source = table_of(
            {
                "x": [value * scale for value in values],
                # Spread by the golden section, so that neighbours do not cover one another and nothing is random.
                "y": [(row, ((index * _GOLDEN + 0.5) % 1.0 - 0.5) * 0.5) for index in range(len(values))],
                "seed": [str(seed.seed) for seed in seeds],
                "shown": [show_figure(name, value) for value in values],
                "ok": ["ok" if seed.ok else "failed" for seed in seeds],
                "ink": [GREY if seed.ok else VERMILION for seed in seeds],
                "marker": ["circle" if seed.ok else "x" for seed in seeds],
            }
        )
        drawn.append(
            plot.scatter("x", "y", source=source, size=6, marker="marker", color="ink", line_width=1.5, alpha=0.75)
        )
    return finish(plot, [("seed", "@seed, @ok"), (name, "@shown")], drawn)


def markout_plot(found: list[Markout], title: str) -> Figure:
    """Return markouts by counterparty label, a bar for each horizon."""
    labels = list(dict.fromkeys(each.label for each in found))
    rows = [(label, horizon) for label in labels for horizon in HORIZONS_NS]
    plot = named_plot(title, rows, x_label="basis points; below nothing the maker lost", height=110 + 26 * len(rows))
    drawn = []
    for horizon, alpha in zip(HORIZONS_NS, (0.4, 0.7, 1.0), strict=True):
        at_horizon = [each for each in found if each.horizon == horizon]
        source = table_of(
            {
                "row": [(each.label, each.horizon) for each in at_horizon],
                "bps": [each.markout_bps for each in at_horizon],
                "ink": [VERMILION if each.markout_bps < 0 else BLUE for each in at_horizon],
                "fills": [each.fills for each in at_horizon],
                "notional": [show_figure("volume_micros", each.notional_micros) for each in at_horizon],
            }
        )
        drawn.append(plot.hbar("row", right="bps", source=source, height=0.8, color="ink", alpha=alpha))
    for axis in plot.left:
        if isinstance(axis, CategoricalAxis):
            axis.group_text_color = GREY
            axis.separator_line_color = GREY
            axis.separator_line_alpha = 0.3
            axis.group_label_orientation = "horizontal"
    tooltips = [("", "@row"), ("markout", "@bps{0.00} bp"), ("fills", "@fills{0,0}"), ("notional", "@notional")]
    return finish(plot, tooltips, drawn)
