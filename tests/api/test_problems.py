"""Every refusal has one shape: an RFC 9457 problem document with a stable type."""

import pytest
from django.core.cache import cache
from redis.exceptions import ConnectionError as NoCache
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.test import APIRequestFactory

from registry.api.errors import KINDS, problem
from registry.api.throttling import KeyThrottle
from registry.queries.sponsor_data import RESOURCES
from tests import factories
from tests.api.conftest import asking

NAMES = list(RESOURCES)


def problem_of(response):
    """The document, checked for its shape, and the end of its type."""
    assert response.headers["Content-Type"] == "application/problem+json"
    told = response.json()
    kind = told["type"].removeprefix("/api/v1/problems/")
    assert told["title"] == KINDS[kind].title
    assert told["status"] == response.status_code == KINDS[kind].status
    assert told["detail"]
    assert told["instance"].startswith("/api/v1/")
    return kind


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("name", NAMES)
def test_only_reading_is_allowed(client, new_key, record, method, name):
    for address in (f"/api/v1/{name}/", f"/api/v1/{name}/1/"):
        response = getattr(client, method)(
            address,
            data='{"state": "dismissed"}',
            content_type="application/json",
            headers={"Authorization": f"Bearer {new_key().token}"},
        )

        assert problem_of(response) == "method-not-allowed"
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("method", ["head", "options"])
def test_head_and_options_are_answered(client, new_key, record, method):
    response = getattr(client, method)(
        "/api/v1/patients/", headers={"Authorization": f"Bearer {new_key().token}"}
    )

    assert response.status_code == 200


@pytest.mark.parametrize("accept", ["text/csv", "text/html", "application/xml", "nonsense"])
def test_another_form_than_json_is_refused(ask, record, accept):
    response = ask("patients/", headers={"Accept": accept})

    assert problem_of(response) == "not-acceptable"
    assert "application/json" in response.json()["detail"]


@pytest.mark.parametrize(
    "accept", ["application/json", "*/*", "application/*", "text/html, application/json;q=0.5"]
)
def test_json_is_given_to_whoever_takes_it(ask, record, accept):
    assert ask("patients/", headers={"Accept": accept}).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "exports/",
        "changes/?since=x",
        "nothing/",
        "patients/1/2/3/",
        "patients/nothing/",
        "lab-results/0/",
        "lab-results/-1/",
        "lab-results/1e3/",
        "lab-results/99999999999999999999999/",
        "alerts/00000000-0000-4000-8000-000000000000/",
        "sites/%00/",
        "",
    ],
)
def test_what_is_not_there_is_not_found(ask, record, address):
    assert problem_of(ask(address)) == "not-found"


def test_a_stranger_learns_nothing_from_an_address_that_is_not_there(client, db):
    assert problem_of(client.get("/api/v1/exports/")) == "key-required"


def test_an_address_without_its_slash_is_led_to_it(client, study):
    response = client.get("/api/v1/patients?sex=F")

    assert (response.status_code, response.headers["Location"]) == (301, "/api/v1/patients/?sex=F")


def test_an_unsupported_body_has_the_same_shape(db):
    request = APIRequestFactory().post("/api/v1/patients/")
    response = problem(UnsupportedMediaType("text/csv"), {"request": request})

    assert response.status_code == 415
    assert response.data["type"] == "/api/v1/problems/unsupported-media-type"


def test_a_failure_inside_says_nothing_of_the_inside(client, new_key, record, caplog):
    """A dictionary that no longer knows a unit in use: 500, logged, and nothing of it in the answer."""
    factories.make_result(
        patient=record, collected_on=factories.DAY_0, entered_unit="furlong", lower_limit="1", value="3"
    )
    response = asking(client, new_key().token)("lab-results/")

    assert problem_of(response) == "internal-error"
    assert "furlong" not in response.content.decode()
    assert any(entry.message == "API request failed" for entry in caplog.records)


# --- how often --------------------------------------------------------------------------------


def test_the_601st_request_of_a_minute_waits(client, new_key, record, monkeypatch):
    monkeypatch.setattr(KeyThrottle, "timer", lambda self: 1_000.0)
    get = asking(client, new_key().token)
    other = asking(client, new_key().token)
    assert get("studies/").status_code == 200
    history = [1_000.0 - 30] * 598
    (cache_key,) = [k.decode().split(":", 2)[2] for k in cache._cache.get_client().keys("*throttle_key_*")]
    cache.set(cache_key, [1_000.0, *history], 60)

    assert get("studies/").status_code == 200
    refused = get("studies/")

    assert problem_of(refused) == "too-many-requests"
    assert refused.headers["Retry-After"] == "30"
    assert other("studies/").status_code == 200


def test_reading_goes_on_when_the_cache_is_away(ask, record, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    with pytest.raises(NoCache):
        cache.get("anything")

    assert ask("studies/").status_code == 200


# --- what every answer carries ----------------------------------------------------------------


def test_clinical_answers_are_not_kept_by_a_cache(ask, record):
    for address in ("patients/", "exports/"):
        assert ask(address).headers["Cache-Control"] == "no-store"
