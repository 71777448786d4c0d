"""All figures of a run, by name, and the answers to conditions that ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from fractions import Fraction
from typing import TYPE_CHECKING

from wavetank.cli.amounts import dollars_to_micros
from wavetank.storms.measure import venue_figures  # noqa: F401 - its figures register themselves.
from wavetank.storms.measure.catalogue import INSTRUMENT, PERSON, VENUE, WITH_ARGUMENTS, Unit
from wavetank.storms.measure.people import Person, people, together
from wavetank.storms.measure.record import Figure, Member, RunRecord
from wavetank.storms.measure.venue_members import UNTOLD

if TYPE_CHECKING:
    from wavetank.storms.measure.recorder import Recorder
_LEAST_IS_WORST = frozenset({"depth.min"})


class FigureUnknown(LookupError):
    """No figure has this name, or it takes other arguments."""


def measure(recorder: Recorder, record: RunRecord) -> dict[str, Figure]:
    """Return all figures of a run.

    Args:
        recorder: with everything taken.
        record: with its members and times.

    """
    figures: dict[str, Figure] = {name: function(recorder) for name, function in VENUE.functions.items()}
    for name, function in INSTRUMENT.functions.items():
        values = {each.symbol: function(recorder, key) for key, each in record.listed.items()}
        known = [value for value in values.values() if isinstance(value, int | float)]
        worst = min if name in _LEAST_IS_WORST else max
        figures[name] = worst(known, default=None)
        figures |= {f"{name}.{symbol}": value for symbol, value in values.items()}
    figures |= _refusals(recorder, record.members)
    everybody = people(recorder, record.members, ended_ns=record.ended_ns)
    bots = [everybody[key] for key, member in record.members.items() if member.is_bot and key in everybody]
    if bots:
        figures |= _personal("bot", together(bots))
    roles: dict[str, list[int]] = {}
    for key, member in record.members.items():
        if member.role != UNTOLD and key in everybody:
            roles.setdefault(member.role, []).append(key)
    for role, accounts in roles.items():
        alone = len(accounts) == 1 and record.members[accounts[0]].name == role
        if not alone:
            figures |= _personal(f"role({role})", together(everybody[key] for key in accounts))
        if len(accounts) <= recorder.settings.most_named:
            for key in accounts:
                figures |= _personal(f"account({record.members[key].name})", everybody[key])
    return figures


def _personal(subject: str, person: Person) -> dict[str, Figure]:
    """Return a person's figures; markouts against whom it never met are left out."""
    found = {f"{subject}.{name}": function(person) for name, function in PERSON.functions.items()}
    return {name: value for name, value in found.items() if value is not None or "_bps." not in name}


def _refusals(recorder: Recorder, members: Mapping[int, Member]) -> dict[str, Figure]:
    counts: dict[str, int] = {}
    for refusal, count in recorder.desk.refusals.items():
        member = members.get(refusal.account_id)
        names = dict.fromkeys((member.role, member.name)) if member is not None else {}
        for name in (
            f"refused(reason: {refusal.reason})",
            *(f"refused(who: {who})" for who in names),
            *(f"refused(reason: {refusal.reason}, who: {who})" for who in names),
        ):
            counts[name] = counts.get(name, 0) + count
    return dict(sorted(counts.items()))


class Figures:
    """Answers what a condition asks of a run."""

    def __init__(self, record: RunRecord) -> None:
        """Answer for one run."""
        self._record = record

    def figure(self, path: str, arguments: Mapping[str, str]) -> Figure:
        """Return a figure.

        Args:
            path: its name, for instance `fund.loss` or `account(whale).pnl`.
            arguments: of a figure that takes some, as they are written.

        Raises:
            FigureUnknown: there is none of this name, or it takes other arguments.

        """
        if path in WITH_ARGUMENTS.functions and (arguments or path not in VENUE.functions):
            return WITH_ARGUMENTS.functions[path](self._record, arguments)
        if arguments:
            message = f"`{path}` takes no arguments, not {', '.join(arguments)}"
            raise FigureUnknown(message)
        figures = self._record.figures
        for name in (path, *_other_subject(path)):
            if name in figures:
                return figures[name]
        if path.rpartition(").")[2].rpartition("bot.")[2] in PERSON.functions and self._is_somebody(path):
            return None
        near = get_close_matches(path, figures, 3)
        hint = f"; did you mean {' or '.join(f'`{name}`' for name in near)}?" if near else ""
        message = f"this run has no figure `{path}`{hint}"
        raise FigureUnknown(message)

    def _is_somebody(self, path: str) -> bool:
        """Tell whether a name is about somebody who took part: what was never seen of it is none."""
        subject = path.partition(").")[0]
        names = {member.role for member in self._record.members.values()}
        names |= {member.name for member in self._record.members.values()}
        if path.startswith("bot."):
            return any(member.is_bot for member in self._record.members.values())
        return any(subject in {f"account({who}", f"role({who}"} for who in names)


def _other_subject(path: str) -> tuple[str, ...]:
    """Return the name under which a figure stands if its subject is a role of one account, or an account of one."""
    for mine, other in (("account(", "role("), ("role(", "account(")):
        if path.startswith(mine):
            return (other + path.removeprefix(mine),)
    return ()


def _only(path: str, arguments: Mapping[str, str], allowed: tuple[str, ...]) -> None:
    wrong = sorted(set(arguments) - set(allowed))
    if wrong or not arguments:
        message = f"`{path}` takes {' or '.join(f'`{name}:`' for name in allowed)}, not {', '.join(wrong) or 'nothing'}"
        raise FigureUnknown(message)


@WITH_ARGUMENTS.of("adl.triggered_before", Unit.TRUTH)
def adl_triggered_before(record: RunRecord, arguments: Mapping[str, str]) -> Figure:
    """`(vault_loss: 10%)` or `(vault_loss: 5M)`: whether the vault never lost so much, or deleveraging came before.

    A share is of the most that had been committed to the vault by then.
    """
    _only("adl.triggered_before", arguments, ("vault_loss",))
    limit = arguments["vault_loss"].strip()
    lost = [peak.time_ns for peak in record.vault_peaks if _reaches(peak.loss_micros, peak.committed_micros, limit)]
    if not lost:
        return True
    return bool(record.deleveragings) and record.deleveragings[0].time_ns <= lost[0]


def _reaches(loss_micros: int, whole_micros: int, limit: str) -> bool:
    try:
        if limit.endswith("%"):
            share = Fraction(limit.removesuffix("%").strip()) / 100
            return loss_micros > 0 and loss_micros >= share * whole_micros
        return loss_micros >= dollars_to_micros(limit)
    except (ValueError, ZeroDivisionError) as error:
        message = f"`vault_loss` is a share such as `10%` or an amount such as `5M`, not `{limit}`"
        raise FigureUnknown(message) from error


@WITH_ARGUMENTS.of("refused", Unit.COUNT)
def refused(record: RunRecord, arguments: Mapping[str, str]) -> Figure:
    """`(reason: OPEN_INTEREST_CAP, who: attacker)`, either or both: how often it was refused; who is a role or name."""
    _only("refused", arguments, ("reason", "who"))
    parts = [f"{key}: {arguments[key].strip()}" for key in ("reason", "who") if key in arguments]
    return record.figures.get(f"refused({', '.join(parts)})", 0)
