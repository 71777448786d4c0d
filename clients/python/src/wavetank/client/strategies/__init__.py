"""Strategies that keep a venue alive, and one that gets into trouble."""

from wavetank.client.strategies.directional import Directional, DirectionalSettings
from wavetank.client.strategies.market_maker import MarketMaker, MarketMakerSettings
from wavetank.client.strategies.takers import TakerFlow, TakerSettings

__all__ = [
    "Directional",
    "DirectionalSettings",
    "MarketMaker",
    "MarketMakerSettings",
    "TakerFlow",
    "TakerSettings",
]
