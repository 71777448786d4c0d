"""Python surface of `quotes`: none; only compiled code quotes."""
