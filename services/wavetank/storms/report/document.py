"""The document of results: JSON for programs, and for comparing with another day's.

It exists so that results outlive the process that ran them. Kept true: keys stand in the same order whenever the runs
are the same, numbers are numbers, and what is read is equal to what was written; a fraction that JSON cannot hold
becomes null.
"""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wavetank.storms.measure.record import Asserted, Figure
from wavetank.storms.report.results import Quantiles, Results, SeedResult, VariantResult

SCHEMA_VERSION = 1
LARGEST_BYTES = 512 * 1024 * 1024
"""A document above this is refused unread."""
_FAULTS_SHOWN = 5


class DocumentUnreadable(ValueError):
    """The file is no document of results; the message says which file and what is wrong with it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Asserted(_Part):
    text: str
    holds: bool
    seen: str


class _Seed(_Part):
    seed: int
    state_hash: Annotated[str, Field(pattern="^[0-9a-f]*$")]
    ok: bool
    harm: bool | None
    expected_harm: bool | None
    figures: dict[str, int | float | bool | str | None]
    asserted: list[_Asserted]
    failure: str
    command: str = ""


class _Quantiles(_Part):
    p5: int | float
    p50: int | float
    p95: int | float


class _Variant(_Part):
    ok: bool
    seeds: list[_Seed]
    distribution: dict[str, _Quantiles]


class _Document(_Part):
    schema_version: Literal[1]
    scenario: str
    title: str
    mode: Literal["sim", "live"]
    ok: bool
    variants: dict[str, _Variant]


def results_document(results: Results) -> dict[str, Any]:
    """Return results as plain dictionaries and lists."""
    return {
        "schema_version": SCHEMA_VERSION,
        "scenario": results.scenario,
        "title": results.title,
        "mode": results.mode,
        "ok": results.ok,
        "variants": {name: _variant(each) for name, each in results.variants.items()},
    }


def write_document(results: Results, path: Path) -> None:
    """Write results to a file.

    Raises:
        OSError: the file cannot be written.

    """
    document = results_document(results)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def read_document(path: Path) -> Results:
    """Return the results that a file holds.

    Raises:
        DocumentUnreadable: there is no such file, or it is no document of this version.

    """
    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise DocumentUnreadable(f"{path} has {size:,} bytes; a document has at most {LARGEST_BYTES:,}")
        document = json.loads(path.read_bytes(), parse_constant=_refuse_constant)
    except OSError as error:
        raise DocumentUnreadable(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, DocumentUnreadable):
            raise
        raise DocumentUnreadable(f"{path} is no JSON: {error}") from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise DocumentUnreadable(
            f"{path} has schema_version {version!r}; documents of version {SCHEMA_VERSION} can be read"
        )
    try:
        read = _Document.model_validate(document)
    except ValidationError as error:
        raise DocumentUnreadable(f"{path} is no document of results: {_faults(error)}") from error
    variants = {name: _read_variant(each) for name, each in read.variants.items()}
    return Results(scenario=read.scenario, title=read.title, mode=read.mode, variants=variants)


def _variant(variant: VariantResult) -> dict[str, Any]:
    return {
        "ok": variant.ok,
        "seeds": [
            {
                "seed": each.seed,
                "state_hash": each.state_hash,
                "ok": each.ok,
                "harm": each.harm,
                "expected_harm": each.expected_harm,
                "figures": {name: _plain(each.figures[name]) for name in sorted(each.figures)},
                "asserted": [
                    {"text": asserted.text, "holds": asserted.holds, "seen": asserted.seen}
                    for asserted in each.asserted
                ],
                "failure": each.failure,
                "command": each.command,
            }
            for each in variant.seeds
        ],
        "distribution": {
            name: {"p5": each.p5, "p50": each.p50, "p95": each.p95} for name, each in variant.distribution.items()
        },
    }


def _plain(value: Figure) -> Figure:
    return None if isinstance(value, float) and not isfinite(value) else value


def _read_variant(variant: _Variant) -> VariantResult:
    return VariantResult(
        seeds=tuple(
            SeedResult(
                seed=each.seed,
                state_hash=each.state_hash,
                ok=each.ok,
                figures=dict(each.figures),
                asserted=tuple(
                    Asserted(text=asserted.text, holds=asserted.holds, seen=asserted.seen) for asserted in each.asserted
                ),
                harm=each.harm,
                expected_harm=each.expected_harm,
                failure=each.failure,
                command=each.command,
            )
            for each in variant.seeds
        ),
        distribution={
            name: Quantiles(p5=each.p5, p50=each.p50, p95=each.p95) for name, each in variant.distribution.items()
        },
    )


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")


def _faults(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_context=False)
    told = [f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in faults[:_FAULTS_SHOWN]]
    more = [f"and {len(faults) - _FAULTS_SHOWN} more"] if len(faults) > _FAULTS_SHOWN else []
    return "; ".join(told + more)
