"""Python surface of `auction`: none; the engine reaches it."""
