"""Who may import whom, in Python and in Cython.

Import-linter reads `.py` only; a `cimport` binds a core just as firmly. This table is DESIGN's, once more and complete:
protos ← everyone; model ← cores; core ← its own service ← its own adapters ← `__main__`; services meet in the contract
and in the log alone.
"""

import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.tree import ROOT, cython_sources, plant, python_sources, without_text

CONTRACT = "v1"
CLIENT = "client"
SERVICE = "a service"

# Room → the other rooms it may import. Scenarios simulate the cores, so they may import everything.
MAY_IMPORT: dict[str, set[str]] = {
    CONTRACT: set(),
    CLIENT: {CONTRACT},
    "model": {CONTRACT},
    "runtime": {"model", CONTRACT},
    "cli": {"runtime", "model", CLIENT, CONTRACT},
    SERVICE: {"runtime", "model", CONTRACT},
}

# Inside a service, a part imports those of its own height or lower; any other module stands beside the service.
HEIGHT = {"core": 0, "ports": 1, "config": 1, "adapters": 3, "__main__": 4}
BESIDE_THE_SERVICE = 2

# What a core may name from outside: numbers, containers and types; nothing that reads a clock, a file or a socket.
PURE = (sys.stdlib_module_names | {"numpy", "cython", "cpython", "libc", "libcpp"}) - {
    "asyncio",
    "concurrent",
    "datetime",
    "http",
    "io",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "secrets",
    "selectors",
    "socket",
    "ssl",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "urllib",
    "uuid",
}

_CYTHON_FROM = re.compile(r"^[ \t]*from[ \t]+([.\w]+)[ \t]+c?import[ \t]+(\([^)]*\)|[^\n]*)", re.MULTILINE)
_CYTHON_PLAIN = re.compile(r"^[ \t]*c?import[ \t]+([\w., \t]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a module stands: its room, and its part of the room."""

    room: str
    part: str

    @property
    def kind(self) -> str:
        """The room's row in the table."""
        return self.room if self.room in MAY_IMPORT or self.room == "storms" else SERVICE

    @property
    def height(self) -> int:
        """How high the part stands inside its service."""
        return HEIGHT.get(self.part, BESIDE_THE_SERVICE)

    @property
    def pure(self) -> bool:
        """Whether the module must be pure: a core, or a word of the trade."""
        return self.kind == "model" or (self.kind == SERVICE and self.part == "core")


def place_of(module: str) -> Place:
    """Return where a module such as `wavetank.matching.core.engine` stands."""
    parts = module.split(".")
    return Place(room=parts[1] if len(parts) > 1 else "", part=parts[2] if len(parts) > 2 else "")


def imports_of(path: Path, module: str) -> set[str]:
    """Return the absolute names of the modules that a source imports or cimports."""
    source = path.read_text(encoding="utf-8")
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    found: set[str] = set()
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                target = absolute("." * node.level + (node.module or ""), package)
                found.update(with_members(target, [alias.name for alias in node.names]))
        return found
    text = without_text(source)
    for target, members in _CYTHON_FROM.findall(text):
        found.update(with_members(absolute(target, package), re.findall(r"\w+", members)))
    for names in _CYTHON_PLAIN.findall(text):
        found.update(name.split(" as ")[0].strip() for name in names.split(","))
    return found


def absolute(target: str, package: str) -> str:
    """Turn a relative import into the absolute name it means."""
    name = target.lstrip(".")
    level = len(target) - len(name)
    if not level:
        return name
    parents = package.split(".")
    return ".".join([*parents[: len(parents) - level + 1], *([name] if name else [])])


def with_members(target: str, members: list[str]) -> set[str]:
    """Return the modules that `from target import members` may mean: rooms are told apart by their members."""
    return {f"{target}.{member}" for member in members} if target.count(".") < 2 else {target}


def offence(importer: Place, imported: str) -> str | None:
    """Return what is wrong with an import, or nothing."""
    root = imported.partition(".")[0]
    if root != "wavetank":
        return "a core and the words are pure" if importer.pure and root not in PURE else None
    target = place_of(imported)
    if importer.kind == "storms":
        return None
    if target.room == importer.room:
        inside = importer.kind == SERVICE and target.height > importer.height
        return f"{importer.part} stands below {target.part}" if inside else None
    if importer.kind == SERVICE and importer.part == "core":
        return None if target.room == "model" else "a core imports only the words of the trade"
    return None if target.room in MAY_IMPORT[importer.kind] else f"{importer.room} may not import {target.room}"


def import_offences(root: Path) -> list[str]:
    """Return every forbidden import below the three source roots of a tree."""
    found: list[str] = []
    for source_root in (root / "services", root / "clients/python/src", root / "protos/gen/python"):
        for path in [*python_sources(source_root / "wavetank"), *cython_sources(source_root / "wavetank")]:
            parts = path.relative_to(source_root).with_suffix("").parts
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            for imported in sorted(imports_of(path, module)):
                why = offence(place_of(module), imported)
                if why:
                    found.append(f"{path.relative_to(root)} imports {imported}: {why}")
    return found


def test_every_import_obeys_the_table() -> None:
    assert import_offences(ROOT) == []


def test_planted_imports_are_caught(tmp_path: Path) -> None:
    root = plant(
        tmp_path,
        {
            "services/wavetank/matching/core/book.py": "import time\nfrom wavetank import clearing\n",
            "services/wavetank/matching/core/engine.pyx": (
                "from wavetank.clearing.core.ledger cimport Ledger\nimport redis\nfrom ..service cimport commit\n"
            ),
            "services/wavetank/matching/core/engine.pxd": "from libc.stdint cimport int64_t\n",
            "services/wavetank/matching/service.py": "from .adapters import log\nfrom wavetank.client import Bot\n",
            "services/wavetank/model/money.py": "import grpc\nfrom wavetank.v1 import log_pb2\n",
            "services/wavetank/cli/app.py": "from wavetank.oracle import service\n",
            "clients/python/src/wavetank/client/edge.py": "from wavetank.model.units import Micros\n",
        },
    )
    assert [line.split(":")[0] for line in import_offences(root)] == [
        "services/wavetank/cli/app.py imports wavetank.oracle.service",
        "services/wavetank/matching/core/book.py imports time",
        "services/wavetank/matching/core/book.py imports wavetank.clearing",
        "services/wavetank/matching/service.py imports wavetank.client.Bot",
        "services/wavetank/matching/service.py imports wavetank.matching.adapters",
        "services/wavetank/model/money.py imports grpc",
        "services/wavetank/matching/core/engine.pyx imports redis",
        "services/wavetank/matching/core/engine.pyx imports wavetank.clearing.core.ledger",
        "services/wavetank/matching/core/engine.pyx imports wavetank.matching.service",
        "clients/python/src/wavetank/client/edge.py imports wavetank.model.units",
    ]


def test_allowed_imports_are_left_alone(tmp_path: Path) -> None:
    root = plant(
        tmp_path,
        {
            "services/wavetank/clearing/core/ledger.pyx": (
                "from wavetank.model.money cimport mul_div\nfrom wavetank.clearing.core cimport accounts\n"
                "from libcpp.vector cimport vector\ncimport cython\n# from redis import Redis\n"
            ),
            "services/wavetank/clearing/adapters/grpc_server.py": (
                "import grpc\nfrom wavetank.clearing import ports, service\nfrom wavetank.runtime.server import serve\n"
            ),
            "services/wavetank/clearing/__main__.py": "from wavetank.clearing.adapters import grpc_server\n",
        },
    )
    assert import_offences(root) == []
