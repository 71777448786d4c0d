"""Compile every Cython module below `services/`; everything else stands in pyproject.toml.

Setuptools can list extensions in pyproject.toml, but only one by one. Found by glob, a new `.pyx` is
built without an entry to forget.
"""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = Path("services")
MODULES = [
    Extension(
        ".".join(source.relative_to(ROOT).with_suffix("").parts),
        [str(source)],
        language="c++",
        extra_compile_args=["-O2", "-std=c++17"],
    )
    for source in sorted(ROOT.glob("wavetank/**/*.pyx"))
]

# Cython ships no types for its build functions.
setup(ext_modules=cythonize(MODULES, include_path=[str(ROOT)], language_level=3))  # type: ignore[no-untyped-call]
