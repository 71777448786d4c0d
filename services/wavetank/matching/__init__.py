"""Matching: one shard of order books, fast, deterministic and within the credit that clearing extends."""
