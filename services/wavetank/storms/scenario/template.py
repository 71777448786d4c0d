"""The page that a new scenario begins with: small, commented, and runs as it is."""

from __future__ import annotations

import re

from wavetank.storms.scenario.faults import shown

_NAME = re.compile(r"[A-Za-z0-9][a-z0-9_]{0,47}")

_PAGE = """\
# yaml-language-server: $schema={schema}
# {name}: `wavetank storm run {name}.yaml` runs this page as it is; every line may be changed, most may go.
scenario: 1
name: {name}
title: A calm market, and one shock
about: >-
  What happens, and what is to be learned from it.
seed: 1
duration: 3m

market:
  # BTC, ETH and SOL are as shipped; any other symbol needs a price.
  instruments:
    BTC: {{price: 60000, volatility: 0.8%}}
    ETH: {{price: 2500, volatility: 1%}}

venue:
  # Every setting of the venue under its own name; what is not written stays as shipped.
  fund: 1M
  clearing: {{vault_cap: 5M}}

cast:
  # Who trades by themselves. Sizes are dollars, and everybody of a crowd has an account of their own.
  - name: makers
    kind: market_maker
    count: 3
    deposit: 2M
    settings: {{size: 9k, max_position: 450k, half_spread_bps: 4}}
  - name: takers
    kind: taker_flow
    count: 6
    deposit: 200k
    enters: 3s
    settings: {{mean_size: 3k, max_position: 60k, rate: 0.4}}
  # Who acts by the timeline alone.
  - name: believer
    deposit: 5k

timeline:
  - at: 20s
    note: Somebody bets twelve times what they have.
    order: {{who: believer, instrument: BTC, side: buy, notional: 60k}}
  - at: 60s
    note: The price falls, and half of it comes back.
    move: {{by: -9%, instruments: [BTC], over: 10s, hold: 20s, recovered: 50%, recover_over: 30s}}
  # Faults stand here too; `lasting` is for how long:
  # - at: 60s
  #   fault: {{kind: lag, consumers: [clearing], lag: 30s, lasting: 1m}}

# What went wrong, as one condition. A variant says whether it is expected to.
harm: account(believer).min_health < 1

# What must hold whatever happens. Dollars are 5M or $100, durations 30s, shares 10%.
asserts:
  - ledger.balanced
  - fund.loss < 100k

variants:
  as_it_was:
    harm: true
  a_third:
    about: The same day with a third of the fall.
    set: {{timeline.1.move.by: -3%}}
    harm: false
"""


def new_scenario(name: str, *, schema: str = "schema.json") -> str:
    """Return the text of a page for a new scenario.

    Args:
        name: of the scenario, lower case with underscores.
        schema: where an editor finds the schema, as seen from the page.

    Raises:
        ValueError: the name is none that a scenario can have.

    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{shown(name)} is no name of a scenario; write at most 48 letters, digits and underscores, for instance "
            "late_feed"
        )
    return _PAGE.format(name=name, schema=schema)
