"""Python surface of `dry_run`: none; the engine asks."""
