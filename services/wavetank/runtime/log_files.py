"""Logs as files: for a venue that has no Redis, because it is simulated, and for whoever keeps a day.

A folder holds one file for each log, `<name>.log`. In it each entry, with the bytes that stand in a stream, follows its
length: four bytes, little-endian. Kept true: what is read is what was written; a file that was cut is refused, and the
place is named.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from wavetank.runtime.log_entry import LogCorrupt

SUFFIX = ".log"
LARGEST_ENTRY_BYTES = 256 * 1024 * 1024
"""A length beyond this is none."""
_LENGTH_BYTES = 4


class LogFiles:
    """A folder that logs are written into."""

    def __init__(self, folder: Path) -> None:
        """Write into a folder, which is made if need be; the logs that are written are begun anew.

        Raises:
            OSError: the folder cannot be made.

        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._files: dict[str, BinaryIO] = {}

    def keep(self, log: str) -> Callable[[bytes], None]:
        """Return what appends the bytes of an entry to a log.

        Raises:
            OSError: the file cannot be written.

        """
        files = self._files
        files[log] = (self._folder / f"{log}{SUFFIX}").open("wb")

        def append(data: bytes) -> None:
            file = files[log]
            file.write(len(data).to_bytes(_LENGTH_BYTES, "little"))
            file.write(data)

        return append

    def flush(self) -> None:
        """Let the files hold all that was written."""
        for file in self._files.values():
            file.flush()

    def go_on_in(self, folder: Path) -> None:
        """Write into another folder from now on; what was written stands there too, and stays where it was.

        Raises:
            OSError: the folder or a file cannot be made.

        """
        folder.mkdir(parents=True, exist_ok=True)
        for log, file in self._files.items():
            file.close()
            name = f"{log}{SUFFIX}"
            shutil.copyfile(self._folder / name, folder / name)
            self._files[log] = (folder / name).open("ab")
        self._folder = folder

    def close(self) -> None:
        """Close every file."""
        for file in self._files.values():
            file.close()


def log_names(folder: Path) -> list[str]:
    """Return the names of the logs that a folder holds."""
    return sorted(path.name.removesuffix(SUFFIX) for path in folder.glob(f"*{SUFFIX}") if path.is_file())


def read_log_file(folder: Path, log: str) -> Iterator[bytes]:
    """Yield the bytes of each entry of a log, in order.

    Raises:
        LogCorrupt: the file ends inside an entry, or a length is none.
        OSError: the file cannot be read.

    """
    path = folder / f"{log}{SUFFIX}"
    with path.open("rb") as file:
        while head := file.read(_LENGTH_BYTES):
            at = file.tell() - len(head)
            size = int.from_bytes(head, "little")
            if len(head) < _LENGTH_BYTES or size > LARGEST_ENTRY_BYTES:
                raise LogCorrupt(f"{path} holds no length of an entry at byte {at}")
            data = file.read(size)
            if len(data) < size:
                raise LogCorrupt(f"{path} ends inside the entry at byte {at}: {len(data)} of {size} bytes are there")
            yield data
