"""Where the sources of the project stand, for every test of its architecture.

Each check takes the root of a tree, so that the same code judges this repository and a small tree with a planted fault.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Rooms with a meaning of their own; every other room below `services/wavetank` is a service.
WORDS = "model"
HABITS = "runtime"
COMMAND_LINE = "cli"
SCENARIOS = "storms"
NOT_SERVICES = {WORDS, HABITS, COMMAND_LINE, SCENARIOS}

# Strings of three quotes, strings of one, and comments.
_TEXT = re.compile(
    r"""\"\"\"[\s\S]*?\"\"\"|\'\'\'[\s\S]*?\'\'\'|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\#[^\n]*""",
)


def rooms(root: Path) -> list[Path]:
    """Return the directories below `services/wavetank` that hold source files."""
    parent = root / "services" / "wavetank"
    return [
        path
        for path in sorted(parent.glob("*"))
        if path.is_dir() and any((*python_sources(path), *cython_sources(path)))
    ]


def service_rooms(root: Path) -> list[Path]:
    """Return the rooms that are services: each runs as a process of its own."""
    return [room for room in rooms(root) if room.name not in NOT_SERVICES]


def python_sources(folder: Path) -> Iterator[Path]:
    """Yield every `.py` file below a folder, in order."""
    yield from sorted(folder.rglob("*.py"))


def cython_sources(folder: Path) -> Iterator[Path]:
    """Yield every `.pyx` and `.pxd` file below a folder, in order."""
    yield from sorted([*folder.rglob("*.pyx"), *folder.rglob("*.pxd")])


def without_text(source: str) -> str:
    """Blank out the strings and comments of a Python or Cython source, keeping its lines where they are."""
    return _TEXT.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), source)


def tracked_files(root: Path) -> list[Path]:
    """Return the files that git tracks, or would track, below a root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True)
    return [root / name for name in listing.stdout.split("\0") if name and (root / name).is_file()]


def plant(root: Path, files: dict[str, str]) -> Path:
    """Write a small tree of files, for a test that plants a fault; return its root."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root
