"""A run that is forked: one past, and several ways on from there."""
