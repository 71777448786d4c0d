"""What branches of one run came to, beside the trunk that they left.

It exists because of a fork only the difference is of interest: what is the same in all is left out unless it is asked
for. Kept true: the trunk comes first; of a branch under many dice P50 is shown with P5 and P95, each a value that some
dice brought.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from wavetank.cli.times import show_duration
from wavetank.storms.measure.record import Figure
from wavetank.storms.report.figures import (
    NOTHING,
    Group,
    is_worse,
    kind_of,
    show_difference,
    show_figure,
    shown_names,
)
from wavetank.storms.report.results import Results, SeedResult, VariantResult, repeat_command
from wavetank.storms.report.tables import MOST_FAILURES, typical

_HASH_SHOWN = 16
_LEAST_WIDTH = 28
"""Of the column of names, so that few of them are folded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """Where branches left their trunk."""

    at_ns: int
    """Venue time behind the beginning."""
    state_hash: str
    """Of the venue then; empty if the trunk broke before."""
    trunk: str
    """The variant that went on unchanged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What stands in one cell: a value, and how it differs from the trunk's."""

    text: str
    worse: bool | None = None
    """Whether it is worse than the trunk's; None where that is not known, or nothing differs."""


def branch_rows(
    results: Results, fork: Fork, *, every_figure: bool = False
) -> list[tuple[str, Group | None, list[Shown]]]:
    """Return what branches came to, the trunk's first: names, their groups, and a cell for each branch.

    Args:
        results: with the trunk's.
        fork: where they left it.
        every_figure: also what is the same in all, and what is folded away.

    """
    trunk = results.variants[fork.trunk]
    others = [variant for name, variant in results.variants.items() if name != fork.trunk]
    before = typical(trunk)
    after = [typical(variant) for variant in others]
    rows: list[tuple[str, Group | None, list[Shown]]] = []
    for name in shown_names([before, *after], every_figure=every_figure):
        cells = [Shown(text=show_figure(name, before.get(name)))]
        cells += [_cell(name, before, figures, variant) for figures, variant in zip(after, others, strict=True)]
        if every_figure or any(not _is_same(name, before, variant) for variant in others):
            rows.append((name, kind_of(name).group, cells))
    return rows + _judged_rows(trunk, others, every_figure=every_figure)


def _is_same(name: str, before: Mapping[str, Figure], variant: VariantResult) -> bool:
    return all(seed.figures.get(name) == before.get(name) for seed in variant.seeds)


def _cell(name: str, before: Mapping[str, Figure], figures: Mapping[str, Figure], variant: VariantResult) -> Shown:
    value = figures.get(name)
    text = show_figure(name, value)
    spread = variant.distribution.get(name) if len(variant.seeds) > 1 else None
    if spread is not None and spread.p5 != spread.p95:
        text = f"{text} [{show_figure(name, spread.p5)} … {show_figure(name, spread.p95)}]"
    elif value != before.get(name) and len(variant.seeds) == 1:
        difference = show_difference(name, before.get(name), value)
        text = text if difference == "≠" else f"{text} ({difference})"
    return Shown(text=text, worse=is_worse(name, before.get(name), value))


def _judged_rows(
    trunk: VariantResult, others: Sequence[VariantResult], *, every_figure: bool
) -> list[tuple[str, Group | None, list[Shown]]]:
    """Return what the page's conditions came to, and whether its harm appeared."""
    variants = [trunk, *others]
    texts = dict.fromkeys(asserted.text for variant in variants for seed in variant.seeds for asserted in seed.asserted)
    rows: list[tuple[str, Group | None, list[Shown]]] = []
    for text in texts:
        held = [[_holds(seed, text) for seed in variant.seeds] for variant in variants]
        if every_figure or len({each for found in held for each in found}) > 1:
            rows.append((text, None, [_counted(found, "holds", "does not hold") for found in held]))
    harms = [[seed.harm for seed in variant.seeds] for variant in variants]
    if any(each is not None for found in harms for each in found):
        rows.append(("harm", None, [_counted(found, "appeared", "did not appear", worse=True) for found in harms]))
    return rows


def _holds(seed: SeedResult, text: str) -> bool | None:
    return next((asserted.holds for asserted in seed.asserted if asserted.text == text), None)


def _counted(found: Sequence[bool | None], yes: str, no: str, *, worse: bool = False) -> Shown:
    """Return in how many of all something was so.

    Args:
        found: of each seed.
        yes: what one is called in which it was so.
        no: what one is called in which it was not.
        worse: whether that it was so is the worse.

    """
    known = [each for each in found if each is not None]
    if not known:
        return Shown(text=NOTHING)
    if len(found) == 1:
        return Shown(text=yes if known[0] else no, worse=known[0] == worse)
    return Shown(text=f"{yes} in {sum(known):,} of {len(found):,}", worse=all(known) == worse)


def print_fork(results: Results, fork: Fork, console: Console, *, every_figure: bool = False) -> None:
    """Print what branches came to, side by side, the trunk first.

    Args:
        results: a variant for the trunk and one for each branch.
        fork: where they parted.
        console: where to.
        every_figure: also what is the same in all, and what is folded away.

    """
    console.rule(f"[bold]{escape(results.title or results.scenario)}, forked at {show_duration(fork.at_ns)}")
    runs = sum(len(variant.seeds) for variant in results.variants.values())
    if fork.state_hash:
        console.print(Text.assemble(f"state hash at the fork, in all {runs:,} runs: ", (fork.state_hash, "bold")))
    table = Table(box=box.SIMPLE)
    table.add_column("figure" if every_figure else "what differs", overflow="fold", min_width=_LEAST_WIDTH)
    for name, variant in results.variants.items():
        under = f"\n{len(variant.seeds):,} dice, P50 [P5 … P95]" if len(variant.seeds) > 1 else ""
        table.add_column(Text(name + under), justify="right", overflow="fold")
    previous: Group | None = None
    for name, group, cells in branch_rows(results, fork, every_figure=every_figure):
        if group is not previous:
            table.add_section()
            table.add_row(Text(group or "what the page says", style="dim italic"))
        previous = group
        table.add_row(Text(name), *(Text(cell.text, style=_style(cell)) for cell in cells))
    table.add_section()
    hashes = [
        variant.seeds[0].state_hash[:_HASH_SHOWN] or NOTHING
        if len(variant.seeds) == 1
        else f"{len({seed.state_hash for seed in variant.seeds}):,} different"
        for variant in results.variants.values()
    ]
    table.add_row("state hash", *hashes)
    console.print(table)
    _print_broken(results, console)


def _style(cell: Shown) -> str:
    return "" if cell.worse is None else "red" if cell.worse else "green"


def _print_broken(results: Results, console: Console) -> None:
    """Print each run that broke, with the command that repeats it."""
    broken = [(name, seed) for name, variant in results.variants.items() for seed in variant.seeds if seed.failure]
    for name, seed in broken[:MOST_FAILURES]:
        console.print(Text(f"{name}, seed {seed.seed}, broke: {seed.failure}", style="red"))
        # A command that is folded cannot be copied.
        console.print(Text(f"  {repeat_command(results, name, seed)}"), soft_wrap=True)
    if len(broken) > MOST_FAILURES:
        console.print(f"and {len(broken) - MOST_FAILURES:,} more")
