"""Python surface of `amendment`: none; only compiled code amends orders."""
