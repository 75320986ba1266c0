"""A process that judges parts of a night, as a Celery worker does; without Django until it is one."""

from datetime import datetime


def start() -> None:
    """Make this process one that can judge."""
    # Not at the top: models can be read only after Django is set up.
    import django

    django.setup()
    from registry.actions import night  # noqa: F401 - read now, not while the first part is timed


def judge_part(part_id: int, at: datetime) -> bool:
    """Judge a part; see registry.actions.night.judge_part."""
    from registry.actions import night

    return night.judge_part(part_id=part_id, at=at)
