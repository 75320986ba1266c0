"""How a visit's contact was made, and why a visit is usually not done: lists of the visit form.

Source: clinical-reference.md on remote contact in long-term follow-up; the reasons are the registry's own.
The reason of a visit that was not done is kept as words, so that none of them is a code to be right about.
"""

from types import MappingProxyType

from registry.clinical.code_lists import CodeList

CONTACT_MODES: CodeList = MappingProxyType(
    {
        "on_site": "At the site",
        "phone": "By telephone",
        "video": "By video",
        "letter": "By letter or e-mail",
        "other_source": "From another source, such as a family doctor",
    }
)

MISSED_REASONS = (
    "Could not be reached",
    "Did not come",
    "Declined this visit",
    "Too ill to come",
    "Followed elsewhere, no report received",
    "Site could not offer the visit",
)
MISSED_OTHERWISE = "Another reason"

COMMENTS_LIMIT = 4_000
