"""Python surface of `accounts`: none but its class, which only compiled code uses."""

from wavetank.matching.core.book import Books

class Accounts:
    def __init__(self, books: Books) -> None: ...
