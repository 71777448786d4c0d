"""Words that the sentences of all logs share, and who speaks them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from wavetank.cli.amounts import show_price, show_size
from wavetank.cli.logs import Names
from wavetank.model.fees import NO_OWN_RATE_PPM
from wavetank.model.ids import VENUE_ACCOUNTS

E = TypeVar("E")


class Speaker:
    """Knows what ids are called and how numbers are written."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def account(self, account_id: int) -> str:
        """Return an account's name with its id."""
        name = VENUE_ACCOUNTS.get(account_id) or self._names.accounts.get(account_id, "")
        return f"{name} ({account_id})" if name else f"account {account_id}"

    def symbol(self, instrument_id: int) -> str:
        """Return an instrument's symbol."""
        known = self._names.instruments.get(instrument_id)
        return known.symbol if known is not None else f"instrument {instrument_id}"

    def price(self, instrument_id: int, price_ticks: int) -> str:
        """Return a price in dollars; `none` for zero."""
        return show_price(price_ticks, self._decimals(instrument_id)) if price_ticks else "none"

    def size(self, instrument_id: int, size_lots: int) -> str:
        """Return a size in units of the base asset, without its sign."""
        return show_size(abs(size_lots), self._decimals(instrument_id))

    def change(self, instrument_id: int, delta_lots: int) -> str:
        """Return a signed change of a position as `bought 0.5` or `sold 0.5`."""
        return f"{'bought' if delta_lots > 0 else 'sold'} {self.size(instrument_id, delta_lots)}"

    def _decimals(self, instrument_id: int) -> int:
        known = self._names.instruments.get(instrument_id)
        return known.size_decimals if known is not None else 0


Teller = Callable[[Speaker, Any], str]
"""Turns an event of one class into a sentence."""


class Tellers(dict[type[Any], Teller]):
    """The sentences of a log, by class of event."""

    def of(self, cls: type[E]) -> Callable[[Callable[[Speaker, E], str]], Callable[[Speaker, E], str]]:
        """Let the decorated function tell events of a class."""

        def register(teller: Callable[[Speaker, E], str]) -> Callable[[Speaker, E], str]:
            self[cls] = teller
            return teller

        return register


def show_client_id(client_order_id: bytes) -> str:
    """Return a client's order id as text where it is text, else as hexadecimal."""
    try:
        text = client_order_id.decode("ascii")
    except UnicodeDecodeError:
        return f"0x{client_order_id.hex()}"
    return text if text.isprintable() else f"0x{client_order_id.hex()}"


def named(value: int, words: Any) -> str:  # noqa: ANN401 - an IntEnum, or names by index.
    """Return a number's name in lower case; the number itself when it has none."""
    try:
        found = words[value] if isinstance(words, tuple) else words(value).name.lower().replace("_", " ")
    except (ValueError, IndexError):
        return str(value)
    return str(found)


def own_id(client_order_id: bytes) -> str:
    """Return a client's order id in brackets, with a blank before it; nothing for none."""
    return f" [{show_client_id(client_order_id)}]" if client_order_id else ""


def show_rate(fee_ppm: int) -> str:
    """Return a fee rate in basis points."""
    if fee_ppm == NO_OWN_RATE_PPM:
        return "the instrument's rate"
    return f"{Decimal(fee_ppm).scaleb(-2).normalize():f} bps"
