"""Keys of two sponsors, and a program that asks with them."""

from datetime import date

import pytest
from django.core.cache import cache
from django.utils import timezone

from registry.actions.api_keys import make_key
from tests import factories


@pytest.fixture(autouse=True)
def _nobody_has_asked_yet():
    cache.clear()


@pytest.fixture
def new_key(study):
    """`new_key(days=1)`: a key of the study's sponsor as `api_key` makes it."""

    def make(*, of=study, scopes=("read",), days=365, at=None):
        return make_key(
            sponsor_key=of.sponsor.key,
            study_key=of.key,
            scopes=scopes,
            days=days,
            by=None,
            at=at or timezone.now(),
        )

    return make


@pytest.fixture
def ask(client, new_key):
    """`ask("patients/")`: a GET below /api/v1/ with the key of the study's sponsor."""
    return asking(client, new_key().token)


@pytest.fixture
def other_study(db):
    return factories.make_study(key="OTHER-STUDY")


@pytest.fixture
def other_ask(client, new_key, other_study):
    """The same program with the key of another sponsor for another study."""
    return asking(client, new_key(of=other_study).token)


def asking(client, token):
    def get(path, **more):
        address = path if path.startswith(("/", "http")) else f"/api/v1/{path}"
        return client.get(
            address, headers={"Authorization": f"Bearer {token}", **more.pop("headers", {})}, **more
        )

    return get


@pytest.fixture
def record(patient):
    """One patient with a row in every resource."""
    factories.make_result(patient=patient, collected_on=date(2024, 4, 4), value="400", unit="/uL")
    factories.make_visit(patient=patient, code="D28", visited_on=date(2024, 4, 5))
    factories.make_event(patient=patient, event_id="AE-1", term="Rash", started_on="2024-04")
    factories.make_score(patient=patient)
    alert = factories.make_alert(patient=patient)
    factories.make_decision(alert=alert)
    return patient
