"""Python surface of `requests`: none; only compiled code carries requests out."""
