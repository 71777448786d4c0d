"""Logs as files: what is read is what was written, and a cut file is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wavetank.runtime.log_entry import LogCorrupt
from wavetank.runtime.log_files import LogFiles, log_names, read_log_file

if TYPE_CHECKING:
    from pathlib import Path


def _written(folder: Path, *entries: bytes) -> None:
    files = LogFiles(folder)
    append = files.keep("clearing")
    for entry in entries:
        append(entry)
    files.close()


def test_each_entry_is_read_as_it_was_written(tmp_path: Path) -> None:
    _written(tmp_path / "logs", b"one", b"", b"three" * 1000)
    assert list(read_log_file(tmp_path / "logs", "clearing")) == [b"one", b"", b"three" * 1000]
    assert log_names(tmp_path / "logs") == ["clearing"]


def test_an_entry_follows_its_length_in_four_bytes(tmp_path: Path) -> None:
    _written(tmp_path, b"one")
    assert (tmp_path / "clearing.log").read_bytes() == b"\x03\0\0\0one"


def test_a_log_that_is_written_again_is_begun_anew(tmp_path: Path) -> None:
    _written(tmp_path, b"one")
    _written(tmp_path, b"two")
    assert list(read_log_file(tmp_path, "clearing")) == [b"two"]


@pytest.mark.parametrize("kept", [8, 6, 9])
def test_a_cut_file_gives_its_whole_entries_and_is_refused_at_the_cut(tmp_path: Path, kept: int) -> None:
    # "one" takes bytes 0 to 6, the length of "two" 7 to 10, "two" itself 11 to 13.
    _written(tmp_path, b"one", b"two")
    path = tmp_path / "clearing.log"
    path.write_bytes(path.read_bytes()[:kept])
    read: list[bytes] = []
    with pytest.raises(LogCorrupt, match=r"clearing\.log"):
        read.extend(read_log_file(tmp_path, "clearing"))


def test_a_length_that_no_entry_has_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clearing.log").write_bytes(b"\xff\xff\xff\xffone")
    with pytest.raises(LogCorrupt, match="at byte 0"):
        list(read_log_file(tmp_path, "clearing"))


def test_a_log_goes_on_in_another_folder_and_what_was_written_stands_in_both(tmp_path: Path) -> None:
    files = LogFiles(tmp_path / "here")
    append, other = files.keep("clearing"), files.keep("oracle")
    append(b"one")
    other(b"price")
    files.go_on_in(tmp_path / "there")
    append(b"two")
    files.close()
    assert list(read_log_file(tmp_path / "here", "clearing")) == [b"one"]
    assert list(read_log_file(tmp_path / "there", "clearing")) == [b"one", b"two"]
    assert list(read_log_file(tmp_path / "there", "oracle")) == [b"price"]


def test_what_was_flushed_can_be_read_while_the_log_is_written(tmp_path: Path) -> None:
    files = LogFiles(tmp_path)
    append = files.keep("clearing")
    append(b"one")
    files.flush()
    assert list(read_log_file(tmp_path, "clearing")) == [b"one"]
    files.close()
