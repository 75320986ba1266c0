"""A small invented dictionary in the file format of MedDRA. Nothing in it is MedDRA.

Every term, code and hierarchy is made up; only the names of the SMQs, which are public, and two of their
codes are real, because the rule knows lists by them. MedDRA itself is licensed and never shipped.
"""

from pathlib import Path

TERMS = """
    90000001 PT  Marrow wanderers
    90000002 PT  Lumps of the left ear
    90000003 PT  Wandering T-cell lymphoma
    90000004 PT  Freckle cancer of nowhere
    90000005 PT  Ear lump biopsy
    90000006 PT  Invented hiccup
    90000007 PT  Swelling that may be anything
    90000008 PT  Low blood of invention
    90000009 PT  Pale marrow disease
    90000011 LLT Marrow wanderers, many     of 90000001
    90000012 LLT Marrow wanderers, old name of 90000001 N
    90000016 LLT Hiccup, invented           of 90000006
"""

SMQS = """
    20000090 Malignancies (SMQ)
    20000194 Malignant tumours (SMQ)
    20000227 Haematological malignant tumours (SMQ)
    29000001 Non-haematological malignant tumours (SMQ)
    29000002 Malignancy related therapeutic and diagnostic procedures (SMQ)
    29000003 Tumours of unspecified malignancy (SMQ)
    29000004 Myelodysplastic syndrome (SMQ)
    29000005 Hiccups of all kinds (SMQ)
"""

# SMQ, what it holds, level (0 sub-SMQ, 4 PT, 5 LLT), scope (1 broad, 2 narrow), active or inactive
CONTENT = """
    20000090 20000194 0 0 A
    20000090 29000002 0 0 A
    20000090 29000003 0 0 A
    20000194 20000227 0 0 A
    20000194 29000001 0 0 A
    20000227 90000001 4 2 A
    20000227 90000011 5 2 A
    20000227 90000012 5 2 A
    20000227 90000003 4 2 A
    20000227 90000008 4 1 A
    29000001 90000002 4 2 A
    29000001 90000004 4 2 A
    29000002 90000005 4 2 A
    29000003 90000007 4 2 A
    29000004 90000009 4 2 A
    29000004 90000008 4 1 A
    29000005 90000006 4 2 A
    20000227 90000006 4 2 I
"""

_SOC, _HLGT, _HLT = "80000001", "80000002", "80000003"


def write_dictionary(
    directory: Path,
    *,
    version: str = "27.0",
    encoding: str = "utf-8",
    line_end: str = "\n",
    terms: str = TERMS,
    smqs: str = SMQS,
    content: str = CONTENT,
) -> Path:
    """Write the eight files and return their directory."""
    directory.mkdir(parents=True, exist_ok=True)
    pts, llts = _terms_of(terms)
    files = {
        "soc.asc": [f"{_SOC}$Inventions$Inv${'$' * 7}"],
        "hlgt.asc": [f"{_HLGT}$Inventions of the body${'$' * 7}"],
        "hlt.asc": [f"{_HLT}$Inventions of the small kind${'$' * 7}"],
        "pt.asc": [f"{code}${name}$${_SOC}${'$' * 7}" for code, name in pts],
        "llt.asc": [
            *(f"{code}${name}${code}{'$' * 7}Y$$" for code, name in pts),
            *(f"{code}${name}${pt}{'$' * 7}{current}$$" for code, name, pt, current in llts),
        ],
        "mdhier.asc": [
            f"{code}${_HLT}${_HLGT}${_SOC}${name}$Inventions of the small kind$Inventions of the body"
            f"$Inventions$Inv$${_SOC}$Y$"
            for code, name in pts
        ],
        "smq_list.asc": [
            f"{code}${name}$1$What it is for: inventions$A book$$" + f"{version}$A$N$"
            for code, _, name in (line.strip().partition(" ") for line in smqs.strip().splitlines())
        ],
        "smq_content.asc": [
            f"{smq}${held}${level}${scope}${'S' if level == '0' else 'A'}$0${status}$20.0${version}$"
            for smq, held, level, scope, status in (line.split() for line in content.strip().splitlines())
        ],
    }
    for name, lines in files.items():
        (directory / name).write_bytes((line_end.join(lines) + line_end).encode(encoding))
    return directory


def replace_line(directory: Path, file: str, *, number: int, old: str, new: str) -> None:
    """Change one line of a file, counted from 1."""
    lines = (directory / file).read_text().splitlines()
    assert old in lines[number - 1], lines[number - 1]
    lines[number - 1] = lines[number - 1].replace(old, new)
    (directory / file).write_text("\n".join(lines) + "\n")


def _terms_of(terms: str) -> tuple[list[tuple[str, str]], list[tuple[str, str, str, str]]]:
    pts, llts = [], []
    for line in terms.strip().splitlines():
        code, level, rest = line.strip().split(maxsplit=2)
        if level == "PT":
            pts.append((code, rest.strip()))
        else:
            name, _, of = rest.partition(" of 9")
            pt, *not_current = f"9{of}".split()
            llts.append((code, name.strip(), pt, "N" if not_current else "Y"))
    return pts, llts
