"""A label is armed only by name and number, and only the passing that was asked for ends the process."""

import signal
import subprocess
import sys

import pytest

from wavetank.runtime.labels import LABELS, arm, label_and_count, passing


def test_a_label_and_its_passing_are_read() -> None:
    assert label_and_count("after_append:40") == ("after_append", 40)


@pytest.mark.parametrize(
    "text", ["after_append", "after_append:", "after_append:0", "after_append:-1", "lunch:1", ":1"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no label to be killed at"):
        label_and_count(text)


def test_nothing_is_armed_unless_asked_for() -> None:
    arm("")
    for label in LABELS:
        passing(label)


def test_the_process_dies_at_the_passing_that_was_named() -> None:
    program = (
        "from wavetank.runtime.labels import arm, passing\n"
        "arm('before_append:3')\n"
        "for turn in (1, 2, 3, 4):\n"
        "    passing('after_append'); passing('before_append'); print(turn, flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout.split()) == (-signal.SIGKILL, ["1", "2"])
