"""C surface of `stopwatch`: none; its users are written in Python."""
