"""How harm spread: which liquidation set off which, and which market's fall closed positions in which.

Kept true: in the tree a column is a generation, an edge runs from the liquidation whose trade moved the mark to the one
that followed, and a node's area stands for the notional closed; a record whose parents go round in circles is drawn
without the edge that closes the circle.
"""

from __future__ import annotations

from dataclasses import dataclass

from bokeh.models import FactorRange, LinearColorMapper, Range1d
from bokeh.palettes import Cividis256
from bokeh.plotting import figure
from bokeh.transform import transform

from wavetank.storms.measure.record import LiquidationSeen, RunRecord
from wavetank.storms.report.plots.axes import GREY, MICROS, Figure, bare, finish, marker_size, table_of
from wavetank.storms.report.plots.liquidations import account_name, last_stage, stage_look

MOST_NODES = 300
"""Liquidations in a tree; of larger storms the largest cascades are drawn."""
_ROW_HEIGHT = 22
_LOWEST, _HIGHEST = 220, 900


@dataclass(frozen=True, slots=True)
class Node:
    """Where a liquidation stands in the tree."""

    liquidation: LiquidationSeen
    generation: int
    """0 for what nothing set off."""
    row: float
    parent_id: int
    """0 where it has none in the tree."""


def cascade_nodes(liquidations: list[LiquidationSeen], most: int = MOST_NODES) -> list[Node]:
    """Return the trees of the largest cascades, ancestors in the middle of their descendants.

    Args:
        liquidations: of a run.
        most: nodes at most; whole cascades are left off, and of one that is larger its latest members.

    """
    chosen = _chosen(liquidations, most)
    by_id = {each.liquidation_id: each for each in chosen}
    children: dict[int, list[int]] = {}
    for each in chosen:
        parent = each.parent_liquidation_id if each.parent_liquidation_id in by_id else 0
        if each.parent_liquidation_id == each.liquidation_id:
            parent = 0
        children.setdefault(parent, []).append(each.liquidation_id)
    rows: dict[int, float] = {}
    found: dict[int, tuple[int, int]] = {}
    next_row = 0
    # Circles have no root: each of their members is tried as one, after the true roots.
    for root in [*children.get(0, []), *by_id]:
        if root in found:
            continue
        found[root] = (0, 0)
        stack, order = [root], []
        while stack:
            number = stack.pop()
            order.append(number)
            for child in reversed(children.get(number, [])):
                if child not in found:
                    found[child] = (found[number][0] + 1, number)
                    stack.append(child)
        # Leaves get rows as a walk in depth meets them; then each parent stands between its children, last first.
        for number in order:
            if not any(found[child][1] == number for child in children.get(number, [])):
                rows[number] = float(next_row)
                next_row += 1
        for number in reversed(order):
            below = [rows[child] for child in children.get(number, []) if found[child][1] == number]
            if below:
                rows[number] = (min(below) + max(below)) / 2
    return [Node(by_id[number], place[0], rows[number], place[1]) for number, place in found.items()]


def cascade_plot(record: RunRecord) -> Figure:
    """Return the cascade tree."""
    nodes = cascade_nodes(record.liquidations)
    places = {node.liquidation.liquidation_id: node for node in nodes}
    generations = max((node.generation for node in nodes), default=0)
    lines = max((node.row for node in nodes), default=0.0)
    plot = bare(
        figure(
            title="cascades: columns are generations, lines run from cause to effect",
            height=round(min(max(_LOWEST, 90 + _ROW_HEIGHT * lines), _HIGHEST)),
            x_range=Range1d(start=-0.5, end=generations + 0.5),
            y_range=Range1d(start=lines + 1.0, end=-1.0),
            tools="pan,wheel_zoom,box_zoom,reset,save",
            active_scroll=None,
            sizing_mode="stretch_width",
        )
    )
    plot.xaxis.ticker = list(range(min(generations + 1, 200)))
    plot.xaxis.axis_label = "generation"
    plot.yaxis.visible = False
    plot.ygrid.visible = False
    edges = [(places[node.parent_id], node) for node in nodes if node.parent_id]
    plot.segment(
        [parent.generation for parent, _ in edges],
        [parent.row for parent, _ in edges],
        [child.generation for _, child in edges],
        [child.row for _, child in edges],
        color=GREY,
        alpha=0.7,
    )
    largest = max((node.liquidation.closed_micros for node in nodes), default=0)
    drawn = []
    for stage in sorted({last_stage(node.liquidation) for node in nodes}):
        colour, marker = stage_look(stage)
        of_stage = [node for node in nodes if last_stage(node.liquidation) == stage]
        source = table_of(
            {
                "x": [node.generation for node in of_stage],
                "y": [node.row for node in of_stage],
                "t": [(node.liquidation.began_ns - record.began_ns) / 1e6 for node in of_stage],
                "size": [marker_size(node.liquidation.closed_micros, largest) for node in of_stage],
                "who": [account_name(record, node.liquidation.account_id) for node in of_stage],
                "number": [node.liquidation.liquidation_id for node in of_stage],
                "cascade": [node.liquidation.cascade_id for node in of_stage],
                "closed": [node.liquidation.closed_micros / MICROS for node in of_stage],
                "stages": [" → ".join(node.liquidation.stages) for node in of_stage],
            }
        )
        drawn.append(
            plot.scatter(
                "x",
                "y",
                source=source,
                size="size",
                marker=marker,
                fill_color=colour,
                line_color=GREY,
                alpha=0.9,
                legend_label=stage,
            )
        )
    tooltips = [
        ("liquidation", "@number of @who"),
        ("cascade", "@cascade"),
        ("time", "@t{custom}"),
        ("closed", "$@closed{0,0}"),
        ("stages", "@stages"),
    ]
    return finish(plot, tooltips, drawn)


def contagion_plot(record: RunRecord) -> Figure:
    """Return the contagion matrix: a row is the market that moved, a column the one that was sold."""
    symbols = sorted({symbol for pair in record.contagion for symbol in pair})
    most = max(record.contagion.values(), default=0) / MICROS
    cells = [(cause, sold, record.contagion.get((cause, sold), 0) / MICROS) for cause in symbols for sold in symbols]
    mapper = LinearColorMapper(palette=Cividis256, low=0.0, high=max(most, 1.0))
    plot = bare(
        figure(
            title="contagion: dollars force-sold",
            height=110 + 52 * max(len(symbols), 1),
            width=220 + 130 * max(len(symbols), 1),
            x_range=FactorRange(factors=symbols),
            y_range=FactorRange(factors=list(reversed(symbols))),
            x_axis_location="above",
            tools="save",
            sizing_mode="scale_width",
            max_width=220 + 130 * max(len(symbols), 1),
        )
    )
    plot.grid.visible = False
    plot.xaxis.axis_label, plot.yaxis.axis_label = "sold", "moved"
    source = table_of(
        {
            "cause": [cause for cause, _, _ in cells],
            "sold": [sold for _, sold, _ in cells],
            "dollars": [dollars for _, _, dollars in cells],
            "text": [_short(dollars) for _, _, dollars in cells],
            # Cividis is dark below its middle.
            "ink": ["#101010" if dollars > most / 2 else "#f4f4f4" for _, _, dollars in cells],
        }
    )
    drawn = plot.rect(
        "sold",
        "cause",
        width=0.97,
        height=0.95,
        source=source,
        fill_color=transform("dollars", mapper),
        line_color=None,
    )
    plot.text(
        "sold", "cause", text="text", source=source, text_color="ink", text_align="center", text_baseline="middle"
    )
    return finish(plot, [("moved", "@cause"), ("sold", "@sold"), ("for", "$@dollars{0,0}")], [drawn])


def _short(dollars: float) -> str:
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if dollars >= size:
            return f"${dollars / size:,.1f}{letter}"
    return f"${dollars:,.0f}" if dollars else "0"


def _chosen(liquidations: list[LiquidationSeen], most: int) -> list[LiquidationSeen]:
    """Return the members of the largest cascades, in order of their ids."""
    cascades: dict[int, list[LiquidationSeen]] = {}
    for each in liquidations:
        # Without a cascade it stands alone.
        cascades.setdefault(each.cascade_id or -each.liquidation_id, []).append(each)
    chosen: list[LiquidationSeen] = []
    for members in sorted(cascades.values(), key=lambda members: -sum(each.closed_micros for each in members)):
        chosen += sorted(members, key=lambda each: each.liquidation_id)[: most - len(chosen)]
    return sorted(chosen, key=lambda each: each.liquidation_id)
