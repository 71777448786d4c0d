"""The results of a scenario: every variant, every seed, and how the figures of the seeds lie.

It exists because a thousand runs are not kept whole: of each its figures, its assertions and its state hash stay, which
is what tables, the document and a comparison are made of. Kept true: results read back from a document are equal to
those that were written.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from wavetank.storms.measure.distribution import distribution, is_number
from wavetank.storms.measure.record import Asserted, Figure, RunRecord
from wavetank.storms.report.figures import in_order


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedResult:
    """What a run came to."""

    seed: int
    state_hash: str
    """Lower-case hex."""
    ok: bool
    figures: dict[str, Figure]
    asserted: tuple[Asserted, ...] = ()
    harm: bool | None = None
    expected_harm: bool | None = None
    failure: str = ""
    command: str = ""
    """What repeats it, where scenario, variant and seed alone do not say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """How a figure lies over seeds; each is a value that some seed had."""

    p5: int | float
    p50: int | float
    p95: int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantResult:
    """A variant over its seeds."""

    seeds: tuple[SeedResult, ...]
    distribution: dict[str, Quantiles] = field(default_factory=dict)
    """Of each figure that is a number in some seed."""

    @property
    def ok(self) -> bool:
        """Whether every seed is as the scenario says."""
        return all(each.ok for each in self.seeds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A scenario's results."""

    scenario: str
    title: str
    mode: str
    """`sim` or `live`."""
    variants: dict[str, VariantResult]

    @property
    def ok(self) -> bool:
        """Whether every variant is as the scenario says."""
        return all(each.ok for each in self.variants.values())

    @property
    def most_seeds(self) -> int:
        """The number of seeds of the variant that has the most."""
        return max((len(each.seeds) for each in self.variants.values()), default=0)


def seed_result(record: RunRecord) -> SeedResult:
    """Return what stays of a run."""
    return SeedResult(
        seed=record.seed,
        state_hash=record.state_hash.lower(),
        ok=record.ok,
        figures=dict(record.figures),
        asserted=tuple(record.asserted),
        harm=record.harm,
        expected_harm=record.expected_harm,
        failure=record.failure,
        command=record.command,
    )


def results_of(records: Iterable[RunRecord]) -> Results:
    """Return the results of runs of one scenario, variants in the order in which they first appear, seeds ascending.

    Raises:
        ValueError: there is no run, or they are of several scenarios or modes.

    """
    runs = list(records)
    kinds = {(run.scenario, run.mode) for run in runs}
    if len(kinds) != 1:
        found = ", ".join(sorted(f"{scenario} ({mode})" for scenario, mode in kinds)) or "none"
        raise ValueError(f"results are of one scenario in one mode; the runs are of {found}")
    grouped: dict[str, list[SeedResult]] = {}
    for run in runs:
        grouped.setdefault(run.variant, []).append(seed_result(run))
    return gathered(scenario=runs[0].scenario, title=runs[0].title, mode=runs[0].mode, seeds=grouped)


def gathered(*, scenario: str, title: str, mode: str, seeds: dict[str, list[SeedResult]]) -> Results:
    """Return results from what stayed of the runs of each variant, seeds ascending."""
    variants = {}
    for name, each in seeds.items():
        ordered = tuple(sorted(each, key=lambda result: result.seed))
        variants[name] = VariantResult(seeds=ordered, distribution=distribution_of(ordered))
    return Results(scenario=scenario, title=title, mode=mode, variants=variants)


def distribution_of(seeds: Sequence[SeedResult]) -> dict[str, Quantiles]:
    """Return the quantiles of every figure that is a number in some seed.

    Seeds without a value do not count, nor do those that broke: what broke them may have cut them short. Kinds of
    refusals are the exception: they are named where they occur, and a seed without one had none of it.
    """
    whole = [each for each in seeds if not each.failure]
    names = in_order(list(dict.fromkeys(name for each in whole for name in each.figures)))
    spreads = {name: distribution(_figures_of(name, whole)) for name in names}
    return {
        name: Quantiles(p5=spread.p5, p50=spread.p50, p95=spread.p95)
        for name, spread in spreads.items()
        if spread is not None
    }


def _figures_of(name: str, seeds: Sequence[SeedResult]) -> list[Figure]:
    absent = 0 if name.startswith("refused(") else None
    return [each.figures.get(name, absent) for each in seeds]


def in_how_many(name: str, variant: VariantResult) -> str:
    """Return of how many seeds a figure's quantiles are, in words; nothing if of all that came to their end."""
    whole = [each for each in variant.seeds if not each.failure]
    known = sum(1 for value in _figures_of(name, whole) if is_number(value))
    return "" if known == len(whole) else f"in {known:,} of {len(whole):,}"


def repeat_command(results: Results, variant: str, result: SeedResult) -> str:
    """Return the command that repeats one run."""
    if result.command:
        return result.command
    parts = ["wavetank", "storm", "run", results.scenario, f"--{results.mode}"]
    if variant:
        parts += ["--variant", variant]
    return shlex.join([*parts, "--set", f"seed={result.seed}"])


def variant_name(variant: str) -> str:
    """Return what a variant is called where it is shown; a scenario without variants has one without a name."""
    return variant or "as written"
