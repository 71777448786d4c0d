"""The backstop vault's disposal: it unwinds what it took over, step by step (LIQ-060)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.health import LiquidationStage
from wavetank.clearing.core.valuation import LegValue
from wavetank.clearing.core.waterfall.backstop import disposal_lots
from wavetank.model.events.clearing import LiquidationStepped, MatchingRequested, StepCause
from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.model.money import round_down_to_grid, round_up_to_grid
from wavetank.model.orders import CommandKind, Side

if TYPE_CHECKING:
    from collections.abc import Callable

    from wavetank.clearing.core.state import State
    from wavetank.model.record import Event


def dispose(state: State, now_ns: int, emit: Callable[[Event], int]) -> None:
    """Send the vault's next disposal orders, by instrument, where a step is due."""
    vault = state.accounts.get(BACKSTOP_VAULT_ID)
    if vault is None or vault.liquidation is not None or vault.is_flat:
        return
    busy = {request.instrument_id for request in state.vault_pending.values()}
    value = state.value(vault)
    for leg in value.legs:
        if (
            leg.instrument_id not in busy
            and now_ns >= state.vault_next_step_ns.get(leg.instrument_id, 0)
            and state.is_valid(leg.instrument_id, now_ns)
        ):
            _step(state, leg, (value.equity_micros, value.maintenance_micros), emit)


def _step(state: State, leg: LegValue, health: tuple[int, int], emit: Callable[[Event], int]) -> None:
    settings = state.settings
    instrument = state.instruments[leg.instrument_id]
    book = state.books.get(leg.instrument_id)
    depth = 0 if book is None else (book.bid_depth_lots if leg.lots > 0 else book.ask_depth_lots)
    if depth == 0:
        return
    lots = disposal_lots(
        abs(leg.lots),
        fraction_ppm=settings.vault_fraction_ppm,
        full_below_lots=settings.vault_full_below_micros // leg.mark_price_ticks,
        depth_lots=depth,
        depth_share_ppm=settings.vault_depth_share_ppm,
    )
    slippage = leg.mark_price_ticks * settings.vault_slippage_ppm // 10**6
    grid = (instrument.size_decimals, instrument.significant_figures)
    if leg.lots > 0:
        side, price = Side.SELL, round_up_to_grid(max(1, leg.mark_price_ticks - slippage), *grid)
    else:
        side, price = Side.BUY, round_down_to_grid(leg.mark_price_ticks + slippage, *grid)
    emit(
        LiquidationStepped(
            instrument_id=leg.instrument_id,
            account_id=BACKSTOP_VAULT_ID,
            liquidation_id=0,
            delta_lots=-lots if leg.lots > 0 else lots,
            price_ticks=price,
            value_micros=(lots if leg.lots > 0 else -lots) * leg.mark_price_ticks,
            equity_micros=health[0],
            maintenance_margin_micros=health[1],
            reserve_micros=0,
            stage=int(LiquidationStage.BACKSTOP),
            cause=int(StepCause.VAULT_DISPOSAL),
        )
    )
    emit(
        MatchingRequested(
            instrument_id=leg.instrument_id,
            account_id=BACKSTOP_VAULT_ID,
            liquidation_id=0,
            size_lots=lots,
            price_ticks=price,
            value_micros=0,
            receiver_account_id=0,
            reserve_micros=0,
            command=int(CommandKind.LIQUIDATE),
            side=int(side),
            receiver_may_increase=0,
            shard=instrument.shard,
        )
    )
