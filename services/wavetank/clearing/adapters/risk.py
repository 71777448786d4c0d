"""RiskService: what-if for an account and for the venue.

The loop only takes a view of the committed state; the numbers are worked out by a thread of this adapter, one question
after the other, so that the ledger goes on while a large venue is walked through.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar

import grpc

from wavetank.clearing.adapters.wire import shown
from wavetank.clearing.core.contagion import ContagionRow, ForcedClose, contagion
from wavetank.clearing.core.margin_schemes import SchemeAt, compare
from wavetank.clearing.core.what_if import (
    MarginAt,
    Shock,
    VenueMarginAt,
    VenueView,
    account_margins,
    chosen_instruments,
    chosen_shocks,
    grid,
    venue_margins,
    view_of,
)
from wavetank.runtime.principal import Scope, principal, require
from wavetank.v1 import account_pb2, risk_pb2, risk_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wavetank.clearing.core.clearing import Clearing
    from wavetank.clearing.service import ClearingService

Context = grpc.aio.ServicerContext[Any, Any]
Answer = TypeVar("Answer")


class RiskServicer(risk_pb2_grpc.RiskServiceServicer):
    """Serves what-if."""

    def __init__(self, service: ClearingService) -> None:
        """Serve for `service`."""
        self._service = service
        # Its thread ends with the process; a question that was not begun ends with its caller.
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="what-if")

    async def GetAccountRisk(  # noqa: N802 - the contract's name.
        self, request: risk_pb2.GetAccountRiskRequest, context: Context
    ) -> risk_pb2.GetAccountRiskResponse:
        """Tell an account's margin now and under shocks."""
        account_id = require(principal(context), Scope.READ, request.account_id)
        view, sizes, seq = await self._account(account_id, request.shocks_ppm)

        def work() -> risk_pb2.GetAccountRiskResponse:
            (holding,) = view.holdings
            now, *shocked = account_margins(view, holding, sizes)
            return risk_pb2.GetAccountRiskResponse(
                account_id=account_id,
                cash_micros=holding.cash_micros,
                now=margin_message(view, now, with_legs=True),
                shocked=[margin_message(view, row, with_legs=request.with_shocked_legs) for row in shocked],
                seq=seq,
            )

        return await self._work(work)

    async def CompareMargin(  # noqa: N802 - the contract's name.
        self, request: risk_pb2.CompareMarginRequest, context: Context
    ) -> risk_pb2.CompareMarginResponse:
        """Compare an account's book under several margin modes."""
        account_id = require(principal(context), Scope.READ, request.account_id)
        view, sizes, seq = await self._account(account_id, request.shocks_ppm)

        def work() -> risk_pb2.CompareMarginResponse:
            (holding,) = view.holdings
            found = compare(view, holding, grid(holding.instrument_ids, sizes) if holding.instrument_ids else [])
            return risk_pb2.CompareMarginResponse(
                account_id=account_id,
                equity_micros=account_margins(view, holding, sizes)[0].valuation.equity_micros,
                schemes=[
                    risk_pb2.SchemeRisk(
                        scheme=risk_pb2.MarginScheme.ValueType(scheme),
                        now=scheme_message(now),
                        shocked=map(scheme_message, shocked),
                    )
                    for scheme, (now, *shocked) in found.items()
                ],
                seq=seq,
            )

        return await self._work(work)

    async def GetVenueRisk(  # noqa: N802 - the contract's name.
        self, request: risk_pb2.GetVenueRiskRequest, context: Context
    ) -> risk_pb2.GetVenueRiskResponse:
        """Tell the clients' margins together now and under shocks (admin)."""
        require(principal(context), Scope.ADMIN)
        view, shocks, seq = await self._venue(request.instrument_ids, request.shocks_ppm)

        def work() -> risk_pb2.GetVenueRiskResponse:
            now, *shocked = venue_margins(view, shocks)
            return risk_pb2.GetVenueRiskResponse(now=venue_message(now), shocked=map(venue_message, shocked), seq=seq)

        return await self._work(work)

    async def GetContagion(  # noqa: N802 - the contract's name.
        self, request: risk_pb2.GetContagionRequest, context: Context
    ) -> risk_pb2.GetContagionResponse:
        """Tell what each shock would force accounts to close (admin)."""
        require(principal(context), Scope.ADMIN)
        view, shocks, seq = await self._venue(request.instrument_ids, request.shocks_ppm)

        def work() -> risk_pb2.GetContagionResponse:
            now, *rows = contagion(view, shocks)
            return risk_pb2.GetContagionResponse(now=row_message(now), rows=map(row_message, rows), seq=seq)

        return await self._work(work)

    async def _account(self, account_id: int, sizes_ppm: Sequence[int]) -> tuple[VenueView, tuple[int, ...], int]:
        """Return a view of one account, the sizes of its shocks, and the seq it is of."""

        def call(core: Clearing) -> tuple[VenueView, tuple[int, ...], int]:
            sizes = chosen_shocks(sizes_ppm)
            return view_of(core.state, [core.bank.account(account_id)]), sizes, core.last_seq

        answer: tuple[VenueView, tuple[int, ...], int] = await self._service.ask(call)
        return answer

    async def _venue(
        self, instrument_ids: Sequence[int], sizes_ppm: Sequence[int]
    ) -> tuple[VenueView, list[Shock], int]:
        """Return a view of the venue, the shocks it is asked about, and the seq it is of."""

        def call(core: Clearing) -> tuple[VenueView, list[Shock], int]:
            # A refusal costs nothing: the view of many accounts is taken last.
            shocks = grid(chosen_instruments(core.state.instruments, instrument_ids), chosen_shocks(sizes_ppm))
            return view_of(core.state), shocks, core.last_seq

        answer: tuple[VenueView, list[Shock], int] = await self._service.ask(call)
        return answer

    async def _work(self, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)


def shock_message(shock: Shock) -> risk_pb2.Shock:
    """Return a shock."""
    return risk_pb2.Shock(instrument_id=shock.instrument_id, shock_ppm=shock.shock_ppm)


def margin_message(view: VenueView, row: MarginAt, *, with_legs: bool) -> risk_pb2.MarginAt:
    """Return an account after a shock."""
    value = row.valuation
    health = shown(Fraction(value.equity_micros, value.maintenance_micros)) if value.maintenance_micros else ""
    message = risk_pb2.MarginAt(
        shock=shock_message(row.shock),
        equity_micros=value.equity_micros,
        initial_margin_micros=value.initial_micros,
        maintenance_margin_micros=value.maintenance_micros,
        notional_micros=value.notional_micros,
        health=health,
        health_band=account_pb2.HealthBand.ValueType(value.band),
    )
    for leg in row.legs if with_legs else ():
        dollar = view.instruments[leg.value.instrument_id].ticks_per_dollar
        message.legs.add(
            instrument_id=leg.value.instrument_id,
            size_lots=leg.value.lots,
            cost_micros=leg.cost_micros,
            mark_price_ticks=leg.value.mark_price_ticks,
            notional_micros=leg.value.notional_micros,
            unrealised_micros=leg.value.unrealised_micros,
            initial_margin_micros=leg.initial_micros,
            maintenance_margin_micros=leg.value.maintenance_micros,
            bankruptcy_price=shown(leg.bankruptcy_price / dollar),
            liquidation_price="" if leg.liquidation_price is None else shown(leg.liquidation_price / dollar),
        )
    return message


def close_message(close: ForcedClose) -> risk_pb2.ForcedClose:
    """Return what must be closed of an instrument."""
    return risk_pb2.ForcedClose(
        instrument_id=close.instrument_id,
        size_lots=close.size_lots,
        notional_micros=close.notional_micros,
        backstop_micros=close.backstop_micros,
    )


def scheme_message(row: SchemeAt) -> risk_pb2.SchemeAt:
    """Return a book under one margin mode after a shock."""
    return risk_pb2.SchemeAt(
        shock=shock_message(row.shock),
        equity_micros=row.equity_micros,
        initial_margin_micros=row.initial_micros,
        maintenance_margin_micros=row.maintenance_micros,
        deficit_micros=row.deficit_micros,
        closes=map(close_message, row.closes),
    )


def venue_message(row: VenueMarginAt) -> risk_pb2.VenueMarginAt:
    """Return all clients together after a shock."""
    return risk_pb2.VenueMarginAt(
        shock=shock_message(row.shock),
        equity_micros=row.equity_micros,
        initial_margin_micros=row.initial_micros,
        maintenance_margin_micros=row.maintenance_micros,
        notional_micros=row.notional_micros,
        shortfall_micros=row.shortfall_micros,
        deficit_micros=row.deficit_micros,
        bands=[
            risk_pb2.BandCount(health_band=account_pb2.HealthBand.ValueType(band), accounts=count)
            for band, count in sorted(row.bands.items())
        ],
    )


def row_message(row: ContagionRow) -> risk_pb2.ContagionRow:
    """Return what one shock forces the venue to close."""
    return risk_pb2.ContagionRow(
        shock=shock_message(row.shock),
        accounts=row.accounts,
        elsewhere_micros=row.elsewhere_micros,
        closes=map(close_message, row.closes),
    )
