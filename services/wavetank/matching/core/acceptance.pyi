"""Python surface of `acceptance`: none; only compiled code checks orders."""
