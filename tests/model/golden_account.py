"""The worked account of the rules: below the backstop band, with two legs that close at exactly nothing."""

from __future__ import annotations

from typing import Any

from tests.model.scripted_shard import BTC, ETH, MICROS, Scene
from wavetank.clearing.core.settings import ClearingSettings


def golden(fund_micros: int = 1_000_000 * MICROS, **settings: Any) -> tuple[Scene, int, int]:  # noqa: ANN401
    """Return the golden account, its orders cancelled, and the maker.

    Cash 10,000; long 1 BTC from 100,000, mark 92,500; short 20 ETH from 4,000, mark 4,050:
    equity 1,500, maintenance margin 2,776.25, h = 0.54.
    """
    scene = Scene(settings=ClearingSettings(**settings), fund_micros=fund_micros)
    a, maker = scene.open(10_000), scene.open(10_000_000)
    scene.mark(BTC, 1_000_000)
    scene.mark(ETH, 400_000)
    scene.trade(BTC, a, maker, 100_000, 1_000_000)
    scene.trade(ETH, a, maker, -200_000, 400_000)
    scene.mark(BTC, 925_000)
    scene.mark(ETH, 405_000)
    scene.cancelled(a)
    return scene, a, maker
