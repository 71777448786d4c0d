"""A condition's text in its smallest pieces, each with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto


class ConditionMalformed(ValueError):
    """A text is no condition; the message says what stands where something else should."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        """Character of the text where it stops making sense, from 0."""


class TokenKind(Enum):
    """What a piece may be."""

    NAME = auto()
    """Words with dots: `fund.loss`, `.pnl`, `and`."""
    NUMBER = auto()
    """Whatever begins like a number: `5M`, `-0.2`, `$100`, `1h30m`."""
    QUOTED = auto()
    OPERATOR = auto()
    OTHER = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text."""

    kind: TokenKind
    text: str
    """Without quotes."""
    offset: int


_PIECE = re.compile(
    r"""\s*(?:
        (?P<QUOTED>"[^"]*"|'[^']*')
      | (?P<NUMBER>-?\$?[0-9](?:[0-9A-Za-z_.]|,(?=[0-9]{3}))*%?)
      | (?P<NAME>\.?[A-Za-z_][A-Za-z0-9_.-]*)
      | (?P<OPERATOR><=(?!>)|>=|==|!=|<(?![>=])|>)
      | (?P<OTHER>=>|=<|<>|[(),:=])
    )""",
    re.VERBOSE,
)


def is_word(text: str) -> bool:
    """Return whether a text is one piece that needs no quotes."""
    match = _PIECE.fullmatch(text)
    return match is not None and match.lastgroup in {"NAME", "NUMBER"} and match[match.lastgroup] == text


def words_of(text: str) -> list[Token]:
    """Return the pieces of a text; the last is its end.

    Raises:
        ConditionMalformed: a character belongs to none.

    """
    found: list[Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _PIECE.match(text, position)
        if match is None:
            offset = position + len(text[position:]) - len(text[position:].lstrip())
            what = "a quote that is not closed" if text[offset] in "\"'" else f"`{text[offset]}`"
            meant = "; write for instance $1000, -$1000 or 5M" if text[offset] == "$" else ""
            raise ConditionMalformed(f"has {what}, which means nothing here{meant}", offset)
        kind = TokenKind[match.lastgroup or "OTHER"]
        piece = match[match.lastgroup or 0]
        offset = match.start(match.lastgroup or 0)
        found.append(Token(kind, piece[1:-1] if kind is TokenKind.QUOTED else piece, offset))
        position = match.end()
    found.append(Token(TokenKind.END, "", len(text.rstrip())))
    return found
