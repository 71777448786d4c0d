"""The liquidation waterfall: stages in a fixed order, each a unit of its own (SPEC 6).

`driver.py` walks one account through the stages; each stage decides from frozen inputs, says in
events what it does and why, and either sends a request to the shard or passes to the next.
"""
