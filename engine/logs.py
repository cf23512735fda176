"""How the engine and the libraries under it write their log: lines for people on a terminal, else JSON, to stderr."""

import logging
import sys
from typing import Any

import structlog
from structlog.typing import Processor

QUIET = ("alembic", "apscheduler", "httpx", "httpcore", "kafka", "numba", "uvicorn")
"""Libraries that tell more than operators want to read: only their warnings are kept."""


def configure(*, people: bool | None = None, level: str = "INFO") -> None:
    """Write everything to stderr from now on: as lines if `people`, which None leaves to whether it is a terminal."""
    shown = sys.stderr.isatty() if people is None else people
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(shared, people=shown))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(capture=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def quiet() -> None:
    """Keep the engine's own log to what is wrong: where it is not the engine that is run, but something with it."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _formatter(shared: list[Processor], *, people: bool) -> structlog.stdlib.ProcessorFormatter:
    last: list[Any] = (
        [structlog.dev.ConsoleRenderer(colors=True, exception_formatter=structlog.dev.plain_traceback)]
        if people
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[strip, *last])
