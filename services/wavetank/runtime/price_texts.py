"""The text of a file of prices, plain or gzip, within limits.

It exists so that no file, however it is packed, takes the memory of the process that reads it. Kept true: nothing above
the limits is read, and what is no text is refused by name.
"""

import gzip
import zlib
from pathlib import Path

from wavetank.runtime.price_path import LARGEST_FILE_BYTES, LARGEST_TEXT_BYTES, NotAPriceFile

LONGEST_LINE_BYTES = 4_096
"""Of the first line, as far as it says what a file is."""

_GZIP_MAGIC = b"\x1f\x8b"
_ALLOWED = "text, plain or gzip, is allowed"


def text_of(path: Path) -> str:
    """Return what a file says.

    Raises:
        NotAPriceFile: it cannot be read, is no text, or is too large.

    """
    data = _unpacked(path, LARGEST_TEXT_BYTES + 1)
    if len(data) > LARGEST_TEXT_BYTES:
        found = f"holds more than {LARGEST_TEXT_BYTES} bytes of text"
        raise NotAPriceFile(path, 0, found, "up to that is allowed; split the file, or write it as Parquet")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise NotAPriceFile(path, 0, f"cannot be read ({error})", _ALLOWED) from error


def first_line_of(path: Path) -> str:
    """Return the begin of a text up to its first line's end, as far as it is text.

    Raises:
        NotAPriceFile: it cannot be read, or is too large.

    """
    return _unpacked(path, LONGEST_LINE_BYTES).partition(b"\n")[0].decode(errors="replace")


def _unpacked(path: Path, count: int) -> bytes:
    begin = first_bytes(path, len(_GZIP_MAGIC))
    try:
        with gzip.open(path) if begin == _GZIP_MAGIC else path.open("rb") as source:
            return source.read(count)
    except (OSError, EOFError, zlib.error) as error:
        raise NotAPriceFile(path, 0, f"cannot be read ({error})", _ALLOWED) from error


def first_bytes(path: Path, count: int) -> bytes:
    """Return how a file begins, once its size is known to be allowed.

    Raises:
        NotAPriceFile: it cannot be read, or is too large.

    """
    try:
        with path.open("rb") as source:
            size = source.seek(0, 2)
            source.seek(0)
            begin = source.read(count)
    except OSError as error:
        raise NotAPriceFile(path, 0, f"cannot be read ({error})", "a file is allowed") from error
    if size > LARGEST_FILE_BYTES:
        raise NotAPriceFile(path, 0, f"is {size} bytes long", f"up to {LARGEST_FILE_BYTES} bytes are allowed")
    return begin
