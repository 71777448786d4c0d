"""Python surface of `triggers`: none; the engine reaches it."""
