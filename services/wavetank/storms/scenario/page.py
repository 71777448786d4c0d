"""A page of YAML as plain values, with the place of each.

It exists because the usual loaders forget where a value stood, take `yes` for true, `1:30` for ninety and the last of
two equal keys for the only one. Here a word stays a word, a number is exact, and what could surprise is refused.

Kept true: nothing on a page makes anything but text, numbers, true, false, nothing, lists and mappings; a page has an
end in size and depth; every value knows its line and column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

from yaml.composer import Composer, ComposerError
from yaml.error import Mark, MarkedYAMLError
from yaml.events import AliasEvent, NodeEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from wavetank.storms.scenario.faults import PageFault, ScenarioInvalid, shown

MAX_BYTES = 1_000_000
MAX_DEPTH = 20

Loc: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys of mappings, indices of lists."""

_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*(_[0-9]+)*)")
_DECIMAL = re.compile(r"[-+]?[0-9]+(\.[0-9]*([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_LONGEST_NUMBER = 40
"""Characters; what is longer is left as text, for whoever reads it to refuse."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page that was read, before anybody has asked whether it makes sense."""

    source: str
    document: Any
    """Plain values: what the outermost thing of the page is."""
    _root: Node = field(repr=False)

    def place(self, loc: Loc, *, of_key: bool = False, offset: int | None = None) -> Place:
        """Return where a value stands; of what is not there, where the nearest thing around it does.

        Args:
            loc: the way to it.
            of_key: whether the place of its key is wanted, where it has one.
            offset: a character inside the value, from 0, where it is a text of one line.

        """
        node, mark = self._root, self._root.start_mark
        for number, part in enumerate(loc):
            below = _child(node, part)
            if below is None:
                break
            key, node = below
            wants_key = of_key and number == len(loc) - 1
            mark = key.start_mark if wants_key and key is not None else node.start_mark
        column = mark.column + 1
        if offset is not None and isinstance(node, ScalarNode) and node.start_mark.line == node.end_mark.line:
            column += offset + (1 if node.style else 0)
        return Place(mark.line + 1, column)

    def fault(self, loc: Loc, message: str, *, of_key: bool = False, offset: int | None = None) -> PageFault:
        """Return a fault of a value of this page."""
        place = self.place(loc, of_key=of_key, offset=offset)
        path = ".".join(map(str, loc))
        return PageFault(source=self.source, line=place.line, column=place.column, path=path, message=message)


def read_page(text: str | bytes, source: str) -> Page:
    """Return a page as plain values.

    Args:
        text: YAML; bytes are UTF-8.
        source: name for messages.

    Raises:
        ScenarioInvalid: it is no YAML, or has what a scenario does without: aliases, tags, equal keys, several
            documents, keys that are no words, too much of anything.

    """
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "replace"))
    if size > MAX_BYTES:
        raise _refused(source, None, f"is longer than {MAX_BYTES:,} bytes, and no more are read")
    try:
        root = _Composer(text if isinstance(text, str) else text.decode("utf-8")).get_single_node()
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        column = error.start - (before.rfind(b"\n") + 1)
        mark = Mark(source, error.start, before.count(b"\n"), column, None, 0)
        raise _refused(source, mark, f"byte {error.object[error.start]:#04x} is no UTF-8; pages are UTF-8") from None
    except ReaderError as error:
        mark = _mark_at(source, text, error.position)
        raise _refused(source, mark, f"character {shown(error.character)} is not allowed in YAML") from None
    except MarkedYAMLError as error:
        what = " ".join(part for part in (error.context, error.problem) if part)
        raise _refused(source, error.problem_mark or error.context_mark, f"is no YAML: {what}") from None
    if root is None:
        raise _refused(source, None, "is empty; a scenario begins with `scenario: 1`")
    faults = [_fault(source, mark, loc, message) for mark, loc, message in _odd_keys(root, ())]
    if faults:
        raise ScenarioInvalid(faults)
    return Page(source, _value(root), root)


def read_value(text: str, source: str) -> Any:  # noqa: ANN401 - whatever the text says.
    """Return a value that stands by itself, read as on a page.

    Args:
        text: YAML; nothing is nothing.
        source: name for messages.

    Raises:
        ScenarioInvalid: as `read_page`.

    """
    return read_page(text, source).document if text.strip() else None


class _Composer(Reader, Scanner, Parser, Composer, BaseResolver):
    """Makes nodes, each with its marks, and decides nothing of what a word means."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self._depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:  # noqa: ANN401 - as the library has it.
        event: Any = self.peek_event()  # type: ignore[no-untyped-call] # The stubs leave it out.
        mark: Any = event.start_mark
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor is not None):
            raise ComposerError(None, None, "anchors and aliases are not read; write it out", mark)
        if getattr(event, "tag", None) is not None:
            raise ComposerError(None, None, f"tags such as {event.tag} are not read", mark)
        if self._depth == MAX_DEPTH:
            raise ComposerError(None, None, f"at most {MAX_DEPTH} things stand inside one another", mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _refused(source: str, mark: Mark | None, message: str) -> ScenarioInvalid:
    return ScenarioInvalid([_fault(source, mark, (), message)])


def _fault(source: str, mark: Mark | None, loc: Loc, message: str) -> PageFault:
    line, column = (0, 0) if mark is None else (mark.line + 1, mark.column + 1)
    return PageFault(source=source, line=line, column=column, path=".".join(map(str, loc)), message=message)


def _mark_at(source: str, text: str | bytes, position: int) -> Mark:
    whole = text if isinstance(text, str) else text.decode("utf-8")
    before = whole[:position]
    return Mark(source, position, before.count("\n"), position - (before.rfind("\n") + 1), None, 0)


def _odd_keys(node: Node, loc: Loc) -> Iterator[tuple[Mark, Loc, str]]:
    if isinstance(node, SequenceNode):
        for index, below in enumerate(node.value):
            yield from _odd_keys(below, (*loc, index))
    if not isinstance(node, MappingNode):
        return
    first_lines: dict[str, int] = {}
    for key, below in node.value:
        if not isinstance(key, ScalarNode):
            yield key.start_mark, loc, "has a list or a mapping for a key; a key is a word"
            continue
        word = str(key.value)
        if word in first_lines:
            yield key.start_mark, (*loc, word), f"is here a second time, the first is on line {first_lines[word]}"
        first_lines.setdefault(word, key.start_mark.line + 1)
        yield from _odd_keys(below, (*loc, word))


def _value(node: Node) -> Any:  # noqa: ANN401 - whatever the page says.
    if isinstance(node, MappingNode):
        return {str(key.value): _value(below) for key, below in node.value}
    if isinstance(node, SequenceNode):
        return [_value(below) for below in node.value]
    assert isinstance(node, ScalarNode), "a node is one of three"
    return str(node.value) if node.style else _scalar(str(node.value))


def _scalar(text: str) -> str | int | float | bool | None:
    """Return what a word without quotes means."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _LONGEST_NUMBER:
        return text
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        number = float(text)
        # What a float cannot hold stays text, and is read exactly by the field that it is for.
        return number if Decimal(repr(number)) == Decimal(text) else text
    return text


def _child(node: Node, part: str | int) -> tuple[Node | None, Node] | None:
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    if isinstance(node, MappingNode):
        return next(((key, below) for key, below in node.value if key.value == str(part)), None)
    return None
