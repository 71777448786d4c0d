"""Where a setting becomes a policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.waterfall.policies.in_turn import BitmexPolicy, HyperliquidPolicy
from wavetank.clearing.core.waterfall.policies.min_max_leverage import MinMaxLeveragePolicy
from wavetank.clearing.core.waterfall.policies.pro_rata import ProRataPolicy
from wavetank.model.events.clearing import AdlPolicyKind

if TYPE_CHECKING:
    from wavetank.clearing.core.waterfall.policies.candidate import AdlPolicy

_POLICIES: dict[AdlPolicyKind, AdlPolicy] = {
    AdlPolicyKind.HYPERLIQUID: HyperliquidPolicy(),
    AdlPolicyKind.BITMEX: BitmexPolicy(),
    AdlPolicyKind.PRO_RATA: ProRataPolicy(),
    AdlPolicyKind.MIN_MAX_LEVERAGE: MinMaxLeveragePolicy(),
}


def policy_of(kind: AdlPolicyKind) -> AdlPolicy:
    """Return the policy that a setting names."""
    return _POLICIES[kind]
