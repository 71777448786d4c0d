"""Python surface of `batches`: none; the engine reaches it."""
