"""What a sponsor reads first: how data are taken out, and how the keys of their organisation stand."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from registry.actions.api_keys import make_key
from registry.models import ApiKey
from tests import factories


@pytest.fixture
def key(study):
    made = make_key(
        sponsor_key=study.sponsor.key,
        study_key=study.key,
        scopes=["read"],
        days=30,
        by=None,
        at=timezone.now(),
    )
    return ApiKey.objects.get(token_key=made.token[:15]), made.token


def page(as_user, person):
    return as_user(person).get("/").content.decode()


def test_a_key_is_shown_by_its_beginning_only(as_user, sponsor, key):
    row, token = key
    told = page(as_user, sponsor)

    assert row.token_key in told
    assert token not in told
    assert "✓ Valid" in told
    assert "Not yet" in told


def test_it_is_said_when_a_key_was_used_last_expired_or_was_revoked(as_user, sponsor, key):
    ApiKey.objects.update(last_used_on=date(2024, 8, 31))
    assert "31 Aug 2024" in page(as_user, sponsor)

    ApiKey.objects.update(expiry=timezone.now() - timedelta(minutes=1))
    assert "◆ Expired" in page(as_user, sponsor)

    ApiKey.objects.update(revoked_at=timezone.now())
    assert "Revoked" in page(as_user, sponsor)


def test_the_keys_of_another_sponsor_are_not_shown(as_user, sponsor, key):
    other = factories.make_study(key="OTHER", sponsor=factories.make_sponsor(key="ELSE"))
    stranger = factories.make_user(username="elsewhere", role="sponsor", study=other, sponsor=other.sponsor)

    assert key[0].token_key not in page(as_user, stranger)
    assert "None yet" in page(as_user, stranger)
