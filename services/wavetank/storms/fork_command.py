"""`wavetank storm fork`: one past, and several ways on from there.

It exists so that what made the difference can be asked, and not only what happened: one thing is changed at a time, and
all that came before is the same. Kept true: every branch can be repeated alone, by the command that is told with it.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.options import AsJson
from wavetank.cli.screen import notices, print_json, results
from wavetank.cli.times import TimeMalformed, duration_ns
from wavetank.storms.console import (
    PAGE_NAME,
    WRONG_PAGE,
    EveryFigure,
    Jobs,
    Logs,
    PageName,
    Report,
    jobs_of,
    make_folders,
    page_named,
    progress,
    wanted_variants,
    write_report,
)
from wavetank.storms.forking.changes import Change, joined, person_set, step_added, twice, value_set
from wavetank.storms.forking.earlier import ForkRefused, check_change, check_fork
from wavetank.storms.forking.growing import Branch, ForkBroken, ForkPlan, Grown, grow
from wavetank.storms.measure.record import RunRecord
from wavetank.storms.report.branches import Fork, print_fork
from wavetank.storms.report.document import results_document
from wavetank.storms.report.page import MOST_OVERLAID, report_page
from wavetank.storms.report.results import Results, results_of
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.overriding import OverrideRefused, read_assignments
from wavetank.storms.staging.running import RunPlan

TRUNK, OTHER_DICE = "trunk", "other dice"
MOST_BRANCHES = 10_000

_HINT = (
    "after the fork: steps (--set timeline.3…, --add), the person (--person), dice (--seeds); `fork --help` shows how"
)


def fork(  # noqa: PLR0913, PLR0917 - one parameter for each option.
    name: PageName,
    at: Annotated[str, typer.Option(metavar="TIME", help="When, behind the beginning: 60s, 1m30s.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A branch with another value of the page; again for more."),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STEP", help="A branch with another step, at the fork if it names no time; again for more."
        ),
    ] = None,
    person: Annotated[
        list[str] | None,
        typer.Option(metavar="POLICY", help="A branch with another person: absent, after=5s, after=5s,choose=whole."),
    ] = None,
    seed_after: Annotated[
        list[int] | None, typer.Option(min=0, help="Throw other dice from there on, from this seed; again for more.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=0, max=MOST_BRANCHES, help="As --seed-after 1 to so many.")] = 0,
    together: Annotated[bool, typer.Option("--together", help="All changes in one branch, not one for each.")] = False,
    trunk: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="Change the page from its beginning, trunk and branches; again for more."
        ),
    ] = None,
    variant: Annotated[str | None, typer.Option(metavar="NAME", help="Which variant of the page is forked.")] = None,
    jobs: Jobs = 0,
    report: Report = None,
    logs: Logs = None,
    every_figure: EveryFigure = False,
    as_json: AsJson = False,
) -> None:
    """Run a scenario up to a time, then on in several ways, each with one thing changed.

    What lies before the fork is computed once and is the same in all branches.
    From there on steps may be others or more, somebody else may sit at the
    desk, dice may fall otherwise; what would have mattered before is refused.
    With other dice every change is tried under each of them.

    Examples:
      wavetank storm fork day.yaml --at 60s --add '{fund: {top_up: 1M}}'
      wavetank storm fork day.yaml --at 1m --person after=5s --person absent
      wavetank storm fork day.yaml --at 1m --seeds 20     # what else could be
      wavetank storm fork C1 --variant as_it_was --at 45s --report late
        --set timeline.2.move.by=-8% --set timeline.2.move.by=-16%
    """
    try:
        at_ns = duration_ns(at)
        said = _changes(set_ or [], add or [], person or [], at_ns, together=together)
        dice = sorted({*(seed_after or []), *range(1, seeds + 1)})
        asked = _Asked(name, at, at_ns, trunk or [], logs, keeps_series=report is not None)
        plan = asked.plan(*asked.page(variant), said, dice)
        make_folders(report, logs)
        with progress("simulating", by_share=True) as bar:
            task = bar.add_task("branches", total=1.0)
            grown = grow(plan, jobs_of(jobs), lambda share: bar.update(task, completed=share))
    except (*WRONG_PAGE, ForkRefused, TimeMalformed) as fault:
        raise CommandFailed(str(fault), hint=_HINT, code=ExitCode.USAGE) from fault
    except ForkBroken as fault:
        raise CommandFailed(str(fault), hint=f"`{plan.trunk.command}` runs the page alone") from fault
    _show(plan, grown, report, every_figure=every_figure, as_json=as_json)


def _show(plan: ForkPlan, grown: Grown, report: Path | None, *, every_figure: bool, as_json: bool) -> None:
    found = results_of(grown.records)
    forked = Fork(at_ns=plan.at_ns, state_hash=grown.state_hash, trunk=TRUNK)
    if report is not None:
        write_report(report, found, report_page(found, _drawn(grown.records), forked=forked))
    if as_json:
        print_json({"forked_at_ns": plan.at_ns, "state_hash_at_fork": grown.state_hash, **results_document(found)})
    else:
        print_fork(found, forked, results(), every_figure=every_figure)
        if plan.logs is not None:
            notices().print(f"the logs stand in [cyan]{plan.logs}[/]: trunk, branch-1 and so on, in the order above")
        if report is not None:
            notices().print(f"the report stands in [cyan]{report / PAGE_NAME}[/]")
    if not _is_well(found):
        raise typer.Exit(ExitCode.FAILED)


def _drawn(records: Sequence[RunRecord]) -> list[RunRecord]:
    """Return the runs that are drawn over time: the trunk, the first of each branch, then the others."""
    seen: set[str] = set()
    first: list[RunRecord] = []
    others: list[RunRecord] = []
    for record in records:
        (others if record.variant in seen else first).append(record)
        seen.add(record.variant)
    return [record for record in [*first, *others] if record.prices]


def _is_well(found: Results) -> bool:
    """Return whether the trunk is as the page says and nothing broke; what a branch comes to is what was asked."""
    broke = any(seed.failure for variant in found.variants.values() for seed in variant.seeds)
    return found.variants[TRUNK].ok and not broke


def _changes(
    sets: Sequence[str], adds: Sequence[str], persons: Sequence[str], at_ns: int, *, together: bool
) -> list[Change]:
    changes = [
        *(value_set(text) for text in sets),
        *(step_added(text, at_ns) for text in adds),
        *(person_set(text) for text in persons),
    ]
    same = twice(change.name for change in changes)
    if same:
        raise OverrideRefused(same[0], "is said twice; a branch for each change")
    return [joined(changes)] if together and changes else changes


class _Asked(NamedTuple):
    """What a person asked for, as far as all branches share it."""

    name: str
    at: str
    at_ns: int
    trunk: list[str]
    logs: Path | None
    keeps_series: bool

    def page(self, variant: str | None) -> tuple[str, Scenario, bool | None]:
        """Return the variant that is forked, its page, and whether its harm is expected."""
        scenario = page_named(self.name)
        variants = wanted_variants(scenario, read_assignments(self.trunk), [] if variant is None else [variant])
        if len(variants) > 1:
            raise ForkRefused(
                f"{scenario.name} has variants; --variant names the one that is forked: {', '.join(variants)}"
            )
        ((known_as, page),) = variants.items()
        return known_as, page, scenario.variants[known_as].harm if known_as in scenario.variants else None

    def plan(
        self, variant: str, page: Scenario, expected: bool | None, changes: Sequence[Change], dice: Sequence[int]
    ) -> ForkPlan:
        """Return the plan, with every change checked."""
        check_fork(page, self.at_ns)
        if not changes and not dice:
            raise ForkRefused("nothing is changed; --set, --add, --person, --seed-after or --seeds says what")
        of_page = ["--variant", variant] if variant else []
        run = ["wavetank", "storm", "run", self.name, *of_page]
        pages = [(change.name, change.applied_to(page), change.words) for change in changes]
        for _, changed, _ in pages:
            check_change(page, changed, self.at_ns)
        if dice:
            pages.insert(0, (OTHER_DICE, page, ()))
        branches: list[Branch] = []
        first = dice[0] if dice else None
        fork = ["wavetank", "storm", "fork", self.name, *of_page, "--at", self.at]
        fork += [word for text in self.trunk for word in ("--trunk", text)]
        for number, (name, changed, words) in enumerate(pages, start=1):
            joint = ["--together"] if len(words) > 2 else []  # noqa: PLR2004 - an option and its value.
            for seed in dice or (None,):
                again = [] if seed is None else ["--seed-after", str(seed)]
                folder = f"branch-{number}" if seed is None else f"branch-{number}/{seed}"
                branches.append(
                    Branch(
                        run=RunPlan(
                            scenario=changed,
                            variant=name,
                            logs=None if self.logs is None else self.logs / folder,
                            keeps_series=self.keeps_series and (seed in {None, first} or len(branches) < MOST_OVERLAID),
                        ),
                        seed=seed,
                        command=shlex.join([*fork, *words, *joint, *again]),
                    )
                )
        if len(branches) > MOST_BRANCHES:
            raise ForkRefused(f"{len(branches):,} branches are wanted; at most {MOST_BRANCHES:,}")
        return ForkPlan(
            at_ns=self.at_ns,
            trunk=Branch(
                run=RunPlan(
                    scenario=page,
                    variant=TRUNK,
                    expected_harm=expected,
                    logs=None if self.logs is None else self.logs / TRUNK,
                    keeps_series=self.keeps_series,
                ),
                command=shlex.join([*run, *(word for text in self.trunk for word in ("--set", text))]),
            ),
            branches=tuple(branches),
            logs=self.logs,
        )
