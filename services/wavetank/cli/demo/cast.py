"""Who takes part: market makers of different temper, takers, believers with too much leverage, and their opposites.

It exists so that a shock meets a market, and meets every stage of the waterfall. Kept true: a role says all of a bot;
sizes are dollars, spreads follow from how far an instrument usually moves between two prices, and every pace is of
the wall, whatever the speed of the venue.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from enum import StrEnum

from wavetank.cli.demo.plan import MILLI, SECOND_NS, DemoPlan, InstrumentPlan
from wavetank.client import Ensemble, Instrument, Side, Strategy
from wavetank.client.strategies import (
    Directional,
    DirectionalSettings,
    MarketMaker,
    MarketMakerSettings,
    TakerFlow,
    TakerSettings,
)

_BPS = Decimal(10_000)
_CENT = Decimal("0.01")
_NARROWEST_BPS = 2.0


class RoleKind(StrEnum):
    """What a bot is there for."""

    MAKER = "market maker"
    TAKER = "taker"
    BELIEVER = "believer"
    HEDGER = "opposite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """A position that is built and held."""

    symbol: str
    with_crash: bool
    """On the side that gains when the plan's move comes."""
    notional: Decimal
    """Dollars."""
    collateral_share: Decimal
    """Of the notional, deposited at the begin."""
    health_after: Decimal | None = None
    """Health that the top-up aims at, for the moment at which clearing sees the whole move; None for no top-up."""
    in_first_fall: bool = False
    """Whether that is the first fall, and the top-up the first one."""

    def side(self, crash: Decimal) -> Side:
        """Return the side, given the move that will come; of no move, the one that a fall would hurt."""
        falls = crash <= 0
        return Side.SELL if falls == self.with_crash else Side.BUY


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One account and its bot."""

    name: str
    kind: RoleKind
    what: str
    deposit: Decimal
    strategy: Callable[[], Strategy]
    """Makes the bot's strategy, which is used once."""
    belief: Belief | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Temper:
    """How one market maker differs from another; factors of the usual."""

    name: str
    what: str
    spread: float = 1.0
    size: float = 1.0
    levels: int = 3
    skew_bps: float = 8.0
    asymmetry: float = 1.0
    funding_weight: float = 1.0
    pull_ratio: float = 5.0
    requote_seconds: float = 0.3
    index_weight: float = 0.9


TEMPERS = (
    Temper(
        name="maker-tight",
        what="closest quotes, small, quick",
        spread=0.7,
        size=0.6,
        skew_bps=10.0,
        requote_seconds=0.2,
        index_weight=0.97,
    ),
    Temper(name="maker-deep", what="large size behind the best price", spread=1.4, size=1.8, levels=4),
    Temper(name="maker-shy", what="pulls its quotes at the first sign of trouble", pull_ratio=2.5, skew_bps=12.0),
    Temper(
        name="maker-even", what="both sides alike, whatever it holds", asymmetry=0.3, skew_bps=4.0, funding_weight=0.3
    ),
    Temper(
        name="maker-slow",
        what="wide, slow, never pulls",
        spread=2.0,
        size=1.3,
        pull_ratio=50.0,
        requote_seconds=0.5,
        index_weight=0.8,
    ),
)
"""The five market makers."""

MAKER_DEPOSIT = Decimal(1_500_000)
MAKER_QUOTE_DOLLARS = Decimal(9_000)
MAKER_POSITION_DOLLARS = Decimal(450_000)
TAKER_DEPOSIT = Decimal(400_000)

SCRIPTED_BELIEFS: tuple[tuple[str, str, Belief], ...] = (
    (
        "gambler",
        "27x long; the first step of the fall is enough: closed in the book, a slice first",
        Belief(
            symbol="BTC",
            with_crash=False,
            notional=Decimal(150_000),
            collateral_share=Decimal("0.037"),
            health_after=Decimal("0.84"),
            in_first_fall=True,
        ),
    ),
    (
        "swinger",
        "long; ends just below maintenance: closed in the book",
        Belief(
            symbol="SOL",
            with_crash=False,
            notional=Decimal(160_000),
            collateral_share=Decimal("0.085"),
            health_after=Decimal("0.84"),
        ),
    ),
    (
        "dreamer",
        "long; ends below two thirds of maintenance: handed to the backstop vault",
        Belief(
            symbol="ETH",
            with_crash=False,
            notional=Decimal(220_000),
            collateral_share=Decimal("0.085"),
            health_after=Decimal("0.33"),
        ),
    ),
    (
        "plunger",
        "long; ends bankrupt, small enough for the insurance fund",
        Belief(
            symbol="ETH",
            with_crash=False,
            notional=Decimal(60_000),
            collateral_share=Decimal("0.085"),
            health_after=Decimal("-0.6"),
        ),
    ),
    (
        "whale",
        "long; ends bankrupt, too large for the fund: the other side is deleveraged",
        Belief(
            symbol="BTC",
            with_crash=False,
            notional=Decimal(1_400_000),
            collateral_share=Decimal("0.085"),
            health_after=Decimal("-1.8"),
        ),
    ),
    (
        "bear",
        "short with leverage: the first to be deleveraged",
        Belief(symbol="BTC", with_crash=True, notional=Decimal(1_200_000), collateral_share=Decimal("0.12")),
    ),
    (
        "cub",
        "short, with less leverage",
        Belief(symbol="ETH", with_crash=True, notional=Decimal(250_000), collateral_share=Decimal("0.25")),
    ),
)
"""Believers and their opposites: name, what becomes of them when the plan's fall comes, what they hold."""

RECORDED_MULTIPLES = {"gambler": Decimal("1.15"), "bear": Decimal(3), "cub": Decimal(6)}
"""On a recorded path: collateral of these as a multiple of the initial margin."""
_LEAST_MULTIPLE = Decimal("1.3")
_HEALTH_UNTIL_TOP_UP = Decimal(2)


def cast(plan: DemoPlan) -> tuple[Role, ...]:
    """Return everybody, in the order in which accounts are opened.

    That order matters to the reserve of the insurance fund: of two accounts that fall at once the lower id is first.
    """
    beliefs = [_believer(plan, name, what, belief) for name, what, belief in SCRIPTED_BELIEFS]
    return (*(_maker(plan, temper) for temper in TEMPERS), *_takers(plan), *beliefs)


def needed_equity(
    *,
    side: Side,
    size: Decimal,
    mark: Decimal,
    crash: Decimal,
    maintenance_rate: Decimal,
    health: Decimal,
) -> Decimal:
    """Return the equity that an account needs now to have a given health after a move, in dollars.

    `health × rate × |size| × mark' + side × size × (mark − mark')` with `mark' = mark × (1 + crash)`: what must be left
    then, and what the position loses on the way.

    Args:
        side: of the position.
        size: unsigned.
        mark: now, dollars.
        crash: the move to come.
        maintenance_rate: of the instrument.
        health: equity over maintenance margin afterwards; negative is bankrupt.

    """
    after = mark * (1 + crash)
    return health * maintenance_rate * size * after + side.sign * size * (mark - after)


def top_up_dollars(
    belief: Belief, instrument: Instrument, *, crash: Decimal, size: Decimal, mark: Decimal, equity: Decimal
) -> Decimal:
    """Return what a believer adds just before the move: whole cents, 0 when it has more than the plan leaves it.

    Args:
        belief: with the health to aim at.
        instrument: its margin tiers; the first one holds for a position of this size.
        crash: the move to come.
        size: of the position, signed.
        mark: now, dollars.
        equity: now, dollars.

    """
    if belief.health_after is None or size == 0 or crash == 0:
        return Decimal(0)
    needed = needed_equity(
        side=Side.BUY if size > 0 else Side.SELL,
        size=abs(size),
        mark=mark,
        crash=crash,
        maintenance_rate=maintenance_rate(instrument),
        health=belief.health_after,
    )
    return max(Decimal(0), needed - equity).quantize(_CENT, rounding=ROUND_UP)


def maintenance_rate(instrument: Instrument) -> Decimal:
    """Return the maintenance rate of an instrument's first tier (MRGN-020)."""
    tier = instrument.margin_tiers[0]
    return tier.maintenance_rate if tier.maintenance_rate is not None else Decimal(1) / (2 * tier.max_leverage)


def initial_rate(symbol: str) -> Decimal:
    """Return the initial margin of a built-in instrument as a share of notional."""
    return Decimal(1) / {"BTC": 40, "ETH": 25, "SOL": 20}[symbol]


def recorded_share(instrument: InstrumentPlan, multiple: Decimal | None) -> Decimal:
    """Return the collateral of a believer on a recorded path, as a share of the notional.

    Args:
        instrument: what the plan knows of it.
        multiple: of the initial margin; None for as much as carries it to the top-up, at about twice maintenance.

    """
    initial = initial_rate(instrument.symbol)
    if multiple is not None:
        return initial * multiple
    # Maintenance is half of initial margin in the built-in instruments (MRGN-020).
    return max(initial * _LEAST_MULTIPLE, instrument.adverse + _HEALTH_UNTIL_TOP_UP * initial / 2)


def half_spread_bps(instrument: InstrumentPlan) -> float:
    """Return how far from the fair price a usual market maker quotes: what the price moves between two looks at it."""
    return max(_NARROWEST_BPS, 1.2 * instrument.step_bps)


def _venue_ns(plan: DemoPlan, wall_seconds: float) -> int:
    return max(1, round(wall_seconds * SECOND_NS) * plan.speed_milli // MILLI)


def _units(dollars: Decimal, price: Decimal) -> Decimal:
    return dollars / price


def _maker(plan: DemoPlan, temper: Temper) -> Role:
    def strategy() -> Strategy:
        return Ensemble([MarketMaker(maker_settings(plan, temper, instrument)) for instrument in plan.instruments])

    return Role(name=temper.name, kind=RoleKind.MAKER, what=temper.what, deposit=MAKER_DEPOSIT, strategy=strategy)


def maker_settings(plan: DemoPlan, temper: Temper, instrument: InstrumentPlan) -> MarketMakerSettings:
    """Return the settings of a market maker in one instrument."""
    half_bps = half_spread_bps(instrument)
    publish_seconds = max(0.1 * plan.speed, 0.001)
    return MarketMakerSettings(
        instrument=instrument.symbol,
        size=_units(MAKER_QUOTE_DOLLARS, instrument.start_price) * Decimal(repr(temper.size)),
        max_position=_units(MAKER_POSITION_DOLLARS, instrument.start_price) * Decimal(repr(temper.size)),
        levels=temper.levels,
        half_spread_bps=half_bps * temper.spread,
        level_spacing_bps=half_bps * 0.8,
        index_weight=temper.index_weight,
        inventory_skew_bps=max(temper.skew_bps, half_bps * 2.0),
        funding_weight=temper.funding_weight,
        asymmetry=temper.asymmetry,
        pull_ratio=temper.pull_ratio,
        short_ns=_venue_ns(plan, 1.0),
        long_ns=_venue_ns(plan, 20.0),
        usual_bps_per_second=instrument.step_bps / publish_seconds,
        price_threshold_bps=half_bps * 0.3,
        requote_interval_ns=_venue_ns(plan, temper.requote_seconds),
        refusal_pause_ns=_venue_ns(plan, 0.15),
    )


def _takers(plan: DemoPlan) -> Sequence[Role]:
    def flow(name: str, what: str, number: int, *, informed: float, momentum: float, rate: float) -> Role:
        def strategy() -> Strategy:
            return Ensemble(
                [
                    TakerFlow(
                        TakerSettings(
                            instrument=instrument.symbol,
                            mean_size=_units(Decimal(5_000), instrument.start_price),
                            max_position=_units(Decimal(120_000), instrument.start_price),
                            rate=rate / plan.speed,
                            excitation_seconds=1.5 * plan.speed,
                            informed_share=informed,
                            informed_gap_bps=half_spread_bps(instrument) * 1.5,
                            momentum_share=momentum,
                            momentum_seconds=3.0 * plan.speed,
                            slippage_bps=max(10.0, half_spread_bps(instrument) * 3.0),
                        ),
                        seed=plan.seed * 1_000 + number * 10 + position,
                    )
                    for position, instrument in enumerate(plan.instruments)
                ]
            )

        return Role(name=name, kind=RoleKind.TAKER, what=what, deposit=TAKER_DEPOSIT, strategy=strategy)

    return (
        flow("taker-noise", "trades for reasons of its own", 1, informed=0.0, momentum=0.15, rate=2.2),
        flow("taker-sharp", "knows where the index is", 2, informed=0.8, momentum=0.1, rate=1.0),
    )


def _believer(plan: DemoPlan, name: str, what: str, belief: Belief) -> Role:
    symbols = [instrument.symbol for instrument in plan.instruments]
    symbol = belief.symbol if belief.symbol in symbols else symbols[0]
    share = belief.collateral_share
    if not plan.is_scripted:
        share = recorded_share(plan.instrument(symbol), RECORDED_MULTIPLES.get(name))
        what = f"{'with' if belief.with_crash else 'against'} the move, {1 / share:.0f}x"
    placed = Belief(
        symbol=symbol,
        with_crash=belief.with_crash,
        notional=belief.notional,
        collateral_share=share,
        health_after=belief.health_after,
        in_first_fall=belief.in_first_fall,
    )
    instrument = plan.instrument(symbol)

    def strategy() -> Strategy:
        return Directional(
            DirectionalSettings(
                instrument=symbol,
                side=placed.side(instrument.crash),
                target_notional=placed.notional,
                order_notional=max(placed.notional / 16, Decimal(8_000)),
                interval_ns=_venue_ns(plan, 0.4),
                slippage_bps=Decimal(repr(round(max(20.0, half_spread_bps(instrument) * 5.0), 2))),
            )
        )

    return Role(
        name=name,
        kind=RoleKind.HEDGER if belief.with_crash else RoleKind.BELIEVER,
        what=what,
        deposit=(placed.notional * share).quantize(_CENT),
        strategy=strategy,
        belief=placed,
    )
