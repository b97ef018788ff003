"""Configures logging: one line per event on standard error, the libraries' lines in the same format as ours.

The server and the worker each call `configure` at their start. `log_writer` writes the lines, so that a stalled reader
of the log stops neither of them. `tolerant` logs the errors of functions that only observe.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Final, Literal, ParamSpec

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from service.observability.log_writer import LogWriter, sink

P = ParamSpec("P")

_PROCESSORS: Final[list[Processor]] = []
"""The processors of every logger of this process, as `configure` last chose them."""

_LAST_LINES_S: Final = 2.0
"""Seconds for which the end of the process waits for a stalled reader of the log."""

_log = logging.getLogger(__name__)


class BackgroundHandler(logging.Handler):
    """Formats a line where it is logged, and lets a thread write it to standard error."""

    def __init__(self) -> None:
        super().__init__()
        self.writer = LogWriter(sink(sys.stderr), self._about_gap)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.writer.put(self.format(record) + "\n")
        except Exception:  # noqa: BLE001 -- as every handler does, since logging must not stop what logs
            self.handleError(record)

    def flush(self) -> None:
        self.writer.flush(_LAST_LINES_S)

    def close(self) -> None:
        self.writer.close()
        super().close()

    def _about_gap(self, lines: int) -> str:
        told = "%d log lines were dropped here: nothing read the log for a while"
        record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, told, (lines,), None)
        return self.format(record) + "\n"


def dropped_lines() -> int:
    """Returns the number of log lines of this process that were dropped since `configure`, as nothing read the log."""
    handlers = logging.getLogger().handlers
    return sum(handler.writer.dropped for handler in handlers if isinstance(handler, BackgroundHandler))


def configure(level: str, style: Literal["auto", "console", "json"], *, process: str | None = None) -> None:
    """Configures structlog and the standard library's logging for this process.

    `level` is the name of a logging level. The style `auto` is console on a terminal and json elsewhere. `process`, if
    given, names the process on each of its lines. Python's warnings are logged, too, and so is the exception that ends
    the process.
    """
    console = style == "console" or (style == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    if process is not None:
        shared.append(_naming(process))
    render: list[Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if console
        # Tracebacks are rendered as text because the structured ones hold local variables, prompts among them.
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    # One list for good: loggers that were used before keep the list that they were made with.
    _PROCESSORS[:] = [*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter]
    structlog.configure(
        processors=_PROCESSORS,
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = BackgroundHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    for former in root.handlers:
        if isinstance(former, BackgroundHandler):
            former.close()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # It warns of every malformed form, but only its sender can help that.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    # Alembic tells at every start which database it looks at. What it changes, `service.jobs.store.migrations` says.
    logging.getLogger("alembic").setLevel(max(logging.WARNING, root.level))
    # uvicorn's messages about starting and stopping repeat ours.
    logging.getLogger("uvicorn.error").setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Replaces Python's own hook, whose direct write would wait for the reader of the log."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
    else:
        _log.critical("the process ends with an exception", exc_info=(kind, error, traceback))


def tolerant(watch: Callable[P, object]) -> Callable[P, None]:
    """Returns a function that calls `watch` and survives its exceptions, for work that must not end with its watcher.

    The first exception of each kind, by the types of the exception and of the arguments, is logged.
    """
    logged: set[tuple[type, ...]] = set()

    def watch_or_log(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            watch(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 -- a watcher may fail in any way
            subjects = tuple(map(type, args))
            if (type(error), *subjects) not in logged:
                logged.add((type(error), *subjects))
                names = ", ".join(subject.__name__ for subject in subjects)
                _log.exception("an observer fails on %s; further errors of this kind are not logged", names)

    return watch_or_log


def _naming(process: str) -> Processor:
    def add_process(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    return add_process
