"""A condition holds of figures as a person with the same figures would say."""

from collections.abc import Mapping

import pytest

from wavetank.storms.measure.record import Figure
from wavetank.storms.scenario.conditions import parse
from wavetank.storms.scenario.judging import ConditionUnfit, Verdict, judge

FIGURES: dict[str, Figure] = {
    "fund.loss": 1_234_500_000,  # 1,234.50 dollars
    "time_to_flat": 30_000_000_000,  # 30 s
    "picked_off": 0.1,
    "whole": 1,
    "min_health": 0.2,
    "count": 3,
    "ledger.balanced": True,
    "harmed": False,
    "outcome": "closed",
    "never": None,
    "account(bob).pnl": -1_000_000,
    "adl.triggered_before": True,
}


class Table:
    """Figures from a table; what is asked with arguments is noted."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []

    def figure(self, path: str, arguments: Mapping[str, str]) -> Figure:
        self.asked.append((path, dict(arguments)))
        return FIGURES[path]


def verdict(text: str) -> Verdict:
    return judge(parse(text), Table())


@pytest.mark.parametrize(
    ("text", "holds", "seen"),
    [
        # Dollars against micro-dollars.
        ("fund.loss > $1,234.49", True, "fund.loss is 1,234.50 dollars"),
        ("fund.loss > $1,234.50", False, "fund.loss is 1,234.50 dollars"),
        ("fund.loss >= $1,234.50", True, "fund.loss is 1,234.50 dollars"),
        ("fund.loss < 1M", True, "fund.loss is 1,234.50 dollars"),
        ("fund.loss > 0", True, "fund.loss is 1,234,500,000"),
        ("account(bob).pnl < $0", True, "account(bob).pnl is -1.00 dollars"),
        ("account(bob).pnl == -$1", True, "account(bob).pnl is -1.00 dollars"),
        # Durations against nanoseconds.
        ("time_to_flat < 30s", False, "time_to_flat is 30s"),
        ("time_to_flat <= 30s", True, "time_to_flat is 30s"),
        ("time_to_flat < 1m", True, "time_to_flat is 30s"),
        ("time_to_flat == 30000ms", True, "time_to_flat is 30s"),
        # Shares against fractions: a float of 10 % is 10 %.
        ("picked_off == 10%", True, "picked_off is 10%"),
        ("picked_off <= 10%", True, "picked_off is 10%"),
        ("picked_off > 999bp", True, "picked_off is 10%"),
        ("whole == 100%", True, "whole is 100%"),
        # Plain numbers.
        ("min_health > 0.2", False, "min_health is 0.2"),
        ("min_health >= 0.2", True, "min_health is 0.2"),
        ("count == 3", True, "count is 3"),
        ("count != 3", False, "count is 3"),
        # True, false, words, and what never was.
        ("ledger.balanced", True, "ledger.balanced is true"),
        ("ledger.balanced == false", False, "ledger.balanced is true"),
        ("harmed", False, "harmed is false"),
        ("not harmed", True, "harmed is false"),
        ('outcome == "closed"', True, 'outcome is "closed"'),
        ('outcome != "closed"', False, 'outcome is "closed"'),
        ("never", False, "never is none"),
        ("never == none", True, "never is none"),
        ("never != none", False, "never is none"),
        ("count == none", False, "count is 3"),
        ("count != none", True, "count is 3"),
        ("never < 30s", False, "never is none"),
        ("never >= 30s", False, "never is none"),
        ("never == 30s", False, "never is none"),
        ("never != 30s", True, "never is none"),
        ('never != "a"', True, "never is none"),
        # Joined; every figure is seen, once, whatever those before it say.
        ("harmed and count == 3", False, "harmed is false; count is 3"),
        ("ledger.balanced or count == 4", True, "ledger.balanced is true; count is 3"),
        ("harmed or count == 4", False, "harmed is false; count is 3"),
        ("count > 2 and count < 4", True, "count is 3"),
        ("not (harmed or count == 3)", False, "harmed is false; count is 3"),
    ],
)
def test_a_condition_is_judged(text: str, holds: bool, seen: str) -> None:
    assert verdict(text) == Verdict(holds, seen)


def test_a_whole_number_is_compared_exactly() -> None:
    # As a float the value would be 2^53, and the figure more than that.
    class Large:
        def figure(self, path: str, arguments: Mapping[str, str]) -> Figure:
            return 2**53 + 1

    assert not judge(parse(f"x > {2**53 + 1}"), Large()).holds
    assert judge(parse(f"x == {2**53 + 1}"), Large()).holds


def test_arguments_are_handed_on_as_written() -> None:
    table = Table()
    assert judge(parse("adl.triggered_before(vault_loss: 10%)"), table).holds
    assert table.asked == [("adl.triggered_before", {"vault_loss": "10%"})]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("count", "count is 3, not true or false; compare it with a value"),
        ("outcome", 'outcome is "closed", not true or false; compare it with a value'),
        ("outcome > 3", 'outcome is "closed", which cannot be compared with 3'),
        ('count == "3"', 'count is 3, which cannot be compared with "3"'),
        ("count == true", "count is 3, which cannot be compared with true"),
        ("harmed == 0", "harmed is false, which cannot be compared with 0"),
        ("harmed < 10%", "harmed is false, which cannot be compared with 10%"),
    ],
)
def test_what_cannot_be_compared_is_refused_not_false(text: str, message: str) -> None:
    # Were it false, `not` would make it true.
    with pytest.raises(ConditionUnfit, match=f"^{message}"):
        verdict(f"not {text}")


def test_a_figure_that_is_not_there_is_told() -> None:
    with pytest.raises(LookupError):
        verdict("unheard_of > 3")


def test_a_figure_without_end_is_shown_as_it_is() -> None:
    class Endless:
        def figure(self, path: str, arguments: Mapping[str, str]) -> Figure:
            return float("inf")

    assert judge(parse("min_health > $5"), Endless()) == Verdict(holds=True, seen="min_health is inf")
