"""C surface of `frozen`: none; its users are written in Python."""
