"""A finished run made by hand: a whale that falls through the waterfall in ten seconds, one maker under test."""

from wavetank.model.ids import BACKSTOP_VAULT_ID, INSURANCE_FUND_ID
from wavetank.storms.agents.agent import Label
from wavetank.storms.measure.record import (
    AccountTrack,
    Asserted,
    BookTrack,
    DeleveragingSeen,
    LiquidationSeen,
    Listed,
    Member,
    PriceTrack,
    RunRecord,
    Span,
    TradeSeen,
)

SECOND_NS = 1_000_000_000
BEGAN_NS = 1_700_000_000 * SECOND_NS
WHALE, MAKER, NOISE, INFORMED = 1_000, 1_001, 1_002, 1_003
BTC = 1
HASH = "0f" * 32
DOLLAR = 1_000_000


def finished_run(
    *, seed: int = 7, variant: str = "", name: str = "whale", holds: bool = True, harm: bool | None = None
) -> RunRecord:
    """Return a run.

    Args:
        seed: of the run; the loss of the fund is as many dollars.
        variant: its variant.
        name: of the account that is liquidated.
        holds: whether the second condition held.
        harm: whether the harm appeared; True is expected unless None.

    """
    return RunRecord(
        scenario="fall",
        title="A whale falls",
        variant=variant,
        seed=seed,
        mode="sim",
        state_hash=HASH,
        began_ns=BEGAN_NS,
        ended_ns=at(10),
        wall_seconds=0.25,
        members={
            INSURANCE_FUND_ID: Member(account_id=INSURANCE_FUND_ID, name="fund", role="fund", label=None),
            BACKSTOP_VAULT_ID: Member(account_id=BACKSTOP_VAULT_ID, name="vault", role="vault", label=Label.VAULT),
            WHALE: Member(account_id=WHALE, name=name, role="whale", label=Label.WHALE),
            MAKER: Member(account_id=MAKER, name="maker", role="maker", label=Label.MAKER, is_bot=True),
            NOISE: Member(account_id=NOISE, name="noise.1", role="noise", label=Label.NOISE),
            INFORMED: Member(account_id=INFORMED, name="informed", role="informed", label=Label.INFORMED),
        },
        listed={BTC: Listed(instrument_id=BTC, symbol="BTC", size_decimals=5)},
        prices={BTC: prices()},
        books={
            BTC: BookTrack(
                times_ns=[at(second) for second in range(10)],
                bid_ticks=[99_990 if second != 4 else 0 for second in range(10)],
                ask_ticks=[100_010] * 10,
                bid_depth_lots=[500] * 10,
                ask_depth_lots=[400] * 10,
                open_interest_lots=[1_000 - 100 * second for second in range(10)],
            )
        },
        accounts={
            INSURANCE_FUND_ID: track([(1_000 - seed) * DOLLAR] * 10, [0] * 10),
            BACKSTOP_VAULT_ID: track([5_000 * DOLLAR] * 10, [0] * 10),
            WHALE: track([(500 - 100 * second) * DOLLAR for second in range(10)], [100 * DOLLAR] * 8 + [0, 0]),
            MAKER: track([900 * DOLLAR] * 10, [100 * DOLLAR] * 10),
            NOISE: track([50 * DOLLAR] * 10, [0] * 10),
        },
        trades=[
            trade(1, 100_000, taker=NOISE, taker_is_buyer=True),
            trade(1, 100_000, taker=INFORMED, taker_is_buyer=False),
            trade(6, 96_000, taker=WHALE, taker_is_buyer=False, is_liquidation=True),
        ],
        liquidations=[
            liquidation(1, stages=("partial", "full"), closed_dollars=400),
            liquidation(2, parent=1, stages=("deleverage",), closed_dollars=100),
        ],
        deleveragings=[
            DeleveragingSeen(
                time_ns=at(7),
                liquidation_id=2,
                instrument_id=BTC,
                account_id=MAKER,
                delta_lots=-250,
                value_micros=24 * DOLLAR,
                given_up_micros=3 * DOLLAR,
            )
        ],
        spans=[
            Span(kind="fault", what="lag BTC", began_ns=at(2), ended_ns=at(8)),
            Span(kind="escalation", what="adl imminent", began_ns=at(6), ended_ns=at(7)),
            Span(kind="decision", what="hold", began_ns=at(7), ended_ns=0),
        ],
        contagion={("BTC", "BTC"): 500 * DOLLAR},
        figures={
            "ledger.balanced": True,
            "waterfall.no_cross_vault_draw": holds,
            "fund.loss": seed * DOLLAR,
            "bad_debt": 2 * seed * DOLLAR,
            "liquidations.notional": 500 * DOLLAR,
            "liquidations.stages": "partial, full, deleverage",
            "mark.gap_max": 0.0425,
            "index.lag_max": 30 * SECOND_NS,
            "bot.min_health": 9.0,
            "bot.time_to_flat": None,
            "account(noise.1).pnl": -DOLLAR,
        },
        asserted=[
            Asserted(text="ledger.balanced", holds=True, seen="yes"),
            Asserted(text="waterfall.no_cross_vault_draw", holds=holds, seen="yes" if holds else "no"),
        ],
        harm=harm,
        expected_harm=None if harm is None else True,
    )


def at(second: float) -> int:
    """Return a time of the run."""
    return BEGAN_NS + round(second * SECOND_NS)


def prices() -> PriceTrack:
    """Return a true index of 100,000 ticks that falls by 1,000 at each second from the third on, told a second late."""
    true = [100_000 - 1_000 * max(second - 2, 0) for second in range(10)]
    told = [true[max(second - 1, 0)] for second in range(10)]
    return PriceTrack(
        times_ns=[at(second) for second in range(10)],
        true_index_ticks=true,
        clearing_index_ticks=told,
        clearing_mark_ticks=list(told),
        index_age_ns=[SECOND_NS] * 10,
        is_valid=[second not in {5, 6} for second in range(10)],
    )


def track(equity_micros: list[int], maintenance_micros: list[int]) -> AccountTrack:
    """Return an account sampled every second."""
    return AccountTrack(
        times_ns=[at(second) for second in range(10)],
        equity_micros=equity_micros,
        maintenance_micros=maintenance_micros,
        cash_micros=list(equity_micros),
    )


def trade(
    second: float, price_ticks: int, *, taker: int, taker_is_buyer: bool, is_liquidation: bool = False
) -> TradeSeen:
    """Return a trade of 100 lots with the maker."""
    return TradeSeen(
        time_ns=at(second),
        instrument_id=BTC,
        price_ticks=price_ticks,
        size_lots=100,
        taker_id=taker,
        maker_id=MAKER,
        taker_is_buyer=taker_is_buyer,
        is_liquidation=is_liquidation,
        true_index_ticks=price_ticks,
    )


def liquidation(
    number: int, *, parent: int = 0, cascade: int = 1, stages: tuple[str, ...] = ("full",), closed_dollars: int = 1
) -> LiquidationSeen:
    """Return a liquidation of the whale."""
    return LiquidationSeen(
        liquidation_id=number,
        cascade_id=cascade,
        parent_liquidation_id=parent,
        account_id=WHALE,
        began_ns=at(5),
        ended_ns=at(6),
        equity_micros=90 * DOLLAR,
        maintenance_micros=100 * DOLLAR,
        stages=stages,
        closed_micros=closed_dollars * DOLLAR,
        fund_micros=0,
        outcome="flat",
    )
