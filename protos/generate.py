"""Generate the Python code of the contract: messages, gRPC stubs and their types.

It exists so that people, `make protos` and the freshness test run the very same command. It keeps true that the
output directory holds exactly what the `.proto` files say: files of a removed `.proto` go with it.
"""

import sys
from pathlib import Path

from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent
PACKAGE = Path("wavetank/v1")
DOCSTRING = '"""The wire contract of Wavetank, version 1: generated from `protos/wavetank/v1`, never edited."""\n'


def generate(output: Path) -> None:
    """Write the package `wavetank.v1` below a directory, in place of what stood there.

    Args:
        output: the source root to write into; the package becomes `output/wavetank/v1`.

    Raises:
        SystemExit: the compiler refused a file; it has said which and why.
    """
    target = output / PACKAGE
    target.mkdir(parents=True, exist_ok=True)
    for stale in target.glob("*.py*"):
        if stale.is_file():
            stale.unlink()
    (target / "__init__.py").write_text(DOCSTRING, encoding="utf-8")
    (target / "py.typed").touch()
    sources = sorted(str(path.relative_to(PROTOS)) for path in (PROTOS / PACKAGE).glob("*.proto"))
    if not sources:
        return
    scripts = Path(sys.executable).parent
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={PROTOS}",
            # The compiler ships the well-known types (timestamps and the like) beside itself.
            f"--proto_path={Path(protoc.__file__).parent / '_proto'}",
            f"--plugin=protoc-gen-mypy={scripts / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={scripts / 'protoc-gen-mypy_grpc'}",
            f"--python_out={output}",
            f"--grpc_python_out={output}",
            f"--mypy_out=quiet:{output}",
            f"--mypy_grpc_out=quiet:{output}",
            *sources,
        ]
    )
    if status:
        raise SystemExit(status)


if __name__ == "__main__":
    generate(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else PROTOS / "gen" / "python")
