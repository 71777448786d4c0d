"""The oracle: sources, faults, index, mark and funding."""
