"""Random inputs for a matching shard, weighted so that what is rare in a market happens often.

Few prices, few accounts, small books: so limits, roundings, both margin tiers, self-trades, empty levels, triggers and
expiries are met all the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from tests.model.matching import Shard
from tests.model.matching_commands import random_account, random_commands, random_place, random_request
from tests.model.matching_inputs import (
    BEAT_NS,
    CLIENTS,
    Advance,
    Dry,
    FlatRow,
    Gate,
    Input,
    Line,
    Mark,
    Move,
    Restart,
    Sample,
    Save,
    Scale,
    Send,
    Wait,
    has,
)
from wavetank.matching.core.credit import GroupLimit, PositionLimit
from wavetank.model.fees import NO_OWN_RATE_PPM, NO_OWN_RATES, FeeRates
from wavetank.model.orders import InstrumentState, LineStatus

FLAT_ROWS: tuple[FlatRow, ...] = ("", "", "leverage", "whole")


def random_inputs(shard: Shard, random: Random, now: int) -> Iterator[Input]:
    """Yield the next input, perhaps with a wait before it, as fits the state that the shard is in."""
    if random.random() < 0.2:
        yield Wait(BEAT_NS * (random.randint(1, 4) if random.random() < 0.95 else random.randint(5, 25)))
    if random.random() < 0.12:
        yield from reopening(shard)
    kinds: dict[Callable[[], Iterator[Input]], int] = {
        lambda: one(
            Send(tuple(ask for _ in range(random.randint(1, 4)) for ask in random_commands(shard, random)))
        ): 700,
        lambda: one(random_line(shard, random, random.choice(CLIENTS))): 120,
        lambda: one(random_mark(shard, random)): 70,
        lambda: one(Send((random_request(shard, random),))): 30,
        lambda: one(Gate(is_open=random.random() < 0.7)): 8,
        lambda: one(random_state(shard, random, now)): 30,
        lambda: one(Scale(random.choice((1, 2)), random.choice((0, 0, 10_000, 345_678)))): 8,
        lambda: one(Sample()): 5,
        lambda: one(Advance()): 10 if has("timers") else 0,
        lambda: one(Dry(random_place(shard, random, random_account(random)))): 20 if has("dry run") else 0,
        lambda: one(Save()): 6,
        lambda: restart(shard, random): 9,
    }
    likely = {kind: weight for kind, weight in kinds.items() if weight}
    yield from random.choices(list(likely), list(likely.values()))[0]()


def one(given: Input) -> Iterator[Input]:
    yield given


def reopening(shard: Shard) -> Iterator[Input]:
    """Yield what brings the shard back to where orders trade."""
    if not shard.is_open:
        yield Gate(is_open=True)
    for instrument_id, state in shard.states.items():
        if state not in (InstrumentState.TRADING, InstrumentState.SETTLED):
            yield Move(instrument_id, InstrumentState.TRADING)


def restart(shard: Shard, random: Random) -> Iterator[Input]:
    """Yield a recovery, and the lines that clearing sends to some accounts then."""
    yield Restart(random.choice(("log", "snapshot", "tail")))
    for account_id in CLIENTS[: random.randint(2, 4)]:
        yield random_line(shard, random, account_id)


def random_mark(shard: Shard, random: Random) -> Mark:
    instrument_id = random.choice((1, 1, 2))
    mark = shard.marks.get(instrument_id, (100, False))[0]
    # Drawn back towards 100, where the grid of the first instrument changes.
    mark = max(40, min(400, mark + random.randint(-8, 8) + (100 - mark) // 8))
    return Mark(instrument_id, mark, max(1, mark + random.randint(-3, 3)), stale=random.random() < 0.05)


def random_state(shard: Shard, random: Random, now: int) -> Move:
    instrument_id = random.choice((1, 2))
    state = random.choice((InstrumentState.TRADING, InstrumentState.CANCEL_ONLY, InstrumentState.HALTED))
    if has("states") and random.random() < 0.8:
        state = random.choice(
            (InstrumentState.AUCTION, InstrumentState.AUCTION, InstrumentState.POST_ONLY, InstrumentState.REDUCE_ONLY)
        )
        # Nothing follows a settlement, so it comes late.
        if now > 400 * BEAT_NS and random.random() < 0.02:
            state = InstrumentState.SETTLED
    if shard.states[instrument_id] == InstrumentState.SETTLED:
        state = InstrumentState.SETTLED
    return Move(instrument_id, state)


def random_line(shard: Shard, random: Random, account_id: int) -> Line:
    return Line(
        account_id=account_id,
        behind=0 if random.random() < 0.8 else random.randint(0, 12),
        shifts=tuple(
            (random.randint(-3, 3), random.choice((0, 1, 3, 20)), random.choice((*[0] * 6, 1, 234_567, 10**6)))
            for _ in shard.instruments
        ),
        with_flat=tuple(random.choice(FLAT_ROWS) for _ in shard.instruments),
        budget_micros=random.choice((600, 4_000, 10**6, 10**9, 10**9)),
        elsewhere_micros=random.choice((0, 600, 10**5)),
        status=random.choice((*[LineStatus.NORMAL] * 20, LineStatus.REDUCE_ONLY, LineStatus.FROZEN)),
        acknowledge=random.random() < 0.2,
        age_ns=0 if random.random() < 0.95 else BEAT_NS * random.randint(0, 20),
        number_back=2 if random.random() < 0.1 else 0,
        fee_rates=random_rates(shard, random, account_id),
        position_limits=random_position_limits(random) if random.random() < 0.15 else (),
        group_limits=random_group_limits(random) if random.random() < 0.25 else (),
        equity_micros=random.choice((-50, 0, 20, 100, 400, 10**6, 10**6)),
    )


def random_position_limits(random: Random) -> tuple[PositionLimit, ...]:
    """Return limits of some instruments, one not listed among them, around what accounts come to."""
    return tuple(
        PositionLimit(instrument_id, random.choice((0, 2, 10, 40, 90)), random.choice((0, 0, 300, 2_000, 6_000)))
        for instrument_id in (1, 2, 3)
        if random.random() < 0.7
    )


def random_group_limits(random: Random) -> tuple[GroupLimit, ...]:
    """Return the limits of one group, or of a group for each instrument; one instrument is not listed."""
    return tuple(
        GroupLimit(
            members,
            random.choice((0, 200, 1_000, 3_000)),
            random.choice((0, 400, 2_500, 6_000)),
            random.choice((0, 0, 150, 900)),
            random.choice((0, 0, 150, 900)),
        )
        for members in random.choice((((1, 2),), ((2, 1, 3),), ((1,), (2, 3))))
    )


def random_rates(shard: Shard, random: Random, account_id: int) -> FeeRates:
    """Return the account's rates, now and then others: above and below the instruments', and rebates."""
    account = shard.accounts.get(account_id)
    if account is not None and random.random() < 0.7:
        return account.rates
    return random.choice(
        (
            NO_OWN_RATES,
            FeeRates(1_000, 300),
            FeeRates(2_600, -900),
            FeeRates(0, -5_000),
            FeeRates(NO_OWN_RATE_PPM, -1_500),
            FeeRates(99_999, 99_999),
        )
    )
