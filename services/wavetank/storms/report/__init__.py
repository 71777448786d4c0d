"""Runs shown: on the terminal, as one page for a browser, and as a document that programs read and compare."""
