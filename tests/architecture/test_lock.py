"""The lock names everything that the three distributions ask for, by version and by hash.

A dependency that is declared but not locked would be missing from `.venv` on the next machine only.
"""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.tree import ROOT, plant

PROJECTS = ("pyproject.toml", "protos/pyproject.toml", "clients/python/pyproject.toml")


def declared(root: Path) -> list[Requirement]:
    """Return every dependency of the three distributions and of the groups, but for the distributions themselves."""
    found: list[Requirement] = []
    own: set[str] = set()
    for name in PROJECTS:
        content = tomllib.loads((root / name).read_text(encoding="utf-8"))
        own.add(content["project"]["name"])
        groups = content.get("dependency-groups", {}).values()
        lines = [*content["project"].get("dependencies", []), *content["build-system"]["requires"]]
        lines += [line for group in groups for line in group if isinstance(line, str)]
        found += [Requirement(line) for line in lines]
    return [requirement for requirement in found if requirement.name not in own]


def locked(root: Path) -> dict[str, set[str]]:
    """Return the locked packages with their versions: one, or one for each range of Python versions."""
    versions: dict[str, set[str]] = {}
    lock = (root / "requirements.lock").read_text(encoding="utf-8")
    for name, version in re.findall(r"^([\w.-]+)==([\w.+]+)(?: ;.*)? \\\n +--hash=sha256:", lock, re.MULTILINE):
        versions.setdefault(canonicalize_name(name), set()).add(version)
    return versions


def lock_offences(root: Path) -> list[str]:
    """Return the declared dependencies that the lock does not satisfy."""
    versions = locked(root)
    return [
        f"{requirement} is declared, the lock has {sorted(held) or 'nothing'}"
        for requirement in declared(root)
        if not (held := versions.get(canonicalize_name(requirement.name), set()))
        or not all(requirement.specifier.contains(version) for version in held)
    ]


def test_the_lock_satisfies_what_is_declared() -> None:
    assert lock_offences(ROOT) == [], "run `make lock`"


def test_a_dependency_that_is_not_locked_is_caught(tmp_path: Path) -> None:
    project = '[build-system]\nrequires = ["setuptools"]\n[project]\nname = "{}"\ndependencies = [{}]\n'
    root = plant(
        tmp_path,
        {
            "pyproject.toml": project.format("wavetank", '"wavetank-protos", "Redis[hiredis]", "numpy>=3"'),
            "protos/pyproject.toml": project.format("wavetank-protos", ""),
            "clients/python/pyproject.toml": project.format("wavetank-client", '"polars"'),
            "requirements.lock": (
                "numpy==2.4.6 ; python_full_version < '3.12' \\\n    --hash=sha256:00\n"
                "redis==8.1.0 \\\n    --hash=sha256:00\nsetuptools==84.2.1 \\\n    --hash=sha256:00\n"
            ),
        },
    )
    assert lock_offences(root) == [
        "numpy>=3 is declared, the lock has ['2.4.6']",
        "polars is declared, the lock has nothing",
    ]
