"""Compile every Cython module below `services/`; everything else stands in pyproject.toml.

Setuptools can list extensions in pyproject.toml, but only one by one. Found by glob, a new `.pyx` is
built without an entry to forget, and none can be left behind after it is removed.
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

setup(ext_modules=cythonize(MODULES, include_path=[str(ROOT)], language_level=3))
