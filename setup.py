"""Compile every Cython module below `services/`; everything else stands in pyproject.toml.

Setuptools can list extensions in pyproject.toml, but only one by one. Found by glob, a new `.pyx` is
built without an entry to forget. With `CHECKED=1` in the environment the build is the one of
`make check-native`: slow, and it stops at the first overflow, bound or address that is not right. With
`COMPILED_LATER=1` an editable install leaves compiling to the `build_ext --inplace` after it, which would not know
that it has been done.
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = Path("services")
CHECKED = os.environ.get("CHECKED") == "1"
COMPILED_LATER = os.environ.get("COMPILED_LATER") == "1"
# Python's own flags say `-fwrapv`, which hides signed overflow from the sanitizer. Cython's `overflowcheck` adds
# nothing to that, and cannot be had: it knows no 128-bit numbers. The assertions are the bounds checks of `vector`.
SANITIZED = [
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-wrapv",
    "-D_GLIBCXX_ASSERTIONS",
    "-fno-omit-frame-pointer",
    "-g1",
]
MODULES = [
    Extension(
        ".".join(source.relative_to(ROOT).with_suffix("").parts),
        [str(source)],
        language="c++",
        extra_compile_args=[
            "-std=c++17",
            *(["-O1", *SANITIZED] if CHECKED else ["-O3", "-g0", "-fno-plt", "-fno-semantic-interposition"]),
        ],
        extra_link_args=SANITIZED[:1] if CHECKED else [],
    )
    for source in sorted(ROOT.glob("wavetank/**/*.pyx"))
]

# What Cython starts to work beside it may read this file again, and is to do nothing then.
if __name__ == "__main__":
    JOBS = os.cpu_count() or 1
    setup(
        # Cython ships no types for its build functions.
        ext_modules=cythonize(  # type: ignore[no-untyped-call]
            [] if COMPILED_LATER else MODULES,
            include_path=[str(ROOT)],
            language_level=3,
            compiler_directives={"boundscheck": True, "initializedcheck": True} if CHECKED else {},
            nthreads=JOBS,
        ),
        options={"build_ext": {"parallel": JOBS}},
    )
