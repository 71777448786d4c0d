"""Python surface of `groups`: none; the engine reaches it."""
