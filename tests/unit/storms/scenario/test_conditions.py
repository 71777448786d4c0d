"""A condition is parsed into what it says, or refused at the character where it stops making sense."""

from fractions import Fraction

import pytest

from wavetank.storms.scenario.condition_words import ConditionMalformed
from wavetank.storms.scenario.conditions import (
    MAX_CHARACTERS,
    MAX_DEPTH,
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
    paths_of,
)

A, B, C = (Holds(Path(name)) for name in "abc")


def test_a_path_alone_is_asked_whether_it_is_true() -> None:
    assert parse("ledger.balanced") == Holds(Path("ledger.balanced"))


@pytest.mark.parametrize(
    ("text", "unit", "amount"),
    [
        ("3", Unit.PLAIN, 3),
        ("-3", Unit.PLAIN, -3),
        ("1_000", Unit.PLAIN, 1_000),
        ("1,000", Unit.PLAIN, 1_000),
        ("0.2", Unit.PLAIN, Fraction(1, 5)),
        ("10%", Unit.SHARE, Fraction(1, 10)),
        ("-2.5%", Unit.SHARE, Fraction(-1, 40)),
        ("25bp", Unit.SHARE, Fraction(25, 10_000)),
        # Micro-dollars.
        ("5M", Unit.MONEY, 5_000_000_000_000),
        ("250k", Unit.MONEY, 250_000_000_000),
        ("-1.5K", Unit.MONEY, -1_500_000_000),
        ("$100", Unit.MONEY, 100_000_000),
        ("-$0.000001", Unit.MONEY, -1),
        ("$1,234.50", Unit.MONEY, 1_234_500_000),
        # Nanoseconds; a small m is a minute, a large one a million dollars.
        ("30s", Unit.DURATION, 30_000_000_000),
        ("5m", Unit.DURATION, 300_000_000_000),
        ("1h30m", Unit.DURATION, 5_400_000_000_000),
        ("250ms", Unit.DURATION, 250_000_000),
        ("true", Unit.TRUTH, 1),
        ("false", Unit.TRUTH, 0),
        ("none", Unit.NOTHING, 0),
    ],
)
def test_the_kind_of_a_value_is_known_by_its_writing(text: str, unit: Unit, amount: Fraction) -> None:
    assert parse(f"fund.loss == {text}") == Comparison(
        Path("fund.loss"), Operator.EQUAL, Value(unit, Fraction(amount), text)
    )


@pytest.mark.parametrize(("text", "words"), [('"book closed"', "book closed"), ("'5M'", "5M"), ('"and"', "and")])
def test_words_stand_in_quotes(text: str, words: str) -> None:
    condition = parse(f"outcome != {text}")
    assert condition == Comparison(Path("outcome"), Operator.UNEQUAL, Value(Unit.WORDS, Fraction(0), words=words))


@pytest.mark.parametrize("operator", list(Operator))
def test_every_operator_is_read_with_and_without_spaces(operator: Operator) -> None:
    expected = Comparison(Path("x"), operator, Value(Unit.PLAIN, Fraction(3)))
    assert parse(f"x {operator} 3") == expected
    assert parse(f"x{operator}3") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a and b or c", Either((Every((A, B)), C))),
        ("a or b and c", Either((A, Every((B, C))))),
        ("(a or b) and c", Every((Either((A, B)), C))),
        ("a and b and c", Every((A, B, C))),
        ("a and (b and c)", Every((A, Every((B, C))))),
        ("not a and b", Every((Not(A), B))),
        ("not (a and b)", Not(Every((A, B)))),
        ("not not a", Not(Not(A))),
        ("not x > 3", Not(Comparison(Path("x"), Operator.MORE, Value(Unit.PLAIN, Fraction(3))))),
        ("((a))", A),
    ],
)
def test_and_binds_more_than_or_and_not_more_than_both(text: str, expected: Condition) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("account(attacker).pnl", Path("account(attacker).pnl")),
        ("account( makers.3 ).pnl", Path("account(makers.3).pnl")),
        ("contagion(BTC, SOL)", Path("contagion(BTC,SOL)")),
        ("adl.triggered_before(vault_loss: 10%)", Path("adl.triggered_before", (("vault_loss", "10%"),))),
        ("refused(reason: NO_CREDIT, who: bob)", Path("refused", (("reason", "NO_CREDIT"), ("who", "bob")))),
        ('refused(reason: "a, b")', Path("refused", (("reason", "a, b"),))),
        ("account(bob).refused(reason: X)", Path("account(bob).refused", (("reason", "X"),))),
    ],
)
def test_words_in_parentheses_belong_to_the_path_and_named_ones_are_arguments(text: str, expected: Path) -> None:
    assert parse(text) == Holds(expected)


@pytest.mark.parametrize(
    "text",
    ["outcome == 'say \"no\"'", "f(a: 'say \"no\"')", 'outcome == "it\'s"', 'f(a: "%")', 'f(a: "")', 'f(a: "é")'],
)
def test_quotes_are_printed_where_they_are_needed_and_are_others_than_those_inside(text: str) -> None:
    assert str(parse(text)) == text


def test_paths_are_told_from_left_to_right_with_their_places() -> None:
    paths = list(paths_of(parse("a and (not b > 1M or c.d(e).f)")))
    assert [(path.name, path.offset) for path in paths] == [("a", 0), ("b", 11), ("c.d(e).f", 21)]


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("", 0, "has the end where the name of a figure should stand"),
        ("   ", 0, "has the end where the name of a figure should stand"),
        ("a and", 5, "has the end where the name of a figure should stand"),
        ("and a", 0, "has `and` where the name of a figure should stand"),
        ("a b", 2, "has `b` where `and`, `or` or the end should stand"),
        ("(a", 2, "has the end where `)` should stand"),
        ("a)", 1, "has `)` where `and`, `or` or the end should stand"),
        ("x >", 3, "has the end where a number, a word in quotes, true, false or none should stand"),
        ("x > y", 4, "has `y` where a number, a word in quotes, true, false or none should stand"),
        ("x = 3", 2, "has `=` where one of < <= > >= == != should stand"),
        ("x => 3", 2, "has `=>` where one of < <= > >= == != should stand"),
        ("x <> 3", 2, "has `<>` where one of < <= > >= == != should stand"),
        ("x > 3 apples", 6, "has `apples` where `and`, `or` or the end should stand"),
        ("x > 3apples", 4, "has `3apples`, which is no value; write for instance 3, 0.2, 10%, 5M, $100 or 30s"),
        ("x > $0.0000001", 4, "has `$0.0000001`, which is no value; write for instance"),
        ('x < "a"', 4, 'asks whether something is < "a"; such a value is compared by == or != alone'),
        ("x >= true", 5, "asks whether something is >= true; such a value is compared by == or != alone"),
        ("x > none", 4, "asks whether something is > none; such a value"),
        ('x == "a', 5, "has a quote that is not closed, which means nothing here"),
        ("x > $-20000", 4, "has `$`, which means nothing here; write for instance $1000, -$1000 or 5M"),
        ("x + 1 > 2", 2, "has `+`, which means nothing here"),
        ("f()", 2, "has `)` where a word should stand"),
        ("f(a", 3, "has the end where `)` should stand"),
        ("f(a: )", 5, "has `)` where what `a` is should stand"),
        ("f(a: 1, a: 2)", 8, "gives `a` twice"),
        ("f(a, b: 2)", 5, "mixes words and arguments in one pair of parentheses"),
        ("f(a: 1).b", 7, "goes on behind its arguments; they stand at its end"),
        ("fund..loss > 1", 0, "names `fund..loss`; a name is words with one dot between"),
        (".loss", 0, "names `.loss`; a name is words with one dot between"),
        ("fund. > 1", 0, "names `fund.`; a name is words with one dot between"),
    ],
)
def test_what_is_no_condition_is_refused_at_its_character(text: str, offset: int, message: str) -> None:
    with pytest.raises(ConditionMalformed) as caught:
        parse(text)
    assert caught.value.message.startswith(message)
    assert caught.value.offset == offset


def test_a_condition_has_an_end_in_length_and_depth() -> None:
    parse("a".ljust(MAX_CHARACTERS))
    with pytest.raises(ConditionMalformed, match="at most 1000 are read"):
        parse("a".ljust(MAX_CHARACTERS + 1))
    # Every parenthesis is one thing, and the figure is the last.
    deepest = MAX_DEPTH - 1
    assert parse("(" * deepest + "a" + ")" * deepest) == A
    with pytest.raises(ConditionMalformed, match="more than 20 things") as caught:
        parse("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH)
    assert caught.value.offset == MAX_DEPTH
