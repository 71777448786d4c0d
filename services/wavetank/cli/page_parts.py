"""Parts of pages for a browser: sections and tables.

It exists so that every report is laid out alike. Kept true: whatever came from outside is escaped.
"""

from collections.abc import Iterable, Sequence
from html import escape

Cell = str | tuple[str, str]
"""Text, or text with a class; it is escaped."""


def section(title: str, *parts: str, anchor: str = "") -> str:
    """Return a heading with what stands below it.

    Args:
        title: the heading.
        parts: HTML.
        anchor: what a link on the page leads here by; none if empty.

    """
    opening = f'<h2 id="{escape(anchor)}">' if anchor else "<h2>"
    return f"{opening}{escape(title)}</h2>" + "".join(parts)


def table(headings: Sequence[str], rows: Iterable[Sequence[Cell]], numbers: int) -> str:
    """Return a table whose last `numbers` columns are numbers."""
    first_number = len(headings) - numbers
    head = "".join(
        f'<th class="n">{escape(heading)}</th>' if column >= first_number else f"<th>{escape(heading)}</th>"
        for column, heading in enumerate(headings)
    )
    body = "".join(
        "<tr>" + "".join(_cell(cell, is_number=column >= first_number) for column, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(cell: Cell, *, is_number: bool) -> str:
    text, extra = cell if isinstance(cell, tuple) else (cell, "")
    classes = " ".join(part for part in ("n" if is_number else "", extra) if part)
    return f'<td class="{classes}">{escape(text)}</td>' if classes else f"<td>{escape(text)}</td>"
