"""The codes of the category-specific facts of an adverse event and the words people read for them.

Source: clinical-reference.md 2.2 CRS, 2.3 ICANS (ASTCT, Lee et al. 2019), 2.6 LICATS (Hagen et al. 2025),
2.8 infections, 4.6 malignancy; outcomes ICH E2B(R3) E.i.7. In the order pages show them, mildest first.
"""

from types import MappingProxyType

from registry.clinical.code_lists import CodeList


def _codes(**labels: str) -> CodeList:
    return MappingProxyType(labels)


# The codes are the words: they begin the free text `outcome` of the contract.
OUTCOMES: CodeList = MappingProxyType(
    {
        "recovered": "Recovered",
        "recovered with sequelae": "Recovered with sequelae",
        "recovering": "Recovering",
        "not recovered": "Not recovered",
        "fatal": "Fatal",
        "not known": "Not known",
    }
)

# --- CRS ------------------------------------------------------------------------------------------

HYPOTENSION: CodeList = _codes(
    none="None",
    no_vasopressor="Yes, no vasopressor needed",
    one_vasopressor="One vasopressor, with or without vasopressin",
    several_vasopressors="Several vasopressors, vasopressin not counted",
)

HYPOXIA: CodeList = _codes(
    none="None",
    low_flow="Low-flow nasal cannula up to 6 L/min, or blow-by",
    high_flow="High-flow nasal cannula above 6 L/min, face mask, non-rebreather or Venturi mask",
    positive_pressure="Positive pressure: CPAP, BiPAP, intubation and ventilation",
)

# --- ICANS ----------------------------------------------------------------------------------------

ICE_POINTS: CodeList = _codes(
    year="Oriented to the year",
    month="Oriented to the month",
    city="Oriented to the city",
    hospital="Oriented to the hospital",
    object_1="Names the first object",
    object_2="Names the second object",
    object_3="Names the third object",
    command="Follows a simple command",
    writing="Writes a standard sentence",
    counting="Counts backwards from 100 by ten",
)

CONSCIOUSNESS: CodeList = _codes(
    awake="Awakens spontaneously",
    to_voice="Awakens to voice",
    to_touch="Awakens only to touch",
    unarousable="Unarousable, or only by vigorous or repeated touch; stupor or coma",
)

SEIZURE: CodeList = _codes(
    none="None",
    resolving="Any seizure that resolves rapidly, or non-convulsive on EEG that resolves with treatment",
    prolonged="Longer than 5 minutes, or repeated without return to baseline in between",
)

MOTOR: CodeList = _codes(none="None", deep_weakness="Deep focal weakness such as hemiparesis or paraparesis")

OEDEMA: CodeList = _codes(
    none="None",
    focal="Focal or local oedema on imaging",
    diffuse="Diffuse oedema on imaging, decerebrate or decorticate posture, sixth-nerve palsy, "
    "papilloedema or Cushing's triad",
)

# --- infection ------------------------------------------------------------------------------------

INFECTION_SITES: CodeList = _codes(
    upper_airways="Upper airways",
    lung="Lung",
    urinary="Urinary tract",
    gut="Gut",
    mouth="Mouth or throat",
    skin="Skin or soft tissue",
    blood="Bloodstream",
    catheter="Catheter",
    bone_joint="Bone or joint",
    cns="Central nervous system",
    eye="Eye",
    genital="Genital tract",
    heart="Heart",
    disseminated="Disseminated",
    other="Other site",
    unknown="Not known",
)

DOCUMENTED: CodeList = _codes(
    microbiological="Microbiologically: the organism was found",
    clinical="Clinically or by imaging, no organism found",
    presumed="Presumed, such as fever treated as an infection",
)

ANTIMICROBIALS: CodeList = _codes(
    none="None",
    local="Local, such as drops or cream",
    oral="By mouth",
    intravenous="Intravenous",
    invasive="An invasive intervention: drainage, surgery, removal of a device",
)

# --- LICATS ---------------------------------------------------------------------------------------

LICATS_LABELS: CodeList = _codes(
    licats="LICATS",
    flare="Flare of the disease",
    crs="CRS",
    infection="Infection",
    other="Something else",
    uncertain="Uncertain",
)

SEROLOGY_TRENDS: CodeList = _codes(
    quiet="Stable: anti-dsDNA not rising, C3 and C4 not falling",
    active="Active: anti-dsDNA rising, or C3 or C4 falling",
    not_measured="Not measured",
)

BIOPSIES: CodeList = _codes(
    not_done="Not done",
    licats="Done, speaks for LICATS",
    flare="Done, speaks for a flare",
    other="Done, shows something else",
    inconclusive="Done, inconclusive",
    pending="Done, result awaited",
)

LICATS_CARE: CodeList = _codes(
    none="None, it resolved or resolves by itself",
    outpatient="Medicines, as an outpatient",
    hospital="New or prolonged stay in hospital",
    intensive_care="Intensive care",
)

# --- malignancy -----------------------------------------------------------------------------------

BASES: CodeList = _codes(
    histology="Histology",
    cytology="Cytology",
    flow="Flow cytometry",
    imaging="Imaging",
    clinical="Clinical findings",
    death_certificate="Death certificate",
    unknown="Not known",
)

CELLS_OF_ORIGIN: CodeList = _codes(
    t="T cell",
    b="B cell",
    nk="NK cell",
    myeloid="Myeloid",
    plasma="Plasma cell",
    solid="Solid tumour",
    unknown="Not known",
)

TRANSGENE_TESTS: CodeList = _codes(
    not_done="Not done",
    pending="Sent, result pending",
    negative="Negative: transgene not found",
    positive="Positive: transgene found",
    inconclusive="Inconclusive",
)

BEHAVIOURS: CodeList = MappingProxyType(
    {
        "0": "benign",
        "1": "uncertain whether benign or malignant",
        "2": "in situ",
        "3": "malignant, primary",
        "6": "malignant, metastatic",
        "9": "malignant, primary or metastatic not known",
    }
)
