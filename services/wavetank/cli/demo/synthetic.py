"""The demonstration's own path: a walk from a seed, with a fall in two steps that the plan scripts.

The first step is seen by everybody as it happens and takes apart who trades with the highest leverage. The second
happens while clearing's prices lag, so that clearing meets all of it at once: that is what carries accounts past the
stages at which the book could still have helped.
"""

import json
from collections.abc import Sequence
from decimal import Decimal

from wavetank.cli.demo.plan import MILLI, SECOND_NS, DemoPlan, InstrumentPlan, Schedule, premium_samples
from wavetank.cli.price_options import SYNTHETIC_MARKET

SPEED_MILLI = 10_000
"""Ten venue seconds per second: half a minute of a position's cooldown is three seconds to watch."""
FUNDING_INTERVAL_NS = 120 * SECOND_NS
"""Two minutes stand for an hour; twelve seconds on the wall."""
FIRST_FALL = Decimal("-0.034")
SECOND_FALL = Decimal("-0.09")
RECOVERED = Decimal("0.6")

FIRST_FALL_AT, FIRST_FALL_SECONDS = 30.4, 4.0
SECOND_FALL_AT, SECOND_FALL_SECONDS = 40.2, 3.0
RECOVERY_SECONDS = 11.0

MARK_ABOVE = Decimal("0.003")
"""The mark's averages are still above the index by about this share when clearing sees the second fall (ORCL-020)."""

SCHEDULE = Schedule(
    first_top_up=29.4,
    funding_spike=30.0,
    top_up=38.6,
    lag_on=39.8,
    lag_off=44.4,
    # Longer than the fall, shorter than the pause before it: clearing sees the pause while prices fall.
    lag=5.0,
    funding_calm=50.0,
    recovery=51.0,
    end=64.0,
)


def synthetic_plan(seed: int, *, now_ns: int, symbols: Sequence[str] = ("BTC", "ETH", "SOL")) -> DemoPlan:
    """Return the plan of a demonstration on a synthetic path.

    Args:
        seed: of the walk.
        now_ns: wall time; the venue begins at the whole funding interval before it.
        symbols: instruments to list.

    """
    start_ns = now_ns // FUNDING_INTERVAL_NS * FUNDING_INTERVAL_NS
    publish_ns = SECOND_NS
    sources = {
        symbol: [
            {
                "kind": "synthetic",
                "start_price": SYNTHETIC_MARKET[symbol][0],
                "volatility": SYNTHETIC_MARKET[symbol][1],
                "seed": seed,
            }
        ]
        for symbol in symbols
    }
    instruments = tuple(
        InstrumentPlan(
            symbol=symbol,
            start_price=Decimal(SYNTHETIC_MARKET[symbol][0]),
            first_fall=FIRST_FALL,
            adverse=-FIRST_FALL,
            crash=(1 + SECOND_FALL) * (1 + MARK_ABOVE) - 1,
            # The hour's deviation over the root of 3,600 one-second steps.
            step_bps=float(SYNTHETIC_MARKET[symbol][1]) / 60.0 * 10_000.0,
            origin=f"synthetic path, seed {seed}",
        )
        for symbol in symbols
    )
    lag_ns = round(SCHEDULE.lag * SPEED_MILLI / MILLI) * SECOND_NS
    return DemoPlan(
        title=f"a synthetic fall, seed {seed}",
        seed=seed,
        is_scripted=True,
        speed_milli=SPEED_MILLI,
        start_ns=start_ns,
        window_ns=(start_ns, start_ns + round(SCHEDULE.end * SPEED_MILLI / MILLI) * SECOND_NS),
        schedule=SCHEDULE,
        instruments=instruments,
        funding_interval_ns=FUNDING_INTERVAL_NS,
        funding_spike=Decimal("0.004"),
        fund_dollars=Decimal(15_000),
        settings={
            "oracle": {
                "SOURCES": json.dumps(sources),
                "SYNTHETIC": json.dumps({"shocks": [_first_fall(), _second_fall()]}),
                "PREMIUM_SAMPLES": str(premium_samples(FUNDING_INTERVAL_NS, SPEED_MILLI, publish_ns)),
            },
            "clearing": {
                "INSTRUMENTS": json.dumps(list(symbols)),
                "FUNDING_INTERVAL_NS": str(FUNDING_INTERVAL_NS),
                "FUND_DEPOSIT_MICROS": str(15_000 * 10**6),
                # A lag that clearing could notice would only stop it; this one deceives it.
                "STALE_AFTER_NS": str(2 * lag_ns),
            },
        },
    )


def _first_fall() -> dict[str, object]:
    return _shock(FIRST_FALL, FIRST_FALL_AT, FIRST_FALL_SECONDS)


def _second_fall() -> dict[str, object]:
    return _shock(SECOND_FALL, SECOND_FALL_AT, SECOND_FALL_SECONDS)


def _shock(move: Decimal, at: float, seconds: float) -> dict[str, object]:
    return {
        "after_ms": _venue_ms(at),
        "move": str(move),
        "over_ms": _venue_ms(seconds),
        "hold_ms": _venue_ms(SCHEDULE.recovery - at - seconds),
        "recovered": str(RECOVERED),
        "recover_over_ms": _venue_ms(RECOVERY_SECONDS),
    }


def _venue_ms(wall_seconds: float) -> int:
    return round(wall_seconds * SPEED_MILLI)
