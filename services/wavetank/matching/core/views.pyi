"""Python surface of `views`: none; the engine asks."""
