"""Python surface of `placement`: none; only compiled code places orders."""
