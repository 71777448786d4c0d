"""A folder is a room with one reason, and every service has the same entries.

Who has read one service has read them all; and a room called after nothing fills with everything.
"""

from pathlib import Path

from tests.architecture.tree import ROOT, plant, rooms, service_rooms

EMPTY_NAMES = {"base", "common", "helper", "helpers", "lib", "misc", "shared", "util", "utils"}
SOURCE_FOLDERS = ("services", "clients", "protos/wavetank", "tests", "loadtest")
ENTRIES = (
    "__init__.py",
    "__main__.py",
    "config.py",
    "service.py",
    "ports.py",
    "core",
    "adapters",
    "README.md",
    "SPEC.md",
)


def name_offences(root: Path) -> list[str]:
    """Return every source file or folder that is called after nothing."""
    return [
        f"{path.relative_to(root)} is called after nothing"
        for folder in SOURCE_FOLDERS
        for path in sorted((root / folder).rglob("*"))
        if path.stem in EMPTY_NAMES and (path.is_dir() or path.suffix in {".py", ".pyx", ".pxd", ".proto"})
    ]


def entry_offences(root: Path) -> list[str]:
    """Return every entry that a room lacks: the same nine for a service, and types for all."""
    missing = [
        f"{room.name} has no {entry}"
        for room in service_rooms(root)
        for entry in ENTRIES
        if not (room / entry).exists()
    ]
    untyped = [f"{room.name} has no py.typed" for room in rooms(root) if not (room / "py.typed").exists()]
    return missing + untyped


def test_no_room_is_called_after_nothing() -> None:
    assert name_offences(ROOT) == []


def test_every_service_has_the_same_entries() -> None:
    assert entry_offences(ROOT) == []


def test_planted_names_are_caught(tmp_path: Path) -> None:
    root = plant(tmp_path, {"services/wavetank/utils/text.py": "", "tests/helpers.py": "", "k8s/base/redis.yaml": ""})
    assert name_offences(root) == [
        "services/wavetank/utils is called after nothing",
        "tests/helpers.py is called after nothing",
    ]


def test_a_missing_entry_is_caught(tmp_path: Path) -> None:
    files = {f"services/wavetank/oracle/{entry}": "" for entry in ENTRIES if "." in entry and entry != "SPEC.md"}
    files["services/wavetank/oracle/core/median.py"] = ""
    files["services/wavetank/model/units.py"] = ""
    root = plant(tmp_path, files)
    assert entry_offences(root) == [
        "oracle has no adapters",
        "oracle has no SPEC.md",
        "model has no py.typed",
        "oracle has no py.typed",
    ]
