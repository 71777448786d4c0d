"""Bands of an account's health; numbers equal those of the wire's `HealthBand`."""

from __future__ import annotations

from enum import IntEnum


class HealthBand(IntEnum):
    """Band of equity / maintenance margin (SPEC 6)."""

    HEALTHY = 1
    WARNED = 2
    REDUCE_ONLY = 3
    LIQUIDATION = 4
    BACKSTOP = 5
    BANKRUPT = 6


class LiquidationStage(IntEnum):
    """Stage of the waterfall; numbers equal those of the wire's `LiquidationStage`."""

    CANCEL = 1
    PARTIAL = 2
    FULL = 3
    BACKSTOP = 4
    INSURANCE = 5
    DELEVERAGE = 6
    SOCIALISE = 7


class AccountKind(IntEnum):
    """Whose an account is; numbers equal those of the wire's `AccountKind`."""

    CLIENT = 1
    FEES = 2
    INSURANCE_FUND = 3
    ROUNDING = 4
    BACKSTOP_VAULT = 5
    DEBT = 6
    HOUSE = 7
