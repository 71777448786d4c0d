"""Rates of an account's own: what clearing grants and a matching shard charges (FEE-010)."""

from __future__ import annotations

from typing import NamedTuple

LARGEST_FEE_PPM = 100_000
"""No rate, and no rebate, is larger than a tenth."""

NO_OWN_RATE_PPM = 1_000_000
"""Stands where an account has no rate of its own: above every instrument's, so that the instrument's applies."""


class FeeRates(NamedTuple):
    """Rates of an account's own, in ppm of a fill's value; an order is charged the lower of it and the instrument's."""

    taker_fee_ppm: int
    maker_fee_ppm: int
    """Negative is paid to the maker."""


NO_OWN_RATES = FeeRates(NO_OWN_RATE_PPM, NO_OWN_RATE_PPM)
