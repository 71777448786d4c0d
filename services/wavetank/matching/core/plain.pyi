"""Python surface of `matching`: none; only compiled code matches."""
