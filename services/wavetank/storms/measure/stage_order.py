"""Whether the stages of one liquidation acted in their order, as far as its log alone can tell (INV-080).

It exists because the order is not one of stage numbers. A liquidation decides anew after every fill, at the same frozen
inputs (LIQ-030): another position may be closed by a slice behind one that went whole, and an account that a fill has
brought back above the backstop's limit is closed in the book again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wavetank.clearing.core.health import LiquidationStage
from wavetank.model.events.clearing import LiquidationOutcome, LiquidationStepped, LiquidationTested

_BOOK = frozenset({LiquidationStage.PARTIAL, LiquidationStage.FULL})
_NOT_BEHIND = {
    False: {
        LiquidationStage.BACKSTOP: {LiquidationStage.INSURANCE},
        LiquidationStage.INSURANCE: {LiquidationStage.DELEVERAGE},
    },
    True: {
        LiquidationStage.INSURANCE: {LiquidationStage.BACKSTOP, LiquidationStage.DELEVERAGE},
    },
}
"""By whether the fund is asked before the vault: behind which stages of the account one never acts."""


@dataclass(slots=True)
class StageOrder:
    """What has acted in one liquidation, and whether each stage had its turn.

    A stage has its turn:

    - the cancels first and once; the sharing of a deficit last (LIQ-030, LIQ-100);
    - between them only at inputs that are frozen, so never while the case waits for the next mark (LIQ-010, LIQ-040);
    - at the same inputs never on a position on which a later stage has acted;
    - in the book, once a stage behind it has acted, only if the account's health has risen since (LIQ-040);
    - vault and fund in the order that is set, and the fund before winners (LIQ-060, LIQ-070). The vault may still find
      room for one position behind the deleveraging of another, where the fund was not asked.
    """

    is_kept: bool = True
    """Whether every stage had its turn so far."""
    _is_cancelled: bool = False
    _is_frozen: bool = False
    """Whether inputs are frozen and the case does not wait."""
    _is_shared: bool = False
    """Whether a deficit was shared."""
    _ranks: dict[int, int] = field(default_factory=dict)
    """Of the stage that acted last on each position, by instrument; at the present inputs, as what follows."""
    _acted: set[int] = field(default_factory=set)
    _health: tuple[int, int] | None = None
    """Equity and maintenance margin when a stage behind the book acted last."""

    def tested(self, event: LiquidationTested) -> None:
        """Take over a test: inputs are frozen anew, or the case waits."""
        self._is_frozen = event.outcome != LiquidationOutcome.WAITS
        if self._is_frozen:
            self._ranks.clear()
            self._acted.clear()
            self._health = None

    def stepped(self, event: LiquidationStepped, *, insurance_first: bool) -> None:
        """Take over what a stage does; one that is passed over does nothing.

        Args:
            event: of a stage that acts.
            insurance_first: whether the fund is asked before the vault.

        """
        stage = LiquidationStage(event.stage)
        self.is_kept = self.is_kept and self._has_its_turn(event, stage, insurance_first=insurance_first)
        self._is_cancelled = self._is_cancelled or stage is LiquidationStage.CANCEL
        self._is_shared = self._is_shared or stage is LiquidationStage.SOCIALISE
        self._ranks[event.instrument_id] = _rank(stage, insurance_first=insurance_first)
        self._acted.add(stage)
        if stage > LiquidationStage.FULL:
            self._health = event.equity_micros, event.maintenance_margin_micros

    def _has_its_turn(self, event: LiquidationStepped, stage: LiquidationStage, *, insurance_first: bool) -> bool:
        if stage is LiquidationStage.CANCEL:
            return not self._is_cancelled
        if not self._is_cancelled or not self._is_frozen or self._is_shared:
            return False
        if _rank(stage, insurance_first=insurance_first) < self._ranks.get(event.instrument_id, 0):
            return False
        if stage in _BOOK and self._health is not None:
            equity, maintenance = self._health
            return event.equity_micros * maintenance > equity * event.maintenance_margin_micros
        return self._acted.isdisjoint(_NOT_BEHIND[insurance_first].get(stage, ()))


def _rank(stage: LiquidationStage, *, insurance_first: bool) -> int:
    if insurance_first and stage in {LiquidationStage.BACKSTOP, LiquidationStage.INSURANCE}:
        return LiquidationStage.BACKSTOP + LiquidationStage.INSURANCE - stage
    return stage
