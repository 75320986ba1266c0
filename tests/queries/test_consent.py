"""What the pages read of consent and transfers: one answer by two ways, in a fixed number of questions."""

from datetime import date

import pytest

from registry.queries.consent import consent_file, is_covered, person_standing
from tests import factories

pytestmark = pytest.mark.django_db
TODAY = date(2024, 9, 1)
ALL = ("follow_up", "laboratory", "remote_contact", "share_sponsor", "share_research", "genetics")

# state | version in force, scopes given (None: no consent), scopes withdrawn
CASES = [
    ("no_version", None, None, None),
    ("not_recorded", "1.0", None, None),
    ("current", "1.0", ALL, None),
    ("limited", "1.0", ("follow_up",), None),
    ("limited", "1.0", ALL, ("genetics",)),
    ("limited", "1.0", None, ("genetics",)),
    ("withdrawn", "1.0", ALL, ("follow_up",)),
    ("withdrawn", None, None, ("follow_up",)),
    ("to_renew", "2.0", ALL, None),
    ("withdrawn", "2.0", ALL, ALL),
]


@pytest.mark.parametrize(("state", "in_force", "given", "withdrawn"), CASES)
def test_badge_and_page_say_the_same(
    patient, study, state, in_force, given, withdrawn, django_assert_num_queries
):
    version = factories.make_consent_version(study=study) if in_force else None
    if in_force == "2.0":
        factories.make_consent_version(study=study, version="2.0", effective_from=date(2024, 8, 1))
    if given:
        factories.make_consent(patient=patient, version=version, scopes=given)
    if withdrawn:
        factories.make_withdrawal(patient=patient, scopes=withdrawn)

    page = consent_file(patient=patient, today=TODAY)
    with django_assert_num_queries(1):
        badge = person_standing(patient=patient, today=TODAY).consent

    assert (page.state, badge.state) == (state, state)
    assert badge.scopes == page.scopes
    assert badge.withdrawn_on == page.withdrawn_on
    assert (badge.in_force and badge.in_force.version) == in_force
    assert (badge.latest is None) is (given is None)


def test_whoever_was_never_transferred_came_from_nowhere(patient):
    found = person_standing(patient=patient, today=TODAY)

    assert (found.transferred_from, found.transferred_on) == ("", None)


def test_of_two_transfers_the_latest_counts(patient, site, other_site_place, manager):
    factories.make_transfer(patient=patient, to_site=other_site_place, moved_on=date(2024, 7, 1))

    found = person_standing(patient=patient, today=TODAY)

    assert (found.transferred_from, found.transferred_on) == ("VIE", date(2024, 7, 1))


@pytest.mark.parametrize(("given", "expected"), [(None, None), (ALL, True), (("follow_up",), False)])
def test_whether_a_patient_may_be_called(patient, study, given, expected):
    if given:
        version = factories.make_consent_version(study=study)
        factories.make_consent(patient=patient, version=version, scopes=given)

    assert is_covered(patient=patient, scope="remote_contact", today=TODAY) is expected
