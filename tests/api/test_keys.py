"""A key of one sponsor and one study, with scopes and an expiry, shown once and stored hashed."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from registry.access.roles import NotAllowed
from registry.actions import api_keys
from registry.actions.api_keys import KeyRefused, make_key
from registry.models import ApiKey, AuditEvent, Membership, User
from tests import factories
from tests.api.conftest import asking


def refused_as(response):
    assert response.headers["Content-Type"] == "application/problem+json"
    return response.status_code, response.json()["type"].rpartition("/")[2]


def test_a_key_opens_the_api(ask):
    assert ask("patients/").status_code == 200


def test_no_key_is_refused_and_told_how(client, study):
    response = client.get("/api/v1/patients/")

    assert refused_as(response) == (401, "key-required")
    assert response.json()["detail"] == "No key was given. Send the header Authorization: Bearer <key>."
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "token",
    ["wrong", "0" * 64, "", "two words", "ä" * 64, "x" * 5_000, "%00", "'; DROP TABLE registry_apikey"],
)
def test_an_unknown_key_is_refused(client, study, token):
    response = client.get("/api/v1/patients/", headers={"Authorization": f"Bearer {token}"})

    assert refused_as(response) == (401, "invalid-key")
    assert "WWW-Authenticate" in response.headers


@pytest.mark.parametrize("header", ["Basic abc", "Token {token}", "{token}", "Bearer"])
def test_another_scheme_is_not_a_key(client, new_key, header):
    response = client.get(
        "/api/v1/patients/", headers={"Authorization": header.format(token=new_key().token)}
    )

    assert response.status_code == 401


def test_a_key_whose_end_was_altered_is_refused(client, new_key):
    token = new_key().token
    altered = token[:-1] + ("0" if token[-1] != "0" else "1")

    assert refused_as(asking(client, altered)("patients/")) == (401, "invalid-key")


def test_an_expired_key_is_refused_and_stays_on_record(client, new_key):
    made = new_key(days=1, at=timezone.now() - timedelta(days=1, seconds=1))

    assert refused_as(asking(client, made.token)("patients/")) == (401, "expired-key")
    assert ApiKey.objects.filter(pk=made.key.pk).exists()


def test_a_key_is_good_to_its_last_minute(client, new_key):
    made = new_key(days=1, at=timezone.now() - timedelta(days=1) + timedelta(minutes=1))

    assert asking(client, made.token)("patients/").status_code == 200


def test_a_revoked_key_is_refused_at_once(client, new_key):
    made = new_key()
    get = asking(client, made.token)
    assert get("patients/").status_code == 200

    api_keys.revoke(key=made.key, reason="the laptop was stolen", by=None, at=timezone.now())

    assert refused_as(get("patients/")) == (401, "revoked-key")


def test_a_key_without_the_scope_may_not_read(client, new_key):
    made = new_key()
    ApiKey.objects.filter(pk=made.key.pk).update(scopes=[])
    response = asking(client, made.token)("patients/")

    assert refused_as(response) == (403, "missing-scope")
    assert response.json()["required"] == "read"


def test_a_key_ends_with_the_membership_of_its_account(client, new_key):
    made = new_key()
    Membership.objects.filter(user=made.key.user).update(ended_at=timezone.now())

    assert refused_as(asking(client, made.token)("patients/")) == (403, "not-allowed")


def test_a_key_ends_with_its_account(client, new_key):
    made = new_key()
    User.objects.filter(pk=made.key.user.pk).update(is_active=False)

    assert refused_as(asking(client, made.token)("patients/")) == (401, "invalid-key")


def test_a_person_signed_in_has_no_way_into_the_data(as_user, officer, sponsor):
    for person in (officer, sponsor):
        assert as_user(person).get("/api/v1/patients/").status_code == 401


def test_the_latest_use_is_noted_once_a_day(client, new_key, django_assert_num_queries):
    made = new_key()
    get = asking(client, made.token)
    get("studies/")
    noted = ApiKey.objects.get(pk=made.key.pk)
    assert noted.last_used_on == timezone.now().date()

    before = AuditEvent.objects.count()
    get("studies/")

    assert AuditEvent.objects.count() == before


# --- making -----------------------------------------------------------------------------------


def test_the_command_prints_the_key_once_and_keeps_a_digest(client, study):
    stdout, stderr = StringIO(), StringIO()
    call_command(
        "api_key", "--sponsor", study.sponsor.key, "--study", study.key, stdout=stdout, stderr=stderr
    )
    token = stdout.getvalue().strip()

    assert asking(client, token)("studies/").status_code == 200
    assert token not in stderr.getvalue()
    key = ApiKey.objects.get()
    assert token not in (key.digest, key.token_key)
    assert len(key.digest) == 128


def test_the_command_in_json(study):
    stdout = StringIO()
    call_command(
        "api_key",
        "--sponsor",
        study.sponsor.key,
        "--study",
        study.key,
        "--days",
        "30",
        "--json",
        stdout=stdout,
    )
    told = json.loads(stdout.getvalue())

    assert (told["ok"], told["sponsor"], told["study"], told["scopes"]) == (
        True,
        study.sponsor.key,
        "CART-AID",
        ["read"],
    )
    assert told["key"].startswith(told["prefix"])


def test_the_account_of_a_sponsors_programs_is_made_once_and_cannot_sign_in(new_key, study):
    first, second = new_key(), new_key()

    assert first.key.user == second.key.user
    assert first.key.user.username == f"api:{study.sponsor.key}"
    assert not first.key.user.has_usable_password()
    assert Membership.objects.get(user=first.key.user).role == "sponsor"


def test_the_making_of_a_key_is_in_the_trail_without_the_key(new_key):
    made = new_key()
    event = AuditEvent.objects.get(tbl="registry_apikey", op="I")

    assert event.reason == "a key was made"
    assert made.token not in json.dumps(event.new)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"sponsor_key": "NOBODY"}, "There is no sponsor NOBODY. Sponsors: SP-CART-AID, SP-OTHER-STUDY."),
        ({"study_key": "NOPE"}, "There is no study NOPE. Studies: CART-AID, OTHER-STUDY."),
        ({"study_key": "OTHER-STUDY"}, "Study OTHER-STUDY does not belong to sponsor SP-CART-AID."),
        ({"scopes": ["write"]}, "write is no scope. Scopes: read."),
        ({"scopes": []}, "Nothing is no scope. Scopes: read."),
        ({"days": 0}, "A key is valid for 1 to 1825 days, not for 0."),
        ({"days": 1826}, "A key is valid for 1 to 1825 days, not for 1826."),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(study, asked, said):
    factories.make_study(key="OTHER-STUDY")
    usual = {"sponsor_key": "SP-CART-AID", "study_key": "CART-AID", "scopes": ["read"], "days": 365}

    with pytest.raises(KeyRefused, match=said):
        make_key(**{**usual, **asked}, by=None, at=timezone.now())

    assert not ApiKey.objects.exists()
    assert not User.objects.filter(username__startswith="api:").exists()


@pytest.mark.parametrize("days", ["1", "1825"])
def test_the_shortest_and_the_longest_validity(study, days):
    call_command(
        "api_key", "--sponsor", study.sponsor.key, "--study", study.key, "--days", days, stdout=StringIO()
    )


def test_the_command_refuses_in_words(study):
    stdout = StringIO()
    with pytest.raises(CommandError, match="no sponsor NOBODY") as refusal:
        call_command("api_key", "--sponsor", "NOBODY", "--study", "CART-AID", "--json", stdout=stdout)

    assert refusal.value.returncode == 1
    assert json.loads(stdout.getvalue())["ok"] is False


def test_only_the_administrator_makes_and_revokes_keys(new_key, officer, administrator, study):
    asked = {"sponsor_key": "SP-CART-AID", "study_key": "CART-AID", "scopes": ["read"], "days": 1}
    made = make_key(**asked, by=administrator, at=timezone.now())

    with pytest.raises(NotAllowed):
        make_key(**asked, by=officer, at=timezone.now())
    with pytest.raises(NotAllowed):
        api_keys.revoke(key=made.key, reason="x", by=officer, at=timezone.now())
