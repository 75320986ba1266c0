"""A patient who does not share with the sponsor is in nothing that the sponsor's key can ask for."""

import pytest

from registry.models import Alert
from tests import factories

pytestmark = pytest.mark.django_db
RESOURCES = (
    "patients/",
    "infusions/",
    "visits/",
    "lab-results/",
    "adverse-events/",
    "scores/",
    "alerts/",
    "alert-decisions/",
)


def row_count(ask, resource):
    answer = ask(resource)
    assert answer.status_code == 200
    return len(answer.json()["results"])


@pytest.fixture
def version(study):
    return factories.make_consent_version(study=study)


@pytest.mark.parametrize("resource", RESOURCES)
def test_without_a_recorded_consent_everything_is_shared_as_before(ask, record, resource):
    assert row_count(ask, resource) == 1


@pytest.mark.parametrize("resource", RESOURCES)
def test_with_consent_to_sharing_everything_is_shared(ask, record, version, resource):
    factories.make_consent(patient=record, version=version)

    assert row_count(ask, resource) == 1


@pytest.mark.parametrize("resource", RESOURCES)
def test_who_took_sharing_back_leaves_every_resource(ask, record, version, resource):
    factories.make_consent(patient=record, version=version)
    factories.make_withdrawal(patient=record, scopes=("share_sponsor",))

    assert row_count(ask, resource) == 0


@pytest.mark.parametrize("resource", RESOURCES)
def test_who_never_agreed_to_sharing_is_in_no_resource(ask, record, version, resource):
    factories.make_consent(patient=record, version=version, scopes=("follow_up",))

    assert row_count(ask, resource) == 0


def test_who_took_back_something_else_stays(ask, record, version):
    factories.make_consent(patient=record, version=version)
    factories.make_withdrawal(patient=record, scopes=("genetics", "share_research"))

    assert row_count(ask, "patients/") == 1


def test_the_others_of_the_study_stay(ask, record, site):
    factories.make_patient(site=site)
    factories.make_withdrawal(patient=record, scopes=("share_sponsor",))

    assert row_count(ask, "patients/") == 1


def test_a_row_known_by_its_id_is_gone_too(ask, record):
    (shown,) = ask("patients/").json()["results"]
    alert = Alert.objects.get().public_id

    factories.make_withdrawal(patient=record, scopes=("share_sponsor",))

    assert ask(f"patients/{shown['id']}/").status_code == 404
    assert ask(f"alerts/{alert}/").status_code == 404
