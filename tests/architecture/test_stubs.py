"""Each compiled module says to the type checker what it really offers.

A `.pyi` is written by hand; nothing but this test would notice that it promises a name the `.pyx` does not have.
"""

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType

from tests.architecture.tree import ROOT, plant


def missing_surfaces(root: Path) -> list[str]:
    """Return the `.pxd` and `.pyi` files that stand beside no `.pyx`, and those that a `.pyx` lacks."""
    found: list[str] = []
    for source in sorted((root / "services").rglob("*.pyx")):
        found += [
            f"{source.relative_to(root)} has no {suffix}"
            for suffix in (".pxd", ".pyi")
            if not source.with_suffix(suffix).exists()
        ]
    return found


def stub_names(stub: str) -> dict[str, set[str]]:
    """Return the public names of a stub, each with the public members of its class (none for anything else)."""
    names: dict[str, set[str]] = {}
    for node in ast.parse(stub).body:
        match node:
            case ast.ClassDef(name=name, body=body):
                names[name] = {member for child in body for member in _bound(child) if not member.startswith("_")}
            case _:
                names.update({name: set() for name in _bound(node)})
    return {name: members for name, members in names.items() if not name.startswith("_")}


def module_names(module: ModuleType) -> dict[str, set[str]]:
    """Return what a compiled module itself defines for others: its functions, and its classes with their members."""
    names: dict[str, set[str]] = {}
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        own = vars(value) if inspect.isclass(value) else {}
        names[name] = {member for member in own if not member.startswith("_")}
    return names


def stub_offences(stub: str, module: ModuleType) -> list[str]:
    """Return the names in which a stub and its module differ; constants are compared one way, for they have no home."""
    promised, offered = stub_names(stub), module_names(module)
    found = [f"{name} is promised, not offered" for name in sorted(promised) if not hasattr(module, name)]
    found += [f"{name} is offered, not promised" for name in sorted(offered.keys() - promised.keys())]
    for name in sorted(promised.keys() & offered.keys()):
        found += [f"{name}.{member} is promised, not offered" for member in sorted(promised[name] - offered[name])]
        found += [f"{name}.{member} is offered, not promised" for member in sorted(offered[name] - promised[name])]
    return found


def _bound(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case _:
            return []


def test_each_compiled_module_has_both_surfaces() -> None:
    assert missing_surfaces(ROOT) == []


def test_each_stub_matches_its_compiled_module() -> None:
    found: list[str] = []
    for stub in sorted((ROOT / "services").rglob("*.pyi")):
        if stub.with_suffix(".pyx").exists():
            name = ".".join(stub.relative_to(ROOT / "services").with_suffix("").parts)
            module = importlib.import_module(name)
            found += [f"{name}: {line}" for line in stub_offences(stub.read_text(encoding="utf-8"), module)]
    assert found == []


def test_a_missing_surface_is_caught(tmp_path: Path) -> None:
    root = plant(tmp_path, {"services/wavetank/model/money.pyx": "", "services/wavetank/model/money.pxd": ""})
    assert missing_surfaces(root) == ["services/wavetank/model/money.pyx has no .pyi"]


def test_a_stub_that_differs_is_caught() -> None:
    module = ModuleType("engine")
    source = "LIMIT = 3\ndef apply(): ...\nclass Book:\n    depth = 1\n    def cancel(self): ...\n"
    exec(source, vars(module))  # noqa: S102 - stands in for a compiled module, whose names it has.
    stub = "LIMIT: int\nBOUND: int\nclass Book:\n    depth: int\n    def amend(self) -> None: ...\n"
    assert stub_offences(stub, module) == [
        "BOUND is promised, not offered",
        "apply is offered, not promised",
        "Book.amend is promised, not offered",
        "Book.cancel is offered, not promised",
    ]
