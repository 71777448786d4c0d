"""Tables of the page: verdicts, figures, conditions, victims and decisions.

Kept true: they say what the terminal says; the page adds the accounts, one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from wavetank.cli.amounts import show_size
from wavetank.cli.page_parts import Cell, section, table
from wavetank.cli.times import show_duration
from wavetank.storms.measure.distribution import VALUE_AT_RISK
from wavetank.storms.measure.record import Figure, RunRecord
from wavetank.storms.report.branches import Fork, branch_rows
from wavetank.storms.report.figures import (
    NOTHING,
    Group,
    is_worse,
    kind_of,
    show_difference,
    show_figure,
    shown_names,
)
from wavetank.storms.report.plots.liquidations import account_name, decisions
from wavetank.storms.report.results import (
    Results,
    SeedResult,
    VariantResult,
    in_how_many,
    repeat_command,
    variant_name,
)
from wavetank.storms.report.tables import (
    MOST_FAILURES,
    compared_variants,
    harm_text,
    key_figures,
    typical,
    unlike_seeds,
    why_not,
)

_MICROS = 1_000_000
_MOST_ROWS = 400
"""Of a table of things that happened; the largest or first are shown, and the rest counted."""


def cards(results: Results) -> str:
    """Return the verdict in a few large words."""
    runs = sum(len(variant.seeds) for variant in results.variants.values())
    good = sum(seed.ok for variant in results.variants.values() for seed in variant.seeds)
    verdict = '<b class="ok">ok</b>' if results.ok else '<b class="bad">FAILED</b>'
    shown = [
        (verdict, "as the scenario says"),
        (f"<b>{good:,} of {runs:,}</b>", "runs ok"),
        (f"<b>{len(results.variants):,}</b>", "variants" if len(results.variants) != 1 else "variant"),
        (f"<b>{escape(results.mode)}</b>", "mode"),
    ]
    return (
        '<div class="cards">'
        + "".join(f'<div class="card">{big}<span>{small}</span></div>' for big, small in shown)
        + "</div>"
    )


def first_seeds(results: Results) -> list[tuple[str, SeedResult]]:
    """Return of each variant the seed that stands for it: the first that failed, or else the first."""
    chosen = []
    for name, variant in results.variants.items():
        if variant.seeds:
            chosen.append((name, next((seed for seed in variant.seeds if not seed.ok), variant.seeds[0])))
    return chosen


def conditions(seeds: Sequence[tuple[str, SeedResult]]) -> str:
    """Return what was asserted, whether the harm appeared, and what failed, a column for each run."""
    headings = ("condition", *(f"{variant_name(name)}, seed {seed.seed}" for name, seed in seeds))
    texts = dict.fromkeys(asserted.text for _, seed in seeds for asserted in seed.asserted)
    rows: list[list[Cell]] = [[text, *(_condition(seed, text) for _, seed in seeds)] for text in texts]
    rows.append(["the scenario's harm", *(_harm(seed) for _, seed in seeds)])
    if any(seed.failure for _, seed in seeds):
        rows.append(["what broke the run", *((seed.failure, "bad") for _, seed in seeds)])
    rows.append(["state hash", *(seed.state_hash or NOTHING for _, seed in seeds)])
    return table(headings, rows, 0)


def failures(results: Results) -> str:
    """Return the runs that are not as the scenario says, each with the command that repeats it."""
    failed = [(name, seed) for name, variant in results.variants.items() for seed in variant.seeds if not seed.ok]
    if not failed:
        return ""
    items = "".join(
        f'<li><span class="bad">seed {seed.seed}, {escape(variant_name(name))}</span>: {escape(why_not(seed))}<br>'
        f"<code>{escape(repeat_command(results, name, seed))}</code></li>"
        for name, seed in failed[:MOST_FAILURES]
    )
    more = f"<p>and {len(failed) - MOST_FAILURES:,} more</p>" if len(failed) > MOST_FAILURES else ""
    return f'<h3>Runs that failed</h3><div class="tall"><ul>{items}</ul>{more}</div>'


def figures_table(columns: Sequence[tuple[str, dict[str, Figure]]]) -> str:
    """Return figures by group, a column for each run; those of single accounts folded away."""
    runs = [figures for _, figures in columns]
    whole = shown_names(runs)
    single = [name for name in shown_names(runs, every_figure=True) if name not in set(whole)]
    headings = ("figure", *(heading for heading, _ in columns))
    shown = table(headings, _figure_rows(whole, columns), len(columns))
    if not single:
        return shown
    folded = table(headings, _figure_rows(single, columns), len(columns))
    summary = f"<summary>{len(single):,} figures more, of single accounts</summary>"
    return f'{shown}<details>{summary}<div class="tall">{folded}</div></details>'


def distribution_table(results: Results) -> str:
    """Return P5, P50 and P95 of the figures that seeds are compared by, variants below one another."""
    at_risk = {figure: known_as for known_as, figure in VALUE_AT_RISK.items()}
    rows: list[tuple[Cell, ...]] = []
    for name in dict.fromkeys(name for variant in results.variants.values() for name in key_figures(variant)):
        for variant, result in results.variants.items():
            quantiles = result.distribution.get(name)
            if quantiles is not None:
                shown = (show_figure(name, value) for value in (quantiles.p5, quantiles.p50, quantiles.p95))
                of_seeds = f"{name} {in_how_many(name, result)}".rstrip()
                rows.append((of_seeds, variant_name(variant), at_risk.get(name, ""), *shown))
    note = (
        '<p class="note">P5, P50 and P95 are values that a seed had (nearest rank). The P95 of bad debt is known as '
        "VaR95, that of the notional liquidated as LaR95.</p>"
    )
    return note + table(("figure", "variant", "P95 is", "P5", "P50", "P95"), rows, 3)


def victims(record: RunRecord) -> str:
    """Return who was deleveraged, the largest first."""
    found = sorted(record.deleveragings, key=lambda each: (-abs(each.value_micros), each.time_ns))
    if not found:
        return "<p>Nobody was deleveraged.</p>"
    rows: list[tuple[Cell, ...]] = []
    for each in found[:_MOST_ROWS]:
        listed = record.listed.get(each.instrument_id)
        member = record.members.get(each.account_id)
        rows.append(
            (
                _since(record, each.time_ns),
                account_name(record, each.account_id),
                "" if member is None else f"{member.role}{', bot' if member.is_bot else ''}",
                "" if listed is None else listed.symbol,
                str(each.liquidation_id),
                show_size(each.delta_lots, 0 if listed is None else listed.size_decimals),
                f"{abs(each.value_micros) / _MICROS:,.2f}",
                (f"{each.given_up_micros / _MICROS:,.2f}", "bad" if each.given_up_micros > 0 else ""),
            )
        )
    headings = ("time", "account", "role", "instrument", "for liquidation", "size", "value $", "given up $")
    return f'<div class="tall">{table(headings, rows, 3)}</div>{_left_off(len(found))}'


def decided(record: RunRecord) -> str:
    """Return what people were asked and what they decided, in order of time."""
    found = decisions(record)
    if not found:
        return "<p>Nobody was asked.</p>"
    rows = [
        (
            _since(record, span.began_ns),
            span.kind,
            span.what,
            show_duration(span.ended_ns - span.began_ns) if span.ended_ns else "to the end",
        )
        for span in found[:_MOST_ROWS]
    ]
    return table(("time", "kind", "what", "lasted"), rows, 1) + _left_off(len(found))


def branches(results: Results, fork: Fork) -> str:
    """Return what branches came to beside their trunk, as far as it differs, and each one's command."""
    names = list(results.variants)
    rows: list[Sequence[Cell]] = []
    previous: Group | None = None
    for name, group, cells in branch_rows(results, fork):
        if group is not previous:
            rows.append([(group or "what the page says", "group"), *("" for _ in names)])
        previous = group
        rows.append(
            [name, *((cell.text, "" if cell.worse is None else "bad" if cell.worse else "ok") for cell in cells)]
        )
    lead = f"Forked {show_duration(fork.at_ns)} behind the beginning, state hash {fork.state_hash or NOTHING} in all."
    if results.most_seeds > len(results.variants[fork.trunk].seeds):
        lead += " Under several dice: P50 [P5 … P95]."
    commands = "".join(
        f"<li>{escape(name)}: <code>{escape(variant.seeds[0].command)}</code></li>"
        for name, variant in results.variants.items()
    )
    parts = (f'<p class="lead">{escape(lead)}</p>', table(("what differs", *names), rows, len(names)))
    return section("What differs", *parts, f"<h3>To repeat one</h3><ul>{commands}</ul>", anchor="differs")


def differences(first: Results, second: Results) -> str:
    """Return two results figure by figure, with their difference; over seeds their medians."""
    parts = []
    for left, right in compared_variants(first, second):
        before, after = typical(first.variants[left]), typical(second.variants[right])
        rows = [
            (
                name,
                show_figure(name, before.get(name)),
                show_figure(name, after.get(name)),
                (show_difference(name, before.get(name), after.get(name)), _judged(name, before, after)),
            )
            for name in shown_names([before, after])
        ]
        title = f"{variant_name(left)} and {variant_name(right)}" if left != right else variant_name(left)
        unlike = unlike_seeds(first.variants[left], second.variants[right])
        note = f'<p class="note">{escape(unlike)}.</p>' if unlike else ""
        parts.append(f"<h3>{escape(title)}</h3>{note}" + table(("figure", "A", "B", "B less A"), rows, 3))
    return "".join(parts) or "<p>No variant of one has the name of a variant of the other.</p>"


def seed_title(variant: str, result: VariantResult) -> str:
    """Return what stands above a variant's column."""
    only = f", seed {result.seeds[0].seed}" if len(result.seeds) == 1 else f", median of {len(result.seeds):,} seeds"
    return variant_name(variant) + only


def _figure_rows(names: Sequence[str], columns: Sequence[tuple[str, dict[str, Figure]]]) -> Iterable[Sequence[Cell]]:
    previous: Group | None = None
    for name in names:
        group = kind_of(name).group
        if group is not previous:
            yield [(str(group), "group"), *("" for _ in columns)]
            previous = group
        yield [name, *(_figure(name, figures) for _, figures in columns)]


def _figure(name: str, figures: dict[str, Figure]) -> Cell:
    value = figures.get(name)
    return show_figure(name, value), "bad" if value is False and kind_of(name).group is Group.INVARIANTS else ""


def _condition(seed: SeedResult, text: str) -> Cell:
    found = next((asserted for asserted in seed.asserted if asserted.text == text), None)
    if found is None:
        return NOTHING
    return f"{'✓' if found.holds else '✗'} {found.seen}", "ok" if found.holds else "bad"


def _harm(seed: SeedResult) -> Cell:
    if seed.expected_harm is None:
        return harm_text(seed).plain
    return harm_text(seed).plain, "ok" if seed.harm == seed.expected_harm else "bad"


def _judged(name: str, before: dict[str, Figure], after: dict[str, Figure]) -> str:
    worse = is_worse(name, before.get(name), after.get(name))
    return "" if worse is None else "bad" if worse else "ok"


def _since(record: RunRecord, time_ns: int) -> str:
    return f"+{show_duration(time_ns - record.began_ns)}"


def _left_off(count: int) -> str:
    return f'<p class="note">and {count - _MOST_ROWS:,} more</p>' if count > _MOST_ROWS else ""
