"""Storms: the venue's worst days, as scenarios that run live or simulated."""
