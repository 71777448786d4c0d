"""Clearing's core: pure, deterministic, integers only."""
