"""Python surface of `frozen`."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

_Fields = ParamSpec("_Fields")
_Kind = TypeVar("_Kind")

def made(kind: Callable[_Fields, _Kind], *args: _Fields.args, **fields: _Fields.kwargs) -> _Kind: ...
