"""What people call a visit."""

from registry.clinical.visit_windows import UNSCHEDULED


def visit_words(code: str) -> str:
    """Return `Visit M6`; `Unscheduled visit` for those that the schedule has no code for."""
    return "Unscheduled visit" if code == UNSCHEDULED else f"Visit {code}"
