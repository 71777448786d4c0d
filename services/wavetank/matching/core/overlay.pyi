"""Python surface of `overlay`: none; the engine reaches it."""
