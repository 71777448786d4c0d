"""The three instruments that the tests of the client trade, in the units of the venue's defaults."""

from decimal import Decimal

from wavetank.client import Instrument

BTC = Instrument(instrument_id=1, symbol="BTC", size_decimals=5, min_notional=Decimal(10))
ETH = Instrument(instrument_id=2, symbol="ETH", size_decimals=4, min_notional=Decimal(10))
SOL = Instrument(instrument_id=3, symbol="SOL", size_decimals=2, min_notional=Decimal(10))
