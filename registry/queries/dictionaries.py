"""The licensed dictionary that codes are read with."""

from registry.models import DictionaryVersion
from registry.monitoring.malignancy_codes import smq_list_version
from registry.monitoring.rule import Rule


def version_in_force(*, dictionary: str = "meddra") -> str:
    """Return name and version of the dictionary that rules see (`MedDRA 27.1`); empty when none is loaded.

    Whatever is remembered about coded events is out of date as soon as this text changes. One small
    query; no patient's rows, so any scope will do.
    """
    return (
        DictionaryVersion.objects.filter(dictionary=dictionary, is_in_force=True)
        .values_list("name", flat=True)
        .first()
        or ""
    )


def lists_of(*, rule: Rule) -> str:
    """Return the versions of all lists that a rule goes by: its own, and the dictionary where it reads codes.

    Written into every run; a night that finds another text than its run's builds on nothing earlier.
    """
    own = rule.lists()
    name = version_in_force() if own else ""
    return f"{own}, {smq_list_version()}, {name}" if name else own
