"""No float in a core, nor in the words of the trade: money is whole, and stays whole.

In Python: no float literal, no `float`, no true division, nothing of `math` but its integer functions. In Cython: no
`double` or `float`, no literal with a point or an exponent, no true division, nothing of `libc.math`.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import ROOT, cython_sources, plant, python_sources, rooms, without_text

WHOLE_MATH = {"comb", "factorial", "gcd", "isqrt", "lcm", "perm", "prod"}

_CYTHON_FLOATS = [
    (re.compile(r"\b(?:long\s+double|double|float(?:16|32|64|_t)?|float(?:32|64)_t)\b"), "a floating type"),
    (
        re.compile(r"(?<![\w.])(?:\d[\d_]*\.(?!\.)\d*|\.\d+)(?:[eE][+-]?\d+)?|(?<![\w.])\d[\d_]*[eE][+-]?\d"),
        "a float literal",
    ),
    (re.compile(r"(?<!/)/(?!/)"), "true division"),
    (re.compile(r"\blibc\.math\b|\bcmath\b"), "floating mathematics"),
]


def whole_number_sources(root: Path) -> Iterator[Path]:
    """Yield the folders in which every number is whole: the words of the trade and each core."""
    for room in rooms(root):
        if room.name == "model":
            yield room
        elif (room / "core").is_dir():
            yield room / "core"


def python_floats(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the kind of every float in a Python module."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=float() | complex()):
                yield node.lineno, "a float literal"
            case ast.Name(id="float" | "complex"):
                yield node.lineno, "a floating type"
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                yield node.lineno, "true division"
            case ast.Attribute(value=ast.Name(id="math"), attr=name) if name not in WHOLE_MATH:
                yield node.lineno, "floating mathematics"
            case ast.Attribute(attr="float16" | "float32" | "float64" | "true_divide" | "divide" | "truediv"):
                yield node.lineno, "a floating type"
            case ast.ImportFrom(module="math", names=names) if {alias.name for alias in names} - WHOLE_MATH:
                yield node.lineno, "floating mathematics"
            case _:
                pass


def cython_floats(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the kind of every float in a Cython source."""
    for number, line in enumerate(without_text(source).splitlines(), start=1):
        for pattern, what in _CYTHON_FLOATS:
            if pattern.search(line):
                yield number, what


def float_offences(root: Path) -> list[str]:
    """Return every float in a core or in the words of the trade."""
    found: list[str] = []
    for folder in whole_number_sources(root):
        for path in python_sources(folder):
            for line, what in python_floats(ast.parse(path.read_text(encoding="utf-8"))):
                found.append(f"{path.relative_to(root)}:{line}: {what}")
        for path in cython_sources(folder):
            for line, what in cython_floats(path.read_text(encoding="utf-8")):
                found.append(f"{path.relative_to(root)}:{line}: {what}")
    return found


def test_no_core_holds_a_float() -> None:
    assert float_offences(ROOT) == []


def test_planted_floats_are_caught(tmp_path: Path) -> None:
    python = "import math\nfrom math import sqrt\nhalf = 0.5\nthird = 1 / 3\nx = float(2)\ny = math.exp(1)\nx /= 2\n"
    cython = "cdef double rate\ncdef int64_t a = b / c\nx = 1.5\ny = 2e6\nz = .5\nfrom libc.math cimport exp\n"
    root = plant(
        tmp_path,
        {
            "services/wavetank/clearing/core/margin.py": python,
            "services/wavetank/clearing/core/ledger.pyx": cython,
            "services/wavetank/model/money.pxd": "cdef float scale\n",
        },
    )
    assert sorted(float_offences(root)) == [
        "services/wavetank/clearing/core/ledger.pyx:1: a floating type",
        "services/wavetank/clearing/core/ledger.pyx:2: true division",
        "services/wavetank/clearing/core/ledger.pyx:3: a float literal",
        "services/wavetank/clearing/core/ledger.pyx:4: a float literal",
        "services/wavetank/clearing/core/ledger.pyx:5: a float literal",
        "services/wavetank/clearing/core/ledger.pyx:6: floating mathematics",
        "services/wavetank/clearing/core/margin.py:2: floating mathematics",
        "services/wavetank/clearing/core/margin.py:3: a float literal",
        "services/wavetank/clearing/core/margin.py:4: true division",
        "services/wavetank/clearing/core/margin.py:5: a floating type",
        "services/wavetank/clearing/core/margin.py:6: floating mathematics",
        "services/wavetank/clearing/core/margin.py:7: true division",
        "services/wavetank/model/money.pxd:1: a floating type",
    ]


def test_whole_numbers_text_and_adapters_are_left_alone(tmp_path: Path) -> None:
    root = plant(
        tmp_path,
        {
            "services/wavetank/clearing/core/ledger.pyx": (
                '"""Rates such as 0.5 or 1/3."""\nx = a // b  # floor, not a/b\n'
                "y = 1_000_000\nz = xs[0].lots\nh = 0x1e5\n"
            ),
            "services/wavetank/clearing/core/margin.py": '"""0.5 of it."""\nimport math\nx = math.isqrt(9) // 2\n',
            "services/wavetank/clearing/adapters/metrics.py": "seconds = 0.5\n",
        },
    )
    assert float_offences(root) == []
