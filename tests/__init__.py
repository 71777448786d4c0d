"""The tests, split by kind: each folder is one kind, and `make test` runs all that need nothing but this machine."""
