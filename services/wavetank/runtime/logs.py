"""Log lines: one shape for all processes, on standard error.

Events are fixed words in snake_case with fields; JSON for machines, coloured lines for a person. Kept true: a field
whose name says that it holds a secret is never written, whoever put it there.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from wavetank.runtime.settings import LogFormat, LogLevel

SECRET_FIELDS = frozenset(
    {"authorization", "api_key", "internal_key", "key", "password", "redis_url", "secret", "token"}
)

_NUMBERS = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}


def hide_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the value of every field in `SECRET_FIELDS`; a structlog processor."""
    for name in SECRET_FIELDS & event.keys():
        event[name] = "(hidden)"
    return event


def set_up_logs(service: str, *, level: LogLevel = LogLevel.INFO, shape: LogFormat = LogFormat.JSON) -> None:
    """Configure structlog, and let the standard library's loggers (grpc, asyncio) write the same lines.

    Args:
        service: stands in each line.
        level: least severe line that is written.
        shape: JSON or console.

    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        hide_secrets,
    ]
    renderer: list[structlog.typing.Processor] = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
        if shape is LogFormat.JSON
        else [structlog.dev.ConsoleRenderer()]
    )
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_NUMBERS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries say at INFO what concerns only their authors.
    root.setLevel(max(_NUMBERS[level], logging.WARNING))
