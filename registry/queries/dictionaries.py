"""The licensed dictionary that codes are read with."""

from registry.models import DictionaryVersion


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
