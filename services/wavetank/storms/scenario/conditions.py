"""The little language of `harm` and `asserts`: what must be true of a run, in words that a person reads aloud.

    fund.loss > 1M and not adl.triggered_before(vault_loss: 10%)

A path names a figure; words in its parentheses are part of it (`account(attacker).pnl`), unless they say what they are
(`vault_loss: 10%`): then they are arguments. A value's kind is known by its writing: `5M`, `250k` and `$100` are
dollars, `30s` is a duration, `10%` a share, `3` a plain number, `"a b"` words; `true`, `false` and `none` are
themselves. There is no arithmetic: a figure that is worth asserting is worth a name.

Kept true: what is parsed is printed back as something that parses to the same; where a text is wrong, the character
is known; a condition has an end in length and depth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

from wavetank.cli.amounts import AmountMalformed, dollars_to_micros, ratio_e12
from wavetank.cli.times import TimeMalformed, duration_ns
from wavetank.storms.scenario.condition_words import ConditionMalformed, Token, TokenKind, is_word, words_of

MAX_CHARACTERS = 1_000
MAX_DEPTH = 20
_E12 = 10**12


class Unit(StrEnum):
    """What a value is measured in, and so what its figure is counted in."""

    PLAIN = "plain"
    MONEY = "money"
    """Micro-dollars."""
    DURATION = "duration"
    """Nanoseconds."""
    SHARE = "share"
    """Of one."""
    WORDS = "words"
    TRUTH = "truth"
    NOTHING = "nothing"
    """`none`: there is no such thing, as the time to be flat of somebody who never was."""


class Operator(StrEnum):
    """How a figure and a value are compared."""

    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    EQUAL = "=="
    UNEQUAL = "!="


ORDERED = frozenset({Operator.LESS, Operator.AT_MOST, Operator.MORE, Operator.AT_LEAST})
"""Those that ask for more and less."""
_UNORDERED_UNITS = frozenset({Unit.WORDS, Unit.TRUTH, Unit.NOTHING})


@dataclass(frozen=True, slots=True)
class Path:
    """The name of a figure, and what it is asked about."""

    name: str
    """With the words in its parentheses, for instance `account(attacker).pnl`."""
    arguments: tuple[tuple[str, str], ...] = ()
    """Names and values, as written, in the order of the text."""
    offset: int = field(default=0, compare=False)
    """Where in the text it begins, from 0; so below."""

    def __str__(self) -> str:
        said = ", ".join(f"{name}: {_quoted(value)}" for name, value in self.arguments)
        return f"{self.name}({said})" if said else self.name


@dataclass(frozen=True, slots=True)
class Value:
    """What a figure is compared with."""

    unit: Unit
    amount: Fraction
    """Micro-dollars, nanoseconds, a share of one, a number, or 1 for true; 0 for what is no number."""
    text: str = field(default="", compare=False)
    """As written; words without their quotes, which are all that two words differ by."""
    words: str = ""
    offset: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return _in_quotes(self.words) if self.unit is Unit.WORDS else self.text


@dataclass(frozen=True, slots=True)
class Holds:
    """A figure that is true or false by itself."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A figure beside a value."""

    path: Path
    operator: Operator
    value: Value

    def __str__(self) -> str:
        return f"{self.path} {self.operator} {self.value}"


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    part: Condition

    def __str__(self) -> str:
        return f"not {_in_parentheses(self.part, Every | Either)}"


@dataclass(frozen=True, slots=True)
class Every:
    """Every part holds."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return " and ".join(_in_parentheses(part, Every | Either) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Either:
    """At least one part holds."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return " or ".join(_in_parentheses(part, Either) for part in self.parts)


Condition: TypeAlias = Holds | Comparison | Not | Every | Either


def _in_parentheses(part: Condition, looser: type | object) -> str:
    return f"({part})" if isinstance(part, looser) else str(part)  # type: ignore[arg-type] # A union of classes.


def _in_quotes(words: str) -> str:
    # There is no way to have both kinds of quotes in words, and none is needed.
    return f"'{words}'" if '"' in words else f'"{words}"'


def _quoted(value: str) -> str:
    """Return what an argument is as it is written: without quotes if it is one piece of a text."""
    return value if is_word(value) else _in_quotes(value)


def parse(text: str) -> Condition:
    """Return the condition that a text means.

    Args:
        text: for instance `fund.loss > 1M and not ledger.balanced`.

    Raises:
        ConditionMalformed: the text means none; `offset` says where it stops making sense.

    """
    if len(text) > MAX_CHARACTERS:
        raise ConditionMalformed(f"has {len(text)} characters; at most {MAX_CHARACTERS} are read", MAX_CHARACTERS)
    return _Parser(text).whole()


def paths_of(condition: Condition) -> Iterator[Path]:
    """Yield the paths of a condition, from left to right."""
    if isinstance(condition, Holds | Comparison):
        yield condition.path
    elif isinstance(condition, Not):
        yield from paths_of(condition.part)
    else:
        for part in condition.parts:
            yield from paths_of(part)


class _Parser:
    """Reads a text from left to right, one method for each rule of the grammar.

    either := every ("or" every)*          every := single ("and" single)*
    single := "not" single | "(" either ")" | path [operator value]
    """

    def __init__(self, text: str) -> None:
        self._tokens = words_of(text)
        self._next = 0
        self._depth = 0

    def whole(self) -> Condition:
        condition = self._either()
        if self._here.kind is not TokenKind.END:
            raise self._unexpected("`and`, `or` or the end")
        return condition

    @property
    def _here(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._here
        if token.kind is not TokenKind.END:
            self._next += 1
        return token

    def _takes(self, text: str) -> bool:
        found = self._here.kind is not TokenKind.QUOTED and self._here.text == text
        if found:
            self._take()
        return found

    def _unexpected(self, wanted: str) -> ConditionMalformed:
        token = self._here
        what = "the end" if token.kind is TokenKind.END else f"`{token.text}`"
        return ConditionMalformed(f"has {what} where {wanted} should stand", token.offset)

    def _either(self) -> Condition:
        parts = [self._every()]
        while self._takes("or"):
            parts.append(self._every())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _every(self) -> Condition:
        parts = [self._single()]
        while self._takes("and"):
            parts.append(self._single())
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _single(self) -> Condition:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ConditionMalformed(f"has more than {MAX_DEPTH} things inside one another", self._here.offset)
        if self._takes("not"):
            found: Condition = Not(self._single())
        elif self._takes("("):
            found = self._either()
            self._close()
        else:
            found = self._compared()
        self._depth -= 1
        return found

    def _close(self) -> None:
        if not self._takes(")"):
            raise self._unexpected("`)`")

    def _compared(self) -> Condition:
        path = self._path()
        if self._here.kind is not TokenKind.OPERATOR:
            if self._here.kind is TokenKind.OTHER and self._here.text in {"=", "=>", "=<", "<>"}:
                raise self._unexpected(f"one of {' '.join(Operator)}")
            return Holds(path)
        operator = Operator(self._take().text)
        value = self._value()
        if operator in ORDERED and value.unit in _UNORDERED_UNITS:
            raise ConditionMalformed(
                f"asks whether something is {operator} {value}; such a value is compared by == or != alone",
                value.offset,
            )
        return Comparison(path, operator, value)

    def _path(self) -> Path:
        begin = self._here
        if begin.kind is not TokenKind.NAME or begin.text in {"and", "or", "not"}:
            raise self._unexpected("the name of a figure")
        name = self._take().text
        arguments: tuple[tuple[str, str], ...] = ()
        while not arguments and self._takes("("):
            inside, arguments = self._arguments()
            self._close()
            if inside:
                name += f"({inside})"
            # The rest of a path follows its parentheses at once, as in `account(a).pnl`.
            goes_on = self._here
            if goes_on.kind is TokenKind.NAME and goes_on.text.startswith("."):
                if arguments:
                    raise ConditionMalformed("goes on behind its arguments; they stand at its end", goes_on.offset)
                name += self._take().text
        if name.endswith(".") or ".." in name or name.startswith("."):
            raise ConditionMalformed(f"names `{name}`; a name is words with one dot between", begin.offset)
        return Path(name, arguments, begin.offset)

    def _arguments(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Return the words that belong to the name, and the arguments; the parenthesis is open."""
        inside: list[str] = []
        arguments: list[tuple[str, str]] = []
        while True:
            token = self._take()
            if token.kind not in {TokenKind.NAME, TokenKind.NUMBER}:
                self._next -= token.kind is not TokenKind.END
                raise self._unexpected("a word")
            if self._takes(":"):
                if any(name == token.text for name, _ in arguments):
                    raise ConditionMalformed(f"gives `{token.text}` twice", token.offset)
                given = self._take()
                if given.kind not in {TokenKind.NAME, TokenKind.NUMBER, TokenKind.QUOTED}:
                    self._next -= given.kind is not TokenKind.END
                    raise self._unexpected(f"what `{token.text}` is")
                arguments.append((token.text, given.text))
            else:
                inside.append(token.text)
            if inside and arguments:
                raise ConditionMalformed("mixes words and arguments in one pair of parentheses", token.offset)
            if not self._takes(","):
                return ",".join(inside), tuple(arguments)

    def _value(self) -> Value:
        token = self._take()
        if token.kind is TokenKind.QUOTED:
            return Value(Unit.WORDS, Fraction(0), token.text, token.text, token.offset)
        if token.kind is TokenKind.NAME and token.text in {"true", "false"}:
            return Value(Unit.TRUTH, Fraction(token.text == "true"), token.text, offset=token.offset)
        if token.kind is TokenKind.NAME and token.text == "none":
            return Value(Unit.NOTHING, Fraction(0), token.text, offset=token.offset)
        if token.kind is not TokenKind.NUMBER:
            self._next -= token.kind is not TokenKind.END
            raise self._unexpected("a number, a word in quotes, true, false or none")
        return _number(token)


def _number(token: Token) -> Value:
    unit, amount = measured(token.text, token.offset)
    return Value(unit, amount, token.text, offset=token.offset)


def measured(text: str, offset: int = 0) -> tuple[Unit, Fraction]:
    """Return what a number means, by its writing, for instance `5M`, `$100`, `30s`, `10%` or `0.2`.

    Raises:
        ConditionMalformed: it means nothing.

    """
    number = text.replace("_", "").replace(",", "")
    try:
        if number.endswith(("%", "bp")):
            return Unit.SHARE, Fraction(ratio_e12(number), _E12)
        if "$" in number or number.endswith(("M", "k", "K")):
            negative = number.startswith("-")
            micros = dollars_to_micros(number.removeprefix("-"))
            return Unit.MONEY, Fraction(-micros if negative else micros)
        if number[-1].isalpha():
            return Unit.DURATION, Fraction(duration_ns(number))
        return Unit.PLAIN, Fraction(number)
    except (AmountMalformed, TimeMalformed, ValueError, ZeroDivisionError):
        allowed = "write for instance 3, 0.2, 10%, 5M, $100 or 30s"
        raise ConditionMalformed(f"has `{text}`, which is no value; {allowed}", offset) from None
