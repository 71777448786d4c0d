"""Python surface of `book`: little, for only compiled code trades on it."""

from wavetank.matching.core.orders import Orders

class Books:
    def __init__(self, orders: Orders, track_levels: bool) -> None: ...

FIXED: tuple[str, ...]
