"""Matching: one shard of order books, fast, deterministic and within the credit that clearing extends."""

# Before gRPC, whichever module of the room imports it first: the habits settle how gRPC behaves.
import wavetank.runtime as _habits  # noqa: F401
