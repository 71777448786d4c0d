"""The project names no package registry, no machine, and, outside tests, nothing beside its own repository.

Where packages come from is the business of the machine that installs them; a lock or a script that names an address
works only where that address does.
"""

import re
from pathlib import Path

from tests.architecture.tree import ROOT, plant, tracked_files

EVERYWHERE = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian\.org|registry\.yarnpkg|proxy\.golang"
    r"|--(?:extra-)?index-url|--find-links|/opt/wheels|/work/\w+",
)
OUTSIDE_TESTS = re.compile(r"\.\./shared|/shared/data")


def address_offences(root: Path, files: list[Path]) -> list[str]:
    """Return each line that names an address, or a path beside the repository."""
    found: list[str] = []
    for path in files:
        name = path.relative_to(root)
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if EVERYWHERE.search(line) or (name.parts[0] != "tests" and OUTSIDE_TESTS.search(line)):
                found.append(f"{name}:{number}")
    return found


def test_no_tracked_file_names_an_address() -> None:
    # This file holds the planted ones.
    assert address_offences(ROOT, [path for path in tracked_files(ROOT) if path != Path(__file__)]) == []


def test_planted_addresses_are_caught(tmp_path: Path) -> None:
    files = {
        "requirements.lock": "numpy==2\n--index-url https://pypi.org/simple\n",
        "Makefile": "demo:\n\twavetank demo --prices ../shared/data/prices.csv\n",
        "tests/test_replay.py": "PRICES = '../shared/data/prices.csv'\n",
    }
    root = plant(tmp_path, files)
    assert address_offences(root, [root / name for name in files]) == ["requirements.lock:2", "Makefile:2"]
