"""C surface of `scoring`: none; the policies call it from Python."""
