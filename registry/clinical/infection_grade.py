"""The CTCAE grade that the treatment of an infection points to: a hint, never a grade.

Source: clinical-reference.md 2.8: 2 local or oral antimicrobials, 3 intravenous antimicrobials or invasive
intervention, 4 life-threatening, 5 death. The pattern holds for most infection terms of v5 and v6, not all.
"""

from collections.abc import Collection


def infection_hint(*, treatment: str, seriousness: Collection[str], is_fatal: bool) -> str:
    """Return the sentence of the hint; empty when nothing points to a grade."""
    if is_fatal or "death" in seriousness:
        return "Death of the infection is grade 5."
    if "life_threatening" in seriousness:
        return "Life-threatening consequences are grade 4."
    if treatment == "invasive":
        return "An invasive intervention is usually grade 3."
    if treatment == "intravenous":
        return "Intravenous antimicrobials are usually grade 3."
    if treatment in ("local", "oral"):
        return "Local or oral antimicrobials are usually grade 2."
    return ""
