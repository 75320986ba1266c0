"""What people call an analyte where its whole name is too long; the keys of the dictionary are for files."""

from registry.clinical.analytes import ANALYTES

_WRITTEN = {"IGG": "IgG", "IGA": "IgA", "IGM": "IgM", "ANTI_DSDNA": "", "CAR_DNA": "", "BLASTS": ""}


def short_name(key: str) -> str:
    """Return `ANC`, `IgG` to stand beside the name; empty where that says it, or nobody shortens it."""
    short = _WRITTEN.get(key, key)
    return "" if short.lower() in ANALYTES[key].name.lower() else short


def name_in_short(key: str) -> str:
    """Return `ANC`, `CD19`, `IgG`; the name where nobody shortens it: `Creatinine`."""
    short, name = _WRITTEN.get(key, key), ANALYTES[key].name
    return short if short and short.lower() != name.lower() else name
