"""A market maker that knows its worst day will come.

It quotes around a reservation price: what it believes the instrument is worth, lowered when it is long or when longs
will pay funding, raised when it is short. It shows less on the side that would add to its position, keeps several
levels, and pulls its inner quotes and widens the others while the price moves far more than usual, while prices are
stale, and back again when it is calm. When its account is warned it only reduces; when it is liquidated it is silent.

The reservation price follows Avellaneda and Stoikov (2008) with a linear inventory term; funding is one more cost of
holding a position until the next payment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from wavetank.client.events import (
    BestBidOffer,
    CommandAnswered,
    CommandUnresolved,
    Fill,
    FillBooked,
    HealthBand,
    HealthBandChanged,
    OrderCancelled,
    PositionsRead,
    Prices,
    Reconnected,
    Started,
    StrategyEvent,
    Timer,
)
from wavetank.client.instrument import Instrument
from wavetank.client.orders import Side
from wavetank.client.strategies.activity import Activity
from wavetank.client.strategies.grid import Grid
from wavetank.client.strategies.quotes import Quotes, Slot
from wavetank.client.strategy import StrategyCommand

_BPS = 10_000.0
_NOTHING = Decimal(0)
# Read once, for members and properties of an enumeration are slow to read.
_BUY = Side.BUY
_SIGNED_SIDES = tuple((side, side.sign) for side in (Side.BUY, Side.SELL))
_REDUCING_BANDS = (HealthBand.WARNED, HealthBand.REDUCE_ONLY)
_QUOTING_BANDS = (HealthBand.NONE, HealthBand.HEALTHY, *_REDUCING_BANDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketMakerSettings:
    """What a market maker is told; shares are of one, `_bps` are basis points of the price, durations venue time.

    Attributes:
        instrument: symbol.
        size: of the innermost quote, in units of the base asset.
        max_position: largest position, long or short; no quote could exceed it if filled.
        levels: quotes on each side.
        half_spread_bps: from the reservation price to the innermost quote.
        level_spacing_bps: from one level to the next.
        level_size_factor: size of a level over that of the level before.
        index_weight: weight of the index price in the fair price; the rest is the microprice of the book.
        inventory_skew_bps: by how much a full position moves the reservation price.
        funding_weight: share of the predicted funding payment that moves the reservation price.
        max_funding_skew_bps: largest such move.
        asymmetry: how much smaller the side that adds to the position is at a full position; 1 leaves nothing.
        pull_ratio: activity, as a multiple of the usual, at which quotes are pulled.
        calm_ratio: activity below which they return.
        pulled_levels: inner levels that are pulled.
        pulled_spread_factor: by which the spread of the remaining levels is widened meanwhile.
        short_ns: time constant of the activity now.
        long_ns: time constant of the usual activity.
        usual_bps_per_second: activity that is quiet in any case.
        price_threshold_bps: a quote whose price should move less stays where it is.
        size_threshold: a quote whose size should change by less of itself stays as it is.
        requote_interval_ns: between two rounds of quoting; pulling and warnings do not wait.
        refusal_pause_ns: for which a quote rests after a refusal.
    """

    instrument: str
    size: Decimal
    max_position: Decimal
    levels: int = 3
    half_spread_bps: float = 4.0
    level_spacing_bps: float = 3.0
    level_size_factor: float = 1.5
    index_weight: float = 0.6
    inventory_skew_bps: float = 8.0
    funding_weight: float = 1.0
    max_funding_skew_bps: float = 10.0
    asymmetry: float = 1.0
    pull_ratio: float = 5.0
    calm_ratio: float = 2.0
    pulled_levels: int = 1
    pulled_spread_factor: float = 3.0
    short_ns: int = 1_000_000_000
    long_ns: int = 60_000_000_000
    usual_bps_per_second: float = 1.0
    price_threshold_bps: float = 0.75
    size_threshold: float = 0.25
    requote_interval_ns: int = 50_000_000
    refusal_pause_ns: int = 250_000_000


class MarketMaker:
    """Quotes one instrument; deterministic in its events."""

    def __init__(self, settings: MarketMakerSettings) -> None:
        self.instrument = settings.instrument
        self._settings = settings
        self._activity = Activity(
            short_ns=settings.short_ns, long_ns=settings.long_ns, usual=settings.usual_bps_per_second
        )
        self._distances_bps = tuple(
            settings.half_spread_bps + level * settings.level_spacing_bps for level in range(settings.levels)
        )
        self._grid: Grid | None = None
        self._quotes: Quotes | None = None
        self._book: BestBidOffer | None = None
        self._mid: float | None = None
        self._prices: Prices | None = None
        self._index: float | None = None
        self._watched: float | None = None
        """The price whose moves are activity: without sizes, for a microprice trembles with every order."""
        self._position = Decimal(0)
        self._sizes_of: dict[int, tuple[float, tuple[Decimal, ...]]] = {}
        """By the sign of a side: sizes by level, and the share of full ones for which they were worked out."""
        self._health = HealthBand.NONE
        self._now_ns = 0
        self._next_round_ns = 0
        self._is_pulled = False

    # --- What others may look at -------------------------------------------------------------------------------------

    @property
    def position(self) -> Decimal:
        """Signed position, as this strategy has counted it."""
        return self._position

    @property
    def is_pulled(self) -> bool:
        """Whether the inner quotes are pulled."""
        return self._is_pulled

    def reservation_price(self) -> float | None:
        """Return the price around which quotes stand, None while there is nothing to judge by.

        fair × (1 − inventory skew × position / max position − funding skew): with 8 bps of inventory skew, half of
        the largest position, long, lowers it by 4 bps; a predicted funding rate of +5 bps lowers it by 5 bps more.
        """
        fair = self._fair_price()
        return None if fair is None else self._reservation(fair, self._fullness())

    def _reservation(self, fair: float, fullness: float) -> float:
        settings = self._settings
        rate_bps = float(self._prices.funding_rate) * _BPS if self._prices else 0.0
        funding_bps = _clamp(settings.funding_weight * rate_bps, settings.max_funding_skew_bps)
        return fair * (1.0 - (settings.inventory_skew_bps * fullness + funding_bps) / _BPS)

    # --- Events ------------------------------------------------------------------------------------------------------

    def on_event(self, event: StrategyEvent) -> Sequence[StrategyCommand]:
        """Return what to do after an event."""
        if event.event_time_ns > self._now_ns:
            self._now_ns = event.event_time_ns
        if type(event) is Started:
            self._start(event)
            return []
        quotes = self._quotes
        if quotes is None:
            return []
        is_urgent = self._learn(event, quotes)
        if not is_urgent and self._now_ns < self._next_round_ns:
            return []
        self._next_round_ns = self._now_ns + self._settings.requote_interval_ns
        return quotes.steer(self._wanted(), self._now_ns, reduce_only=self._health in _REDUCING_BANDS)

    def _start(self, event: Started) -> None:
        settings = self._settings
        self._grid = Grid(event.instruments[settings.instrument])
        self._position = event.positions.get(settings.instrument, Decimal(0))
        self._quotes = Quotes(
            settings.instrument,
            order_id_prefix=event.order_id_prefix,
            price_threshold_bps=settings.price_threshold_bps,
            size_threshold=settings.size_threshold,
            refusal_pause_ns=settings.refusal_pause_ns,
        )

    def _learn(self, event: StrategyEvent, quotes: Quotes) -> bool:
        """Take note of an event and tell whether quoting must not wait for the next round."""
        symbol = self.instrument
        match event:
            case BestBidOffer() if event.instrument == symbol:
                self._take_book(event)
                return self._turn(self._watched)
            case CommandAnswered():
                quotes.on_answer(event)
            case Timer():
                return self._turn(None)
            case Fill():
                quotes.on_fill(event)
                self._take_fill(event)
            case Prices() if event.instrument == symbol:
                self._prices, self._index = event, None if event.index is None else float(event.index)
                self._watched = self._blended(self._mid)
                return self._turn(self._watched)
            case CommandUnresolved():
                quotes.on_unresolved(event)
            case OrderCancelled():
                quotes.on_cancel(event)
            case FillBooked(instrument=instrument, order_id=0) if instrument == symbol:
                # A transfer: auto-deleveraging or the vault took part of the position.
                self._position += event.delta_size
            case PositionsRead():
                self._position = event.positions.get(symbol, Decimal(0))
            case HealthBandChanged():
                self._health = event.current
                return True
            case Reconnected(stream="session"):
                quotes.on_return(event)
            case _:
                return self._turn(None)
        return False

    def _take_book(self, book: BestBidOffer) -> None:
        before, self._book = self._book, book
        # Most of what is told are sizes.
        if before is None or (book.bid_price, book.ask_price) != (before.bid_price, before.ask_price):
            mid = book.mid
            self._mid = None if mid is None else float(mid)
            self._watched = self._blended(self._mid)

    def _take_fill(self, fill: Fill) -> None:
        if fill.instrument == self.instrument:
            self._position += fill.size if fill.side is _BUY else -fill.size

    def _turn(self, watched: float | None) -> bool:
        """Pull or return as activity demands after a price, if there is one, and tell whether either happened."""
        before, prices, settings = self._is_pulled, self._prices, self._settings
        ratio = self._activity.see(watched, self._now_ns)
        limit = settings.calm_ratio if before else settings.pull_ratio
        self._is_pulled = ratio >= limit or (prices is not None and prices.stale)
        return self._is_pulled != before

    # --- Prices ------------------------------------------------------------------------------------------------------

    def _fullness(self) -> float:
        return _clamp(float(self._position / self._settings.max_position), 1.0)

    def _fair_price(self) -> float | None:
        book = self._book
        micro: float | None = None
        if book is not None and book.bid_price is not None and book.ask_price is not None:
            bid, ask = float(book.bid_price), float(book.ask_price)
            bid_size, ask_size = float(book.bid_size), float(book.ask_size)
            micro = (bid * ask_size + ask * bid_size) / (bid_size + ask_size)
        return self._blended(micro)

    def _blended(self, book_price: float | None) -> float | None:
        index = self._index
        if index is None:
            return book_price
        if book_price is None:
            return index
        weight = self._settings.index_weight
        return weight * index + (1.0 - weight) * book_price

    # --- Quotes ------------------------------------------------------------------------------------------------------

    def _wanted(self) -> dict[Slot, tuple[Decimal, Decimal]]:
        """Return price and size of each quote."""
        fair, grid, settings = self._fair_price(), self._grid, self._settings
        if fair is None or grid is None or self._health not in _QUOTING_BANDS:
            return {}
        instrument, min_notional = grid.instrument, grid.instrument.min_notional
        fullness = self._fullness()
        reservation = self._reservation(fair, fullness)
        first_level = settings.pulled_levels if self._is_pulled else 0
        spread_factor = settings.pulled_spread_factor if self._is_pulled else 1.0
        wanted: dict[Slot, tuple[Decimal, Decimal]] = {}
        for side, sign in _SIGNED_SIDES:
            room = self._room(sign, instrument)
            inside = self._inside(sign, instrument)
            sizes = self._sizes(sign, fullness, grid)
            for level, distance_bps in enumerate(self._distances_bps):
                size = sizes[level]
                if room < size:
                    size = room
                if level < first_level or size <= _NOTHING:
                    continue
                raw_price = reservation * (1.0 - sign * (distance_bps * spread_factor) / _BPS)
                price = grid.price(raw_price, up=sign < 0)
                # A post-only order that would trade is refused.
                if inside is not None and (price > inside if sign > 0 else price < inside):
                    price = instrument.round_price(inside, up=sign < 0)
                if size * price < min_notional:
                    continue
                room -= size
                wanted[side, level] = price, size
        return wanted

    def _room(self, sign: int, instrument: Instrument) -> Decimal:
        """Return by how much a position may still grow towards a side, in whole lots."""
        most = _NOTHING if self._health in _REDUCING_BANDS else self._settings.max_position
        return instrument.round_size(max(_NOTHING, most - sign * self._position))

    def _sizes(self, sign: int, fullness: float, grid: Grid) -> tuple[Decimal, ...]:
        """Return the size of each level in whole lots; they change with the position alone."""
        settings = self._settings
        share = max(0.0, 1.0 - settings.asymmetry * max(0.0, sign * fullness))
        found = self._sizes_of.get(sign)
        if found is None or found[0] != share:
            found = self._sizes_of[sign] = (
                share,
                tuple(
                    grid.size(settings.size, share * settings.level_size_factor**level)
                    for level in range(settings.levels)
                ),
            )
        return found[1]

    def _inside(self, sign: int, instrument: Instrument) -> Decimal | None:
        """Return the price one tick inside the other side, where an order still rests; None if that is empty."""
        book = self._book
        if book is None:
            return None
        if sign > 0:
            return None if book.ask_price is None else book.ask_price - instrument.tick
        return None if book.bid_price is None else book.bid_price + instrument.tick


def _clamp(value: float, bound: float) -> float:
    if value > bound:
        return bound
    return max(value, -bound)
