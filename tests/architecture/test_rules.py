"""Every numbered rule that a room keeps is carried by a test, and every rule that a test cites stands in a room.

Rooms state their rules in their own `SPEC.md`, each id in bold; tests cite them with `@pytest.mark.spec("LIQ-030")`.
"""

import ast
import re
from pathlib import Path

from tests.architecture.tree import ROOT, plant, python_sources

RULE = re.compile(r"\*\*([A-Z]{2,6}-\d{3})\*\*")


def stated_rules(root: Path) -> dict[str, str]:
    """Return the ids that stand in some room's SPEC.md, each with that file."""
    pages = [page for folder in ("services", "clients") for page in sorted((root / folder).rglob("SPEC.md"))]
    return {
        rule: str(page.relative_to(root)) for page in pages for rule in RULE.findall(page.read_text(encoding="utf-8"))
    }


def cited_rules(root: Path) -> dict[str, str]:
    """Return the ids that tests cite, each with a file that does."""
    cited: dict[str, str] = {}
    for path in python_sources(root / "tests"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="spec", value=ast.Attribute(attr="mark")), args=args):
                    for argument in args:
                        assert isinstance(argument, ast.Constant), f"{path}:{node.lineno}: a rule is cited by its name"
                        cited[str(argument.value)] = str(path.relative_to(root))
                case _:
                    pass
    return cited


def rule_offences(root: Path) -> list[str]:
    """Return the rules that no test carries, and the citations of rules that stand nowhere."""
    stated, cited = stated_rules(root), cited_rules(root)
    untested = [f"{rule} of {stated[rule]} is cited by no test" for rule in sorted(stated.keys() - cited.keys())]
    unknown = [f"{rule}, cited in {cited[rule]}, stands in no room" for rule in sorted(cited.keys() - stated.keys())]
    return untested + unknown


def test_every_rule_has_its_test_and_every_citation_its_rule() -> None:
    assert rule_offences(ROOT) == []


def test_planted_gaps_are_caught(tmp_path: Path) -> None:
    root = plant(
        tmp_path,
        {
            "services/wavetank/clearing/SPEC.md": "- **LIQ-030** cancels.\n- **LIQ-040** closes. **LIQ-050** all.\n",
            "tests/unit/test_liquidation.py": (
                '@pytest.mark.spec("LIQ-030", "LIQ-050")\ndef test_it(): ...\n'
                'CASES = [pytest.param(1, marks=pytest.mark.spec("LIQ-999"))]\n'
            ),
        },
    )
    assert rule_offences(root) == [
        "LIQ-040 of services/wavetank/clearing/SPEC.md is cited by no test",
        "LIQ-999, cited in tests/unit/test_liquidation.py, stands in no room",
    ]
