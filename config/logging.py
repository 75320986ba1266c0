"""One JSON object per line, with the request's id, and no clinical value in it."""

import logging
from http import HTTPStatus
from typing import Any

import structlog


def drop_query_string(_: object, __: str, event: Any) -> Any:
    """Cut the request line at its "?": what somebody searched for may name a patient."""
    if isinstance(event.get("request"), str):
        event["request"] = event["request"].partition("?")[0]
    return event


def is_not_answered_on_purpose(record: logging.LogRecord) -> bool:
    """Return False for a 503: /readyz gives its reasons in the answer, and is asked every few seconds."""
    return getattr(record, "status_code", None) != HTTPStatus.SERVICE_UNAVAILABLE


COMMON: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    drop_query_string,
]


def formatter(*last: Any) -> dict[str, Any]:
    """Return a formatter that ends with these steps, for structlog's lines and everybody else's alike."""
    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return {
        "()": structlog.stdlib.ProcessorFormatter,
        "processors": [clean, *last],
        "foreign_pre_chain": COMMON,
    }


def log_settings(*, level: str, console: str, file: str | None) -> dict[str, Any]:
    """Return Django's LOGGING: from `level` on to standard error and, if asked, all to `file`.

    `console` is "json" for machines or "plain" for a person at a terminal.
    """
    handlers: dict[str, Any] = {
        "console": {"class": "logging.StreamHandler", "formatter": console, "level": level}
    }
    if file:
        # Watched, so that the operator may move the file away while we write.
        handlers["file"] = {
            "class": "logging.handlers.WatchedFileHandler",
            "filename": file,
            "formatter": "json",
            "delay": True,
        }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": formatter(structlog.processors.format_exc_info, structlog.processors.JSONRenderer()),
            "plain": formatter(structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)),
        },
        "filters": {"not_answered_on_purpose": {"()": lambda: is_not_answered_on_purpose}},
        "handlers": handlers,
        "root": {"handlers": list(handlers), "level": "INFO"},
        "loggers": {
            # Django's own handlers would print each line a second time, in another form.
            "django": {"handlers": [], "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
            "django.request": {"filters": ["not_answered_on_purpose"]},
            # One line per request and task belongs where nobody reads along; its errors are Django's, too.
            **({"django_structlog": {"handlers": ["file"], "propagate": False}} if file else {}),
        },
    }


def configure_structlog() -> None:
    """Send structlog's lines through the standard library, so that one handler writes them all."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *COMMON,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.captureWarnings(True)
