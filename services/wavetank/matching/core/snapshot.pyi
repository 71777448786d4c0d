"""Python surface of `snapshot`: `Engine.snapshot` and `Engine.restore` are its doors."""

class Reader:
    def __init__(self, data: bytes) -> None: ...
