"""What-if: margins at other marks, what a move forces people to close, one book under several margin modes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum

from wavetank.client.connection import Connection
from wavetank.client.events import HealthBand
from wavetank.client.instrument import Number, decimal_of, dollars, scaled
from wavetank.client.wire import Wire
from wavetank.v1 import risk_pb2, risk_pb2_grpc

_PPM = 6


class MarginScheme(IntEnum):
    """Margin mode of a comparison (MRGN-030)."""

    CROSS_GROSS = risk_pb2.MARGIN_SCHEME_CROSS_GROSS
    """One equity for all positions, the sum of their margins."""
    ISOLATED = risk_pb2.MARGIN_SCHEME_ISOLATED
    """Each position alone, with the initial margin that it needs alone as its equity."""
    GROUP_OFFSET = risk_pb2.MARGIN_SCHEME_GROUP_OFFSET
    """Longs and shorts of a correlation group offset each other."""
    SCENARIO = risk_pb2.MARGIN_SCHEME_SCENARIO
    """By correlation with the market, with a floor."""


@dataclass(frozen=True, slots=True)
class Shock:
    """A move of marks.

    Attributes:
        instrument: symbol of what moves, empty for all together.
        share: of the mark: -0.1 is a fall of a tenth; 0 are the present marks.
    """

    instrument: str
    share: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRisk:
    """One position at some mark; money and prices in dollars.

    Attributes:
        instrument: symbol.
        size: signed; positive is long.
        cost: signed.
        mark: mark price.
        notional: size times mark, unsigned.
        unrealised: profit or loss.
        initial_margin: of the position.
        maintenance_margin: of the position.
        bankruptcy_price: closing there takes the position's share of the account's equity.
        liquidation_price: there equity meets maintenance margin, all else equal; None if there is none.
    """

    instrument: str
    size: Decimal
    cost: Decimal
    mark: Decimal
    notional: Decimal
    unrealised: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    bankruptcy_price: Decimal
    liquidation_price: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginAt:
    """An account after a shock; money in dollars.

    Attributes:
        shock: the shock.
        equity: cash plus unrealised profit and loss.
        initial_margin: of the positions.
        maintenance_margin: of the positions.
        notional: of the positions.
        health: equity / maintenance margin, with 8 decimals; None without positions.
        health_band: band that it falls into.
        legs: positions by instrument id; under shocks only if they were asked for.
    """

    shock: Shock
    equity: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    notional: Decimal
    health: Decimal | None
    health_band: HealthBand
    legs: tuple[LegRisk, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRisk:
    """An account now and under shocks: instruments by id, all together last, sizes ascending."""

    account_id: int
    cash: Decimal
    now: MarginAt
    shocked: tuple[MarginAt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForcedClose:
    """What must be closed of one instrument at the shocked mark.

    Attributes:
        instrument: symbol.
        size: longs and shorts together, unsigned.
        notional: dollars.
        backstop: the part that the vault, the fund or the other side must take; the rest goes to the book.
    """

    instrument: str
    size: Decimal
    notional: Decimal
    backstop: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemeAt:
    """A book under one margin mode after a shock; money in dollars.

    Attributes:
        shock: the shock.
        equity: that stands behind the positions.
        initial_margin: that the mode asks for.
        maintenance_margin: that the mode asks for.
        deficit: what parts of the book owe more than they have.
        closes: what must be closed, by instrument id.
    """

    shock: Shock
    equity: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    deficit: Decimal
    closes: tuple[ForcedClose, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemeRisk:
    """A book under one margin mode, now and under shocks."""

    scheme: MarginScheme
    now: SchemeAt
    shocked: tuple[SchemeAt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginComparison:
    """One book under several margin modes; modes that are newer than this SDK are left out."""

    account_id: int
    equity: Decimal
    schemes: tuple[SchemeRisk, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueMarginAt:
    """All clients together after a shock; money in dollars.

    Attributes:
        shock: the shock.
        equity: sum of equities.
        initial_margin: sum.
        maintenance_margin: sum.
        notional: sum, long and short.
        shortfall: what those below their maintenance margin lack to it.
        deficit: what those below zero owe more than they have.
        bands: accounts with positions by band of health.
    """

    shock: Shock
    equity: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    notional: Decimal
    shortfall: Decimal
    deficit: Decimal
    bands: tuple[tuple[HealthBand, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueRisk:
    """All clients together now and under shocks."""

    now: VenueMarginAt
    shocked: tuple[VenueMarginAt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContagionRow:
    """What one shock forces the venue's accounts to close.

    Attributes:
        shock: the shock.
        accounts: that must close something.
        elsewhere: dollars closed in instruments other than the shocked one; 0 when all are shocked.
        closes: by instrument id.
    """

    shock: Shock
    accounts: int
    elsewhere: Decimal
    closes: tuple[ForcedClose, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contagion:
    """The contagion matrix; what must be closed at the present marks already is part of every row."""

    now: ContagionRow
    rows: tuple[ContagionRow, ...]


class Risk:
    """What would be, as clearing works it out; nothing is changed.

    Shocks are shares of the mark, such as `"-0.1"`, at most 16, from -0.99 to 1; none for 5, 10, 20 and 30 % both ways.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def account(
        self, account_id: int = 0, *, shocks: Sequence[Number] = (), shocked_legs: bool = False
    ) -> AccountRisk:
        """Return an account's margin and its positions' prices, now and under shocks.

        Args:
            account_id: 0 for the key's own; another needs scope `admin`.
            shocks: shares of the mark.
            shocked_legs: tell the positions under each shock too.

        Raises:
            AccountUnknown: there is no such account.
            InvalidRequest: shocks are too many, too large, 0, or named twice.
        """
        request = risk_pb2.GetAccountRiskRequest(
            account_id=account_id, shocks_ppm=_sizes(shocks), with_shocked_legs=shocked_legs
        )
        answer = await self._connection.ask(self._stub.GetAccountRisk, request)
        await self._connection.know(leg.instrument_id for leg in answer.now.legs)
        wire = self._connection.wire
        return AccountRisk(
            account_id=answer.account_id,
            cash=dollars(answer.cash_micros),
            now=_margin(answer.now, wire),
            shocked=tuple(_margin(row, wire) for row in answer.shocked),
        )

    async def compare(self, account_id: int = 0, *, shocks: Sequence[Number] = ()) -> MarginComparison:
        """Return an account's book under several margin modes, now and under shocks.

        Args:
            account_id: 0 for the key's own; another needs scope `admin`.
            shocks: shares of the mark.

        Raises:
            AccountUnknown: there is no such account.
            InvalidRequest: shocks are too many, too large, 0, or named twice.
        """
        request = risk_pb2.CompareMarginRequest(account_id=account_id, shocks_ppm=_sizes(shocks))
        answer = await self._connection.ask(self._stub.CompareMargin, request)
        await self._connection.know(
            row.shock.instrument_id for each in answer.schemes for row in each.shocked if row.shock.instrument_id
        )
        wire, known = self._connection.wire, {int(scheme) for scheme in MarginScheme}
        return MarginComparison(
            account_id=answer.account_id,
            equity=dollars(answer.equity_micros),
            schemes=tuple(
                SchemeRisk(
                    scheme=MarginScheme(each.scheme),
                    now=_scheme(each.now, wire),
                    shocked=tuple(_scheme(row, wire) for row in each.shocked),
                )
                for each in answer.schemes
                if each.scheme in known
            ),
        )

    async def venue(
        self, *, shocks: Sequence[Number] = (), instruments: Sequence[str] = (), timeout: float | None = None
    ) -> VenueRisk:
        """Return all clients' margins together, now and under shocks; needs scope `admin`.

        Args:
            shocks: shares of the mark.
            instruments: symbols that move alone, empty for all.
            timeout: wall seconds, None for the client's own; many thousand accounts and many shocks take longer.

        Raises:
            InvalidRequest: shocks are too many, too large, 0, or named twice.
        """
        wire = self._connection.wire
        request = risk_pb2.GetVenueRiskRequest(shocks_ppm=_sizes(shocks), instrument_ids=wire.numbers(instruments))
        answer = await self._connection.ask(self._stub.GetVenueRisk, request, timeout)
        await self._connection.know(row.shock.instrument_id for row in answer.shocked if row.shock.instrument_id)
        return VenueRisk(now=_venue(answer.now, wire), shocked=tuple(_venue(row, wire) for row in answer.shocked))

    async def contagion(
        self, *, shocks: Sequence[Number] = (), instruments: Sequence[str] = (), timeout: float | None = None
    ) -> Contagion:
        """Return what each shock would force accounts to close, there and elsewhere; needs scope `admin`.

        Args:
            shocks: shares of the mark.
            instruments: symbols that move alone, empty for all.
            timeout: wall seconds, None for the client's own; many thousand accounts and many shocks take longer.

        Raises:
            InvalidRequest: shocks are too many, too large, 0, or named twice.
        """
        wire = self._connection.wire
        request = risk_pb2.GetContagionRequest(shocks_ppm=_sizes(shocks), instrument_ids=wire.numbers(instruments))
        answer = await self._connection.ask(self._stub.GetContagion, request, timeout)
        await self._connection.know(close.instrument_id for row in (answer.now, *answer.rows) for close in row.closes)
        await self._connection.know(row.shock.instrument_id for row in answer.rows if row.shock.instrument_id)
        return Contagion(now=_row(answer.now, wire), rows=tuple(_row(row, wire) for row in answer.rows))

    @property
    def _stub(self) -> risk_pb2_grpc.RiskServiceAsyncStub:
        return risk_pb2_grpc.RiskServiceStub(self._connection.channel(self._connection.directory.clearing))


def _sizes(shocks: Iterable[Number]) -> list[int]:
    sizes: list[int] = []
    for share in shocks:
        ppm = decimal_of(share, "a shock").scaleb(_PPM)
        if ppm != ppm.to_integral_value():
            raise ValueError(f"a shock is a whole number of millionths, not {share}")
        sizes.append(int(ppm))
    return sizes


def _shock(message: risk_pb2.Shock, wire: Wire) -> Shock:
    return Shock(wire.symbol(message.instrument_id), scaled(message.shock_ppm, -_PPM))


def _margin(message: risk_pb2.MarginAt, wire: Wire) -> MarginAt:
    return MarginAt(
        shock=_shock(message.shock, wire),
        equity=dollars(message.equity_micros),
        initial_margin=dollars(message.initial_margin_micros),
        maintenance_margin=dollars(message.maintenance_margin_micros),
        notional=dollars(message.notional_micros),
        health=Decimal(message.health) if message.health else None,
        health_band=HealthBand(message.health_band),
        legs=tuple(_leg(leg, wire) for leg in message.legs),
    )


def _leg(message: risk_pb2.LegRisk, wire: Wire) -> LegRisk:
    instrument = wire.numbered(message.instrument_id)
    return LegRisk(
        instrument=instrument.symbol,
        size=instrument.size(message.size_lots),
        cost=dollars(message.cost_micros),
        mark=instrument.price(message.mark_price_ticks),
        notional=dollars(message.notional_micros),
        unrealised=dollars(message.unrealised_micros),
        initial_margin=dollars(message.initial_margin_micros),
        maintenance_margin=dollars(message.maintenance_margin_micros),
        bankruptcy_price=Decimal(message.bankruptcy_price),
        liquidation_price=Decimal(message.liquidation_price) if message.liquidation_price else None,
    )


def _closes(messages: Iterable[risk_pb2.ForcedClose], wire: Wire) -> tuple[ForcedClose, ...]:
    return tuple(
        ForcedClose(
            instrument=wire.symbol(close.instrument_id),
            size=wire.numbered(close.instrument_id).size(close.size_lots),
            notional=dollars(close.notional_micros),
            backstop=dollars(close.backstop_micros),
        )
        for close in messages
    )


def _scheme(message: risk_pb2.SchemeAt, wire: Wire) -> SchemeAt:
    return SchemeAt(
        shock=_shock(message.shock, wire),
        equity=dollars(message.equity_micros),
        initial_margin=dollars(message.initial_margin_micros),
        maintenance_margin=dollars(message.maintenance_margin_micros),
        deficit=dollars(message.deficit_micros),
        closes=_closes(message.closes, wire),
    )


def _venue(message: risk_pb2.VenueMarginAt, wire: Wire) -> VenueMarginAt:
    return VenueMarginAt(
        shock=_shock(message.shock, wire),
        equity=dollars(message.equity_micros),
        initial_margin=dollars(message.initial_margin_micros),
        maintenance_margin=dollars(message.maintenance_margin_micros),
        notional=dollars(message.notional_micros),
        shortfall=dollars(message.shortfall_micros),
        deficit=dollars(message.deficit_micros),
        bands=tuple((HealthBand(band.health_band), band.accounts) for band in message.bands),
    )


def _row(message: risk_pb2.ContagionRow, wire: Wire) -> ContagionRow:
    return ContagionRow(
        shock=_shock(message.shock, wire),
        accounts=message.accounts,
        elsewhere=dollars(message.elsewhere_micros),
        closes=_closes(message.closes, wire),
    )
