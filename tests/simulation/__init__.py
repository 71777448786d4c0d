"""The whole exchange from one seed, with every invariant after each step."""
