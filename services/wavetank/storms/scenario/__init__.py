"""Scenarios: what a page of YAML may say, and how it is read."""
