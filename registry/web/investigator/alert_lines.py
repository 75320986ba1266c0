"""Alerts as a site reads them: the rule's title and its evidence in one line, nothing to decide."""

from collections.abc import Iterable
from dataclasses import dataclass

from registry.models import Alert
from registry.queries.alert_evidence import up_to_date
from registry.web.officer.wording import line_of, title_of, told_of


@dataclass(frozen=True, slots=True)
class AlertLine:
    """One alert in words."""

    alert: Alert
    title: str
    line: str


def alert_lines(alerts: Iterable[Alert]) -> tuple[AlertLine, ...]:
    """Put alerts into words."""
    return tuple(
        AlertLine(alert, title_of(alert.rule), line_of(told_of(alert))) for alert in up_to_date(alerts=alerts)
    )
