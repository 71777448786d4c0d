"""Results on the terminal: one run, variants beside each other, many seeds, and two results compared.

It exists so that `wavetank storm` answers before anybody opens a page. Kept true: every figure that the document holds
can be shown, and a seed that failed is named with the command that repeats it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from wavetank.storms.measure.catalogue import split_subject
from wavetank.storms.measure.distribution import VALUE_AT_RISK
from wavetank.storms.measure.record import Figure
from wavetank.storms.report.figures import (
    KEY_MEASURES,
    NOTHING,
    Group,
    in_order,
    is_key,
    is_worse,
    kind_of,
    show_difference,
    show_figure,
    shown_names,
)
from wavetank.storms.report.results import (
    Quantiles,
    Results,
    SeedResult,
    VariantResult,
    in_how_many,
    repeat_command,
    variant_name,
)

MOST_FAILURES = 20
"""Failing seeds that are named; the rest are counted."""
_HASH_SHOWN = 16


def print_results(results: Results, console: Console, *, every_figure: bool = False) -> None:
    """Print results in the shape that suits them.

    One run is shown whole, one seed of several variants side by side, several seeds by their distribution.

    Args:
        results: of one scenario.
        console: where to.
        every_figure: also those of single accounts, and refusals by who was refused.

    """
    console.rule(f"[bold]{escape(results.title or results.scenario)}")
    if results.most_seeds > 1:
        print_seeds(results, console, every_figure=every_figure)
    elif len(results.variants) > 1:
        print_variants(results, console, every_figure=every_figure)
    else:
        for name, variant in results.variants.items():
            for seed in variant.seeds:
                print_run(name, seed, console, every_figure=every_figure)
    print_failures(results, console)


def print_run(variant: str, seed: SeedResult, console: Console, *, every_figure: bool = False) -> None:
    """Print one run: its figures by group, what was asserted, and whether the harm is as expected."""
    console.print(figure_table([("value", seed.figures)], every_figure=every_figure))
    if seed.asserted:
        console.print(assert_table([(variant_name(variant), seed)]))
    console.print(Text.assemble("harm: ", harm_text(seed)))
    console.print(Text.assemble("state hash: ", (seed.state_hash or NOTHING, "bold")))


def print_variants(results: Results, console: Console, *, every_figure: bool = False) -> None:
    """Print one seed of each variant, side by side."""
    columns = [(variant_name(name), variant.seeds[0]) for name, variant in results.variants.items() if variant.seeds]
    figures = figure_table([(name, seed.figures) for name, seed in columns], every_figure=every_figure)
    figures.add_section()
    figures.add_row("harm", *(harm_text(seed) for _, seed in columns))
    figures.add_row("state hash", *(seed.state_hash[:_HASH_SHOWN] or NOTHING for _, seed in columns))
    figures.add_row("as the scenario says", *(_verdict(ok=seed.ok) for _, seed in columns))
    console.print(figures)
    if any(seed.asserted for _, seed in columns):
        console.print(assert_table(columns))


def print_seeds(results: Results, console: Console, *, every_figure: bool = False) -> None:
    """Print how the figures of many seeds lie: P5, P50 and P95 of each, and what is at risk."""
    for name, variant in results.variants.items():
        console.print(seeds_table(name, variant, every_figure=every_figure))
        at_risk = [
            f"{known_as} {show_figure(figure, variant.distribution[figure].p95)} of {figure}"
            for known_as, figure in VALUE_AT_RISK.items()
            if figure in variant.distribution
        ]
        if at_risk:
            console.print("; ".join(at_risk))
        console.print(held_table(name, variant))


def print_failures(results: Results, console: Console) -> None:
    """Print the verdict, and each run that is not as the scenario says with the command that repeats it."""
    failed = [(name, seed) for name, variant in results.variants.items() for seed in variant.seeds if not seed.ok]
    runs = sum(len(variant.seeds) for variant in results.variants.values())
    console.print(
        Text.assemble(f"{runs - len(failed):,} of {runs:,} runs as the scenario says: ", _verdict(ok=not failed))
    )
    for name, seed in failed[:MOST_FAILURES]:
        console.print(Text(f"seed {seed.seed}, {variant_name(name)}: {why_not(seed)}", style="red"))
        # A command that is folded cannot be copied.
        console.print(Text(f"  {repeat_command(results, name, seed)}"), soft_wrap=True)
    if len(failed) > MOST_FAILURES:
        console.print(f"and {len(failed) - MOST_FAILURES:,} more")


def print_comparison(first: Results, second: Results, console: Console, *, every_figure: bool = False) -> None:
    """Print two results side by side with their difference; over several seeds their medians.

    Args:
        first: what is compared with.
        second: what is compared.
        console: where to.
        every_figure: also those of single accounts, and refusals by who was refused.

    """
    for left, right in compared_variants(first, second):
        console.print(
            comparison_table(
                (f"A: {variant_name(left)}", first.variants[left]),
                (f"B: {variant_name(right)}", second.variants[right]),
                every_figure=every_figure,
            )
        )
        unlike = unlike_seeds(first.variants[left], second.variants[right])
        if unlike:
            console.print(unlike)
    paired = compared_variants(first, second)
    alone = [f"A: {variant_name(name)}" for name in first.variants if name not in {left for left, _ in paired}]
    alone += [f"B: {variant_name(name)}" for name in second.variants if name not in {right for _, right in paired}]
    if alone:
        console.print(f"without a counterpart: {', '.join(alone)}")


def unlike_seeds(first: VariantResult, second: VariantResult) -> str:
    """Return what to bear in mind where two variants were not run over the same seeds; nothing where they were."""
    one, other = ([seed.seed for seed in each.seeds] for each in (first, second))
    if one == other:
        return ""
    return f"A has {_seeds(one)}, B has {_seeds(other)}: what differs may be the dice alone"


def _seeds(seeds: Sequence[int]) -> str:
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    return f"{len(seeds):,} seeds from {min(seeds)} to {max(seeds)}"


def compared_variants(first: Results, second: Results) -> list[tuple[str, str]]:
    """Return which variants are compared: those of the same name, or the only one of each."""
    if len(first.variants) == len(second.variants) == 1:
        return [(next(iter(first.variants)), next(iter(second.variants)))]
    return [(name, name) for name in first.variants if name in second.variants]


def figure_table(columns: Sequence[tuple[str, dict[str, Figure]]], *, every_figure: bool = False) -> Table:
    """Return figures by group, a column for each run."""
    table = _table("figures", ("figure",), [heading for heading, _ in columns])
    names = shown_names([figures for _, figures in columns], every_figure=every_figure)
    for name in _by_group(names, table):
        table.add_row(
            name,
            *(_shown(name, figures[name]) if name in figures else NOTHING for _, figures in columns),
        )
    return table


def seeds_table(name: str, variant: VariantResult, *, every_figure: bool = False) -> Table:
    """Return P5, P50 and P95 of each figure, those that seeds are compared by first."""
    table = _table(
        f"{variant_name(name)}: {len(variant.seeds):,} seeds; P5, P50 and P95 are values that a seed had",
        ("figure",),
        ("P5", "P50", "P95"),
    )
    for figure in key_figures(variant):
        table.add_row(_counted(figure, variant), *_quantiles(figure, variant.distribution[figure]))
    table.add_section()
    names = shown_names([{name: each.p50 for name, each in variant.distribution.items()}], every_figure=every_figure)
    keys = set(key_figures(variant))
    for figure in _by_group([each for each in names if each not in keys], table):
        table.add_row(_counted(figure, variant), *_quantiles(figure, variant.distribution[figure]))
    return table


def key_figures(variant: VariantResult) -> list[str]:
    """Return the figures by which seeds are compared first, in their order."""
    keys = [name for name in variant.distribution if is_key(name)]
    return sorted(keys, key=lambda name: KEY_MEASURES.index(split_subject(name)[1]))


def held_table(name: str, variant: VariantResult) -> Table:
    """Return in how many seeds each condition and each truth among the figures held, and where first it did not."""
    table = _table(f"{variant_name(name)}: what held", ("condition", "first seen otherwise"), ("held",))
    texts = dict.fromkeys(asserted.text for seed in variant.seeds for asserted in seed.asserted)
    for text in texts:
        found = [(seed, asserted) for seed in variant.seeds for asserted in seed.asserted if asserted.text == text]
        broken = [(seed, asserted) for seed, asserted in found if not asserted.holds]
        first = f"seed {broken[0][0].seed}: {broken[0][1].seen}" if broken else ""
        held = f"{len(found) - len(broken):,} of {len(found):,}"
        table.add_row(Text(text), Text(first), Text(held, style="red" if broken else "green"))
    truths = dict.fromkeys(
        name for seed in variant.seeds for name in seed.figures if isinstance(seed.figures[name], bool)
    )
    table.add_section()
    for figure in in_order(list(truths)):
        broken_seeds = [seed.seed for seed in variant.seeds if seed.figures.get(figure) is False]
        # What broke a run may have come before it was measured, which is not that it held.
        holding = sum(1 for seed in variant.seeds if seed.figures.get(figure) is True)
        held = f"{holding:,} of {len(variant.seeds):,}"
        first = f"seed {broken_seeds[0]}: no" if broken_seeds else ""
        broken_style = "red" if kind_of(figure).group is Group.INVARIANTS else ""
        table.add_row(figure, first, Text(held, style="green" if holding == len(variant.seeds) else broken_style))
    return table


def assert_table(columns: Sequence[tuple[str, SeedResult]]) -> Table:
    """Return what was asserted and what was seen, a column for each run."""
    table = _table("what held", ("condition", *(heading for heading, _ in columns)), ())
    texts = dict.fromkeys(asserted.text for _, seed in columns for asserted in seed.asserted)
    for text in texts:
        table.add_row(Text(text), *(_asserted(seed, text) for _, seed in columns))
    return table


def comparison_table(
    first: tuple[str, VariantResult], second: tuple[str, VariantResult], *, every_figure: bool = False
) -> Table:
    """Return a figure a row: A, B, and B less A; green is better, red is worse."""
    several = len(first[1].seeds) > 1 or len(second[1].seeds) > 1
    title = "figures; the median over seeds where there are several" if several else "figures"
    table = _table(title, ("figure",), (first[0], second[0], "difference"))
    left, right = typical(first[1]), typical(second[1])
    for name in _by_group(shown_names([left, right], every_figure=every_figure), table):
        before, after = left.get(name), right.get(name)
        worse = is_worse(name, before, after)
        style = "" if worse is None else "red" if worse else "green"
        difference = Text(show_difference(name, before, after), style=style)
        table.add_row(name, _shown(name, before), _shown(name, after), difference)
    return table


def typical(variant: VariantResult) -> dict[str, Figure]:
    """Return the figures of the only seed, or over seeds the median of numbers; of the rest what all seeds share."""
    if len(variant.seeds) == 1:
        return variant.seeds[0].figures
    figures: dict[str, Figure] = {}
    for name in dict.fromkeys(name for seed in variant.seeds for name in seed.figures):
        quantiles = variant.distribution.get(name)
        if quantiles is not None:
            figures[name] = quantiles.p50
            continue
        values = [seed.figures.get(name) for seed in variant.seeds]
        if all(isinstance(value, bool) for value in values):
            held = sum(1 for value in values if value)
            figures[name] = bool(held) if held in {0, len(values)} else f"yes in {held:,} of {len(values):,}"
        else:
            figures[name] = values[0] if len(set(values)) == 1 else "differs"
    return figures


def harm_text(seed: SeedResult) -> Text:
    """Return whether the harm appeared and whether that was expected."""
    if seed.harm is None:
        return Text("the scenario names none", style="dim")
    seen = "appeared" if seed.harm else "did not appear"
    if seed.expected_harm is None:
        return Text(seen)
    expected = seed.harm == seed.expected_harm
    return Text(
        f"{seen}, as expected" if expected else f"{seen}, which was not expected", "green" if expected else "red"
    )


def why_not(seed: SeedResult) -> str:
    """Return why a run is not as the scenario says."""
    reasons = [seed.failure] if seed.failure else []
    reasons += [f"{asserted.text}: {asserted.seen}" for asserted in seed.asserted if not asserted.holds]
    if seed.expected_harm is not None and seed.harm != seed.expected_harm:
        reasons.append(f"the harm {harm_text(seed).plain}")
    return "; ".join(reasons) or "not ok"


def _table(title: str, left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    for heading in left:
        table.add_column(heading, overflow="fold")
    for heading in right:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _by_group(names: Sequence[str], table: Table) -> Iterator[str]:
    """Yield names, and put a line and a heading into the table where a group begins."""
    previous: Group | None = None
    for name in names:
        group = kind_of(name).group
        if group is not previous:
            table.add_section()
            table.add_row(Text(group, style="dim italic"))
        yield name
        previous = group


def _shown(name: str, value: Figure) -> Text:
    text = show_figure(name, value)
    broken = value is False and kind_of(name).group is Group.INVARIANTS
    return Text(text, style="red" if broken else "dim" if value is None else "")


def _counted(figure: str, variant: VariantResult) -> Text:
    """Return the name of a figure, and in how many seeds it was if not in all."""
    return Text.assemble(figure, (f" {in_how_many(figure, variant)}".rstrip(), "dim"))


def _quantiles(name: str, quantiles: Quantiles) -> list[str]:
    return [show_figure(name, value) for value in (quantiles.p5, quantiles.p50, quantiles.p95)]


def _asserted(seed: SeedResult, text: str) -> Text:
    found = next((asserted for asserted in seed.asserted if asserted.text == text), None)
    if found is None:
        return Text(NOTHING, style="dim")
    return Text(f"{'✓' if found.holds else '✗'} {found.seen}", style="green" if found.holds else "red")


def _verdict(*, ok: bool) -> Text:
    return Text("ok", style="bold green") if ok else Text("FAILED", style="bold red")
