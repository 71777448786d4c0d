"""Clearing: the ledger, margin, funding, credit lines and the liquidation waterfall."""
