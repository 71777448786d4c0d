"""OperatorService: an administrator moves the venue's controls, and every move is written down with its author."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from wavetank.clearing.core.limits import GroupLimit, PositionLimit
from wavetank.clearing.core.operator import Author
from wavetank.model.ids import INSURANCE_FUND_ID
from wavetank.model.margin import MarginTier
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.runtime.principal import Scope, principal, require
from wavetank.v1 import account_pb2, instrument_pb2, operator_pb2, operator_pb2_grpc

if TYPE_CHECKING:
    from wavetank.clearing.core.clearing import Clearing
    from wavetank.clearing.core.operator import MarginChange
    from wavetank.clearing.service import ClearingService

Context = grpc.aio.ServicerContext[Any, Any]

SHOWN_ACCOUNTS = 100
_MOST_PPM = 1_000_000
_MOST_NOTIONAL_MICROS = 2**55


def author_of(note: str) -> Author:
    """Return who makes the present call, for what an administrator alone may do.

    Raises:
        VenueError: the key has not that scope (SCOPE_MISSING).

    """
    who = principal()
    require(who, Scope.ADMIN)
    return Author(who.key_id, note)


def _tier(message: instrument_pb2.MarginTier) -> MarginTier:
    if not 0 <= message.lower_notional_micros < _MOST_NOTIONAL_MICROS:
        raise VenueError(
            Reason.MALFORMED,
            f"a margin tier begins at 0 to {_MOST_NOTIONAL_MICROS - 1} micro-dollars",
            was=message.lower_notional_micros,
            allowed=_MOST_NOTIONAL_MICROS - 1,
        )
    if not 0 <= message.maintenance_margin_ppm <= _MOST_PPM:
        raise VenueError(
            Reason.MALFORMED,
            f"a maintenance rate is at most {_MOST_PPM} parts per million",
            was=message.maintenance_margin_ppm,
            allowed=_MOST_PPM,
        )
    return MarginTier(message.lower_notional_micros, message.max_leverage, message.maintenance_margin_ppm)


class OperatorServicer(operator_pb2_grpc.OperatorServiceServicer):
    """Serves the controls."""

    def __init__(self, service: ClearingService) -> None:
        """Serve for `service`."""
        self._service = service

    async def ChangeMargin(  # noqa: N802 - the contract's name.
        self, request: operator_pb2.ChangeMarginRequest, _context: Context
    ) -> operator_pb2.ChangeMarginResponse:
        """Put new margin tiers into force, or tell what they would do."""
        author = author_of(request.note)
        tiers = [_tier(message) for message in request.margin_tiers]

        def preview(core: Clearing) -> operator_pb2.ChangeMarginResponse:
            return _change_message(core.operator.preview_margin(request.instrument_id, tiers), core.last_seq)

        def change(core: Clearing, _now_ns: int) -> operator_pb2.ChangeMarginResponse:
            return _change_message(core.operator.change_margin(request.instrument_id, tiers, author), core.last_seq)

        answer: operator_pb2.ChangeMarginResponse
        answer = await (self._service.ask(preview) if request.preview else self._service.request(change))
        return answer

    async def PauseWithdrawals(  # noqa: N802 - the contract's name.
        self, request: operator_pb2.PauseWithdrawalsRequest, _context: Context
    ) -> operator_pb2.PauseWithdrawalsResponse:
        """Pause withdrawals, or let them go on."""
        author = author_of(request.note)

        def pause(core: Clearing, _now_ns: int) -> int:
            core.operator.pause_withdrawals(author, paused=request.paused)
            return core.last_seq

        return operator_pb2.PauseWithdrawalsResponse(seq=await self._service.request(pause))

    async def TopUpFund(  # noqa: N802 - the contract's name.
        self, request: operator_pb2.TopUpFundRequest, _context: Context
    ) -> operator_pb2.TopUpFundResponse:
        """Give the insurance fund money."""
        author = author_of(request.note)

        def top_up(core: Clearing, _now_ns: int) -> tuple[int, int]:
            return core.operator.top_up_fund(request.amount_micros, author), core.last_seq

        cash_micros, seq = await self._service.request(top_up)
        return operator_pb2.TopUpFundResponse(cash_micros=cash_micros, seq=seq)

    async def DrainFund(  # noqa: N802 - the contract's name.
        self, request: operator_pb2.DrainFundRequest, _context: Context
    ) -> operator_pb2.DrainFundResponse:
        """Take money out of the insurance fund."""
        author = author_of(request.note)

        def drain(core: Clearing, _now_ns: int) -> operator_pb2.DrainFundResponse:
            amount = core.operator.drain_fund(request.amount_micros, author)
            return operator_pb2.DrainFundResponse(amount_micros=amount, **_fund_of(core))

        answer: operator_pb2.DrainFundResponse = await self._service.request(drain)
        return answer

    async def RestoreFund(  # noqa: N802 - the contract's name.
        self, request: operator_pb2.RestoreFundRequest, _context: Context
    ) -> operator_pb2.RestoreFundResponse:
        """Put what was drained back into the insurance fund."""
        author = author_of(request.note)

        def restore(core: Clearing, _now_ns: int) -> operator_pb2.RestoreFundResponse:
            amount = core.operator.restore_fund(request.amount_micros, author)
            return operator_pb2.RestoreFundResponse(amount_micros=amount, **_fund_of(core))

        answer: operator_pb2.RestoreFundResponse = await self._service.request(restore)
        return answer

    async def SlowLiquidations(  # noqa: N802 - the contract's name.
        self, request: operator_pb2.SlowLiquidationsRequest, _context: Context
    ) -> operator_pb2.SlowLiquidationsResponse:
        """Let each step of a liquidation wait for the one before it."""
        author = author_of(request.note)

        def slow(core: Clearing, _now_ns: int) -> tuple[int, int]:
            return core.operator.slow_liquidations(request.pace_ns, author), core.last_seq

        previous_ns, seq = await self._service.request(slow)
        return operator_pb2.SlowLiquidationsResponse(previous_pace_ns=previous_ns, seq=seq)

    async def SettleInstrument(  # noqa: N802 - the contract's name.
        self, request: operator_pb2.SettleInstrumentRequest, _context: Context
    ) -> operator_pb2.SettleInstrumentResponse:
        """End an instrument at a price."""
        author = author_of(request.note)

        def settle(core: Clearing, _now_ns: int) -> int:
            core.operator.settle_instrument(request.instrument_id, request.price_ticks, author)
            return core.last_seq

        return operator_pb2.SettleInstrumentResponse(seq=await self._service.request(settle))

    async def SetFundingInterval(  # noqa: N802 - the contract's name.
        self, request: operator_pb2.SetFundingIntervalRequest, _context: Context
    ) -> operator_pb2.SetFundingIntervalResponse:
        """Set the time between two funding payments of an instrument."""
        author = author_of(request.note)

        def set_interval(core: Clearing, _now_ns: int) -> tuple[int, int]:
            interval_ns = request.funding_interval_ns
            return core.operator.set_funding_interval(request.instrument_id, interval_ns, author), core.last_seq

        previous_ns, seq = await self._service.request(set_interval)
        return operator_pb2.SetFundingIntervalResponse(previous_interval_ns=previous_ns, seq=seq)

    async def SetPositionLimit(  # noqa: N802 - the contract's name.
        self, request: operator_pb2.SetPositionLimitRequest, _context: Context
    ) -> operator_pb2.SetPositionLimitResponse:
        """Limit what an account, or every client, may come to in an instrument."""
        author = author_of(request.note)
        limit = PositionLimit(request.size_lots, request.exposure_micros)

        def set_limit(core: Clearing, _now_ns: int) -> int:
            core.operator.set_position_limit(request.instrument_id, request.account_id, limit, author)
            return core.last_seq

        return operator_pb2.SetPositionLimitResponse(seq=await self._service.request(set_limit))

    async def SetGroupLimit(  # noqa: N802 - the contract's name.
        self, request: operator_pb2.SetGroupLimitRequest, _context: Context
    ) -> operator_pb2.SetGroupLimitResponse:
        """Limit what an account, or every client, may come to in a correlation group."""
        author = author_of(request.note)
        limit = GroupLimit(request.net_micros, request.gross_micros)

        def set_limit(core: Clearing, _now_ns: int) -> int:
            core.operator.set_group_limit(request.group, request.account_id, limit, author)
            return core.last_seq

        return operator_pb2.SetGroupLimitResponse(seq=await self._service.request(set_limit))

    async def ListLimits(  # noqa: N802 - the contract's name.
        self, _request: operator_pb2.ListLimitsRequest, _context: Context
    ) -> operator_pb2.ListLimitsResponse:
        """Tell which limits are set."""
        require(principal(), Scope.ADMIN)
        answer: operator_pb2.ListLimitsResponse = await self._service.ask(_limits_message)
        return answer


def _fund_of(core: Clearing) -> dict[str, int]:
    return {
        "cash_micros": core.state.accounts[INSURANCE_FUND_ID].cash_micros,
        "drained_micros": core.state.steering.drained_micros,
        "seq": core.last_seq,
    }


def _limits_message(core: Clearing) -> operator_pb2.ListLimitsResponse:
    limits = core.state.limits
    return operator_pb2.ListLimitsResponse(
        position_limits=[
            operator_pb2.StandingPositionLimit(instrument_id=where, account_id=account_id, **limit._asdict())
            for where, account_id, limit in limits.standing_positions()
        ],
        group_limits=[
            operator_pb2.StandingGroupLimit(group=where, account_id=account_id, **limit._asdict())
            for where, account_id, limit in limits.standing_groups()
        ],
        groups=sorted(core.state.offset_terms.groups_ppm),
        seq=core.last_seq,
    )


def _change_message(change: MarginChange, seq: int) -> operator_pb2.ChangeMarginResponse:
    return operator_pb2.ChangeMarginResponse(
        previous_margin_tiers=[
            instrument_pb2.MarginTier(
                lower_notional_micros=tier.lower_notional_micros,
                max_leverage=tier.max_leverage,
                maintenance_margin_ppm=tier.maintenance_ppm,
            )
            for tier in change.previous
        ],
        affected_accounts=[
            operator_pb2.AffectedAccount(
                account_id=each.account_id,
                equity_micros=each.equity_micros,
                maintenance_margin_micros=each.maintenance_micros,
                new_maintenance_margin_micros=each.new_maintenance_micros,
                health_band=account_pb2.HealthBand.ValueType(each.band),
                new_health_band=account_pb2.HealthBand.ValueType(each.new_band),
            )
            for each in change.affected[:SHOWN_ACCOUNTS]
        ],
        affected_count=len(change.affected),
        falling_count=change.falling,
        seq=seq,
    )
