"""A whole record is signed as the casebook showed it, and not as it stands when the page to sign opens."""

import re

import pytest

from registry.models import Patient, Signature
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db
BOX = 'id="id_password"'


@pytest.fixture
def patient(scene):
    return scene.patient


def from_the_casebook(client, patient):
    """Where the casebook leads who wants to sign what it shows."""
    page = client.get(f"/patients/{patient.public_id}/casebook/").content.decode()
    return re.search(r'href="([^"]*/sign/\?read=[0-9a-f]{64})"', page)[1]


def sign(client, address):
    page = client.get(address).content.decode()
    shown = re.search(r'name="sha256" value="([^"]*)"', page)
    typed = {"sha256": shown[1] if shown else "", "user_name": "investigator", "password": PASSWORD}
    return client.post(address, typed)


def test_the_casebook_leads_to_signing_what_it_shows(as_user, investigator, patient):
    client = as_user(investigator)
    address = from_the_casebook(client, patient)

    assert BOX in client.get(address).content.decode()
    assert sign(client, address).status_code == 302

    signature = Signature.objects.get()
    assert signature.sha256 == address.partition("=")[2]
    assert "The record is signed as it stands" in client.get(address).content.decode()


def test_who_does_not_sign_is_not_led_there(as_user, coordinator, patient):
    page = as_user(coordinator).get(f"/patients/{patient.public_id}/casebook/").content.decode()

    assert "/sign/" not in page


def test_without_the_casebook_there_is_nothing_to_sign(as_user, investigator, patient):
    page = as_user(investigator).get(f"/patients/{patient.public_id}/sign/").content.decode()

    assert BOX not in page
    assert f"/patients/{patient.public_id}/casebook/" in page


def test_a_record_that_changed_after_it_was_read_is_not_offered(as_user, investigator, patient):
    client = as_user(investigator)
    address = from_the_casebook(client, patient)
    Patient.objects.filter(pk=patient.pk).update(birth_year=1971)

    page = client.get(address).content.decode()

    assert "The record was changed after you read the casebook" in page
    assert BOX not in page
    assert sign(client, address).status_code == 422
    assert not Signature.objects.exists()


def test_a_record_that_changes_while_the_password_is_typed_is_not_signed(as_user, investigator, patient):
    client = as_user(investigator)
    address = from_the_casebook(client, patient)
    typed = {"sha256": address.partition("=")[2], "user_name": "investigator", "password": PASSWORD}
    Patient.objects.filter(pk=patient.pk).update(birth_year=1971)

    answer = client.post(address, typed)

    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Somebody changed the record while you were reading it" in page
    assert BOX not in page
    assert not Signature.objects.exists()
