"""Fee rates on paper: every fill kept, and all of them looked at again whenever somebody asks (FEE-010)."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from wavetank.model.fees import NO_OWN_RATE_PPM

TIERS = ((5_000, 400, 120), (100_000, 300, 0), (1_000_000, 240, -5))
"""Dollars above which a tier begins, its taker and maker rate in ppm."""
REBATES = ((Fraction(1, 10), -10), (Fraction(1, 4), -20))
"""Part of what makers traded above which a rebate begins, and the maker rate."""
WINDOW_DAYS = 3
DAY_SECONDS = 7


@dataclass
class NaiveFees:
    """All fills: day, account, value as taker, value as maker; micro-dollars."""

    fills: list[tuple[int, int, int, int]] = field(default_factory=list)

    def trade(self, now_ns: int, taker: int, maker: int, value: int, *, liquidation: bool = False) -> None:
        day = now_ns // (DAY_SECONDS * 10**9)
        if not liquidation:
            self.fills.append((day, taker, value, 0))
        self.fills.append((day, maker, 0, value))

    def rates(self, account: int, now_ns: int) -> tuple[int, int]:
        """Return taker's and maker's rate on the day of `now_ns`, from the full days before it."""
        today = now_ns // (DAY_SECONDS * 10**9)
        window = [fill for fill in self.fills if today - WINDOW_DAYS <= fill[0] < today]
        own = [fill for fill in window if fill[1] == account]
        made, all_made = sum(fill[3] for fill in own), sum(fill[3] for fill in window)
        volume = Fraction(sum(fill[2] + fill[3] for fill in own), 10**6)
        taker_ppm = maker_ppm = NO_OWN_RATE_PPM
        for dollars, tier_taker_ppm, tier_maker_ppm in TIERS:
            if volume > dollars:
                taker_ppm, maker_ppm = tier_taker_ppm, tier_maker_ppm
        for share, rebate_ppm in REBATES:
            if made and Fraction(made, all_made) > share:
                maker_ppm = min(maker_ppm, rebate_ppm)
        return taker_ppm, maker_ppm
