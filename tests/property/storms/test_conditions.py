"""Whatever a condition says, it is printed as something that says the same."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from wavetank.storms.scenario.condition_words import ConditionMalformed
from wavetank.storms.scenario.conditions import (
    ORDERED,
    Comparison,
    Condition,
    Either,
    Every,
    Holds,
    Not,
    Operator,
    Path,
    Unit,
    Value,
    parse,
)

WORDS = st.sampled_from(["fund", "loss", "adl", "notional", "x1", "andes", "order", "nothing", "_a"])
_LETTERS = st.characters(min_codepoint=32, max_codepoint=126)
QUOTABLE = st.text(_LETTERS, max_size=8).filter(lambda text: not {'"', "'"} <= set(text))
"""Words in quotes may have the other kind of quotes inside."""


@st.composite
def paths(draw: st.DrawFn) -> Path:
    name = ".".join(draw(st.lists(WORDS, min_size=1, max_size=3)))
    if draw(st.booleans()):
        name += f"({','.join(draw(st.lists(st.sampled_from(['bob', 'makers.3', 'BTC']), min_size=1, max_size=2)))})"
        if draw(st.booleans()):
            name += f".{draw(WORDS)}"
    names = draw(st.lists(WORDS, max_size=2, unique=True))
    return Path(name, tuple((each, draw(QUOTABLE)) for each in names))


@st.composite
def values(draw: st.DrawFn) -> Value:
    number = draw(st.integers(-(10**6), 10**6))
    size = abs(number)
    return draw(
        st.sampled_from(
            [
                Value(Unit.PLAIN, Fraction(number), str(number)),
                Value(Unit.PLAIN, Fraction(number) / 4, f"{number / 4}"),
                Value(Unit.SHARE, Fraction(number, 100), f"{number}%"),
                Value(Unit.MONEY, Fraction(number) * 10**12, f"{number}M"),
                Value(Unit.MONEY, Fraction(size) * 10**6, f"${size}"),
                Value(Unit.DURATION, Fraction(size) * 10**6, f"{size}ms"),
                Value(Unit.TRUTH, Fraction(1), "true"),
                Value(Unit.NOTHING, Fraction(0), "none"),
                Value(Unit.WORDS, Fraction(0), words=draw(QUOTABLE)),
            ]
        )
    )


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    value = draw(values())
    can_be_ordered = value.unit not in {Unit.TRUTH, Unit.NOTHING, Unit.WORDS}
    operators = [each for each in Operator if can_be_ordered or each not in ORDERED]
    return Comparison(draw(paths()), draw(st.sampled_from(operators)), value)


def _joined(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return parts.map(Not) | several.map(Every) | several.map(Either)


CONDITIONS = st.recursive(paths().map(Holds) | comparisons(), _joined, max_leaves=6)


@given(CONDITIONS)
def test_what_is_printed_is_parsed_to_the_same(condition: Condition) -> None:
    assert parse(str(condition)) == condition


@given(st.text(st.sampled_from("ab.( ):<>=!and or not 1%M$s\"',-_é"), max_size=40))
def test_any_text_is_a_condition_or_refused_at_one_of_its_characters(text: str) -> None:
    try:
        condition = parse(text)
    except ConditionMalformed as fault:
        offset = fault.offset
    else:
        assert parse(str(condition)) == condition
        return
    assert 0 <= offset <= len(text)
