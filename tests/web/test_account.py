"""Coming in: by password, in the demo by role, and never with a demo account elsewhere."""

import pytest
from django.core.cache import cache
from django.core.checks import run_checks

from registry.access.sign_in import DemoAccountsOutsideDemo, refuse_demo_accounts
from registry.models import User
from tests.factories import PASSWORD

LOGIN = "/account/login/"


@pytest.fixture(autouse=True)
def no_attempts_counted_before():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def demo(settings):
    settings.DEMO = True


@pytest.fixture
def demo_coordinator(coordinator):
    User.objects.filter(pk=coordinator.pk).update(username="coordinator@demo", is_demo=True)
    return User.objects.get(pk=coordinator.pk)


def test_everything_but_the_login_needs_a_login(client, db):
    answer = client.get("/")

    assert answer.status_code == 302
    assert answer["Location"] == f"{LOGIN}?next=/"


def test_a_person_signs_in_with_user_name_and_password(client, coordinator):
    answer = client.post(LOGIN, {"login": "coordinator", "password": PASSWORD})

    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    ("asked", "led_to"),
    [("/patients/", "/patients/"), ("https://example.org/", "/"), ("//example.org/", "/")],
)
def test_after_the_login_the_page_asked_for_opens_and_no_other_site(client, coordinator, asked, led_to):
    answer = client.post(f"{LOGIN}?next={asked}", {"login": "coordinator", "password": PASSWORD})

    assert (answer.status_code, answer["Location"]) == (302, led_to)


def test_a_wrong_password_keeps_the_user_name_and_says_error_in_the_title(client, coordinator):
    answer = client.post(LOGIN, {"login": "coordinator", "password": "wrong"})

    page = answer.content.decode()
    assert "<title>Error: Sign in" in page
    assert 'value="coordinator"' in page


def test_signing_out_is_a_post(as_user, coordinator):
    person = as_user(coordinator)

    assert person.get("/account/logout/").status_code == 405
    assert person.post("/account/logout/").status_code == 302
    assert person.get("/").status_code == 302


@pytest.mark.parametrize("page", ["signup", "password/reset", "email", "password/change", "inactive"])
def test_no_other_account_page_exists(client, db, page):
    assert client.get(f"/account/{page}/").status_code == 404


def test_the_demo_offers_seven_roles(client, db, demo):
    page = client.get(LOGIN).content.decode()

    assert page.count('name="account"') == 7
    assert "DEMO – invented patients" in page


def test_a_demo_role_comes_in_by_one_click(client, demo, demo_coordinator):
    answer = client.post("/account/demo/", {"account": "coordinator@demo"})

    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.get("/").status_code == 200


def test_an_ordinary_account_has_no_door_without_password(client, demo, coordinator):
    assert client.post("/account/demo/", {"account": "coordinator"}).status_code == 404


def test_without_demo_there_are_no_buttons_and_no_door(client, demo_coordinator):
    assert 'name="account"' not in client.get(LOGIN).content.decode()
    assert client.post("/account/demo/", {"account": "coordinator@demo"}).status_code == 404


def test_without_demo_a_demo_account_cannot_sign_in(client, demo_coordinator):
    client.post(LOGIN, {"login": "coordinator@demo", "password": PASSWORD})

    assert client.get("/").status_code == 302


def test_without_demo_a_session_of_a_demo_account_ends(as_user, settings, demo_coordinator):
    settings.DEMO = True
    person = as_user(demo_coordinator)
    assert person.get("/").status_code == 200

    settings.DEMO = False

    assert person.get("/").status_code == 302


def test_the_application_refuses_to_start_with_demo_accounts_outside_the_demo(demo_coordinator):
    with pytest.raises(DemoAccountsOutsideDemo, match="coordinator@demo"):
        refuse_demo_accounts()

    assert "registry.E001" in [found.id for found in run_checks(databases=["default"])]


def test_the_application_starts_with_demo_accounts_in_the_demo(demo, demo_coordinator):
    refuse_demo_accounts()

    assert "registry.E001" not in [found.id for found in run_checks(databases=["default"])]


def test_the_sixth_wrong_password_is_not_even_tried(client, coordinator):
    for _ in range(5):
        client.post(LOGIN, {"login": "coordinator", "password": "wrong"})

    answer = client.post(LOGIN, {"login": "coordinator", "password": PASSWORD})

    assert "Too many failed login attempts" in answer.content.decode()
