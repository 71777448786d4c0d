"""Python surface of `shard`: none but its class, which only compiled code uses."""

from wavetank.matching.core.settings import EngineSettings

class Shard:
    def __init__(self, number: int, settings: EngineSettings) -> None: ...
