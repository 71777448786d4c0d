"""Python surface of `book`: little, for only compiled code trades on it."""

from wavetank.matching.core.orders import Orders
from wavetank.model.instrument import Instrument

class Book:
    def __init__(self, instrument: Instrument, orders: Orders, track_levels: bool) -> None: ...
    def adopt(self, instrument: Instrument) -> None: ...
