"""C surface of `link`: none; its users are written in Python."""
