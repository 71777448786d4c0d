"""Python surface of `firing`: none; the engine reaches it."""
