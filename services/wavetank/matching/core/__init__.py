"""The engine: books, orders and credit in integers; same commands in, byte-same events out."""
