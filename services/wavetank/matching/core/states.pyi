"""Python surface of `states`: none; the engine reaches it."""
