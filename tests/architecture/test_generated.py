"""The generated code is what the contract says, and asks for no more than its distribution promises."""

import re
import subprocess
import sys
from pathlib import Path

from tests.architecture.tree import ROOT

PACKAGE = Path("wavetank/v1")


def differences(expected: Path, actual: Path) -> list[str]:
    """Return the files that two directories of generated code do not share byte for byte."""
    trees = [
        {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} for folder in (expected, actual)
    ]
    return sorted(name for name in trees[0].keys() | trees[1].keys() if trees[0].get(name) != trees[1].get(name))


def bound(project: str, package: str) -> tuple[int, ...]:
    """Return the lower bound that a project file gives a package."""
    match = re.search(rf'"{package}>=([\d.]+)"', project)
    assert match, f"protos/pyproject.toml gives {package} no lower bound"
    return tuple(int(part) for part in match.group(1).split("."))


def test_the_generated_code_is_fresh(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "protos/generate.py", tmp_path], check=True)
    assert differences(tmp_path / PACKAGE, ROOT / "protos/gen/python" / PACKAGE) == [], "run `make protos`"


def test_a_changed_a_missing_and_a_stale_file_are_caught(tmp_path: Path) -> None:
    for folder, files in {"fresh": {"a": "1", "b": "2", "c": "3"}, "old": {"a": "1", "b": "0", "d": "4"}}.items():
        (tmp_path / folder).mkdir()
        for name, content in files.items():
            (tmp_path / folder / name).write_text(content, encoding="utf-8")
    assert differences(tmp_path / "fresh", tmp_path / "old") == ["b", "c", "d"]


def test_the_lower_bounds_are_those_that_the_generated_code_asks_for() -> None:
    project = (ROOT / "protos/pyproject.toml").read_text(encoding="utf-8")
    asked: dict[str, set[tuple[int, ...]]] = {"protobuf": set(), "grpcio": set()}
    for path in (ROOT / "protos/gen/python" / PACKAGE).glob("*_pb2*.py"):
        source = path.read_text(encoding="utf-8")
        for version in re.findall(r"Domain\.PUBLIC,\s+(\d+),\s+(\d+),\s+(\d+),", source):
            asked["protobuf"].add(tuple(int(part) for part in version))
        for version in re.findall(r"GRPC_GENERATED_VERSION = '([\d.]+)'", source):
            asked["grpcio"].add(tuple(int(part) for part in version.split(".")))
    assert {package: {bound(project, package)} for package in asked} == asked
