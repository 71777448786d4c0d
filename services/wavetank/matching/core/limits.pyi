"""Python surface of `limits`: none; only compiled code checks orders."""
