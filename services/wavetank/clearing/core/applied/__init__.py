"""What each event does to clearing's state: a function for each, found by the event's class.

The live process applies an event as it emits it, and recovery applies the same from the log, so nothing here decides.
"""

from wavetank.clearing.core.applied import collateral, liquidations, money, venue
from wavetank.clearing.core.applied.registry import HANDLERS

__all__ = ["HANDLERS", "collateral", "liquidations", "money", "venue"]
