"""Random storms: days that nobody thought of, run until an invariant breaks."""
