"""Python surface of `recovery`: none; `Engine.replay` is its door."""
