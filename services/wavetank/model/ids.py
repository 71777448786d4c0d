"""Ids that mean something: the venue's own accounts, and where client accounts begin."""

from __future__ import annotations

FEE_ACCOUNT_ID = 1
INSURANCE_FUND_ID = 2
ROUNDING_ACCOUNT_ID = 3
BACKSTOP_VAULT_ID = 4
DEBT_ACCOUNT_ID = 5
HOUSE_ACCOUNT_ID = 6

FIRST_CLIENT_ACCOUNT_ID = 1_000
"""Accounts below belong to the venue; no client can act for them."""

VENUE_ACCOUNTS: dict[int, str] = {
    FEE_ACCOUNT_ID: "fees",
    INSURANCE_FUND_ID: "insurance-fund",
    ROUNDING_ACCOUNT_ID: "rounding",
    BACKSTOP_VAULT_ID: "backstop-vault",
    DEBT_ACCOUNT_ID: "debt",
    HOUSE_ACCOUNT_ID: "house",
}
