"""The pages of a recorded visit: read it, see what it was, sign it; the password behind a signature."""

from datetime import date

import pytest
from django.contrib.auth.hashers import check_password
from django.core.cache import cache
from django.db import connection

from registry.access.scope import EVERYTHING, acting, because
from registry.actions.locks import ask_to_unlock, decide_unlocking
from registry.models import LabResult, SecurityEvent, Signature, User, Visit
from registry.queries.signatures import to_sign
from registry.queries.visit_state import visit_state
from tests import factories
from tests.factories import NIGHT, PASSWORD

ON = date(2024, 3, 29)


@pytest.fixture(autouse=True)
def nobody_tried_yet():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def visit(scene):
    visit = Visit.objects.get(patient=scene.patient, code="D28")
    factories.make_result(patient=scene.patient, visit=visit, collected_on=ON, value="0.4")
    return visit


def address(visit, page):
    return f"/patients/{visit.patient.public_id}/visits/{visit.code}/{page}/"


def box(client, visit):
    """What the page would send: the digest of what it shows."""
    page = client.get(address(visit, "sign")).content.decode()
    return {"sha256": page.split('name="sha256" value="')[1].split('"')[0]}


def sign(client, visit, **typed):
    whole = {"user_name": "investigator", "password": PASSWORD, **typed}
    return client.post(address(visit, "sign"), {**box(client, visit), **whole})


def change(visit, person, **fields):
    with acting(rows=EVERYTHING, by=person, origin="form"), because("misread on the report"):
        Visit.objects.filter(pk=visit.pk).update(**fields)


def commit():
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_signature_shows_name_time_with_zone_and_meaning_wherever_the_visit_is_shown(
    as_user, investigator, visit
):
    client = as_user(investigator)

    assert sign(client, visit).status_code == 302

    signed = Signature.objects.get()
    for page in ("record", "sign"):
        shown = client.get(address(visit, page)).content.decode()
        assert "by <strong>investigator</strong>" in shown
        assert "(Vienna time)" in shown.split("✓ Signed")[1][:200]
        assert signed.meaning in shown
    form = client.get(f"/patients/{visit.patient.public_id}/visits/D28/").content.decode()
    assert "✓ Signed" in form
    assert signed.meaning in form


def test_a_record_that_is_open_for_now_says_until_when_and_by_which_two_people(
    as_user, coordinator, manager, lead, visit
):
    standing = factories.make_lock(visit=visit, by=manager)
    with acting(rows=EVERYTHING, by=manager, origin="form"):
        asked = ask_to_unlock(lock=standing, reason="A count was misread", hours=48, by=manager, at=NIGHT)
    with acting(rows=EVERYTHING, by=lead, origin="form"):
        decide_unlocking(unlocking=asked, approved=True, reason="Seen on the report", by=lead, at=NIGHT)

    page = as_user(coordinator).get(f"/patients/{visit.patient.public_id}/signatures/").content.decode()

    assert "Nothing of this record is locked" not in page
    assert "Visit D28 may be changed until " in page
    assert "Asked for by manager: A count was misread. Approved by lead: Seen on the report." in page


def test_the_first_signature_of_a_session_asks_the_user_name_and_later_ones_do_not(
    as_user, investigator, scene, visit
):
    client = as_user(investigator)
    assert 'name="user_name"' in client.get(address(visit, "sign")).content.decode()
    sign(client, visit)
    other = Visit.objects.get(patient=scene.patient, code="M3")
    factories.make_result(patient=scene.patient, visit=other, collected_on=date(2024, 6, 2))

    page = client.get(address(other, "sign")).content.decode()
    assert 'name="user_name"' not in page
    assert 'name="password"' in page
    assert sign(client, other).status_code == 302

    # Signed out and in again, everything is asked again.
    client.logout()
    client.force_login(investigator)
    change(other, investigator, comments="seen")
    assert 'name="user_name"' in client.get(address(other, "sign")).content.decode()


def test_from_another_network_the_user_name_is_asked_again(as_user, investigator, visit):
    client = as_user(investigator)
    sign(client, visit)
    change(visit, investigator, comments="seen")
    here = client.get(address(visit, "sign")).content.decode()

    there = client.get(address(visit, "sign"), REMOTE_ADDR="192.0.2.7").content.decode()
    answer = client.post(
        address(visit, "sign"), {**box(client, visit), "password": PASSWORD}, REMOTE_ADDR="192.0.2.7"
    )

    assert 'name="user_name"' not in here
    assert 'name="user_name"' in there
    assert answer.status_code == 422
    assert Signature.objects.filter(voided_at__isnull=True).count() == 1


def test_after_a_lock_of_the_session_the_user_name_is_asked_again(as_user, investigator, visit):
    client = as_user(investigator)
    sign(client, visit)
    session = client.session
    session["signed_in_at"] = session.get("signed_in_at", 0) + 60  # what unlocking sets
    session.save()
    change(visit, investigator, comments="seen")

    assert 'name="user_name"' in client.get(address(visit, "sign")).content.decode()


@pytest.mark.parametrize(
    "typed",
    [
        {"password": "wrong"},
        {"password": ""},
        {"user_name": "coordinator"},
        {"user_name": ""},
    ],
    ids=["a wrong password", "no password", "somebody else's name", "no name"],
)
def test_without_the_whole_identity_nothing_is_signed(as_user, investigator, coordinator, visit, typed):
    answer = sign(as_user(investigator), visit, **typed)

    assert answer.status_code == 422
    assert "Nothing was signed" in answer.content.decode()
    assert "<title>Error: " in answer.content.decode()
    assert not Signature.objects.exists()


def test_a_refused_password_is_a_security_event_and_tries_are_limited(as_user, investigator, visit):
    client = as_user(investigator)
    for _ in range(8):
        sign(client, visit, password="wrong")

    kinds = set(SecurityEvent.objects.values_list("kind", flat=True))
    assert kinds == {"signing_refused", "signing_throttled"}
    assert sign(client, visit).status_code == 422
    assert not Signature.objects.exists()


def test_a_password_never_comes_back_in_a_page(as_user, investigator, visit):
    answer = sign(as_user(investigator), visit, user_name="nobody", password="my secret words")

    assert "my secret words" not in answer.content.decode()


def test_who_was_given_a_password_chooses_their_own_and_then_signs(as_user, investigator, visit):
    User.objects.filter(pk=investigator.pk).update(has_own_secret=False)
    client = as_user(investigator)
    page = client.get(address(visit, "sign")).content.decode()
    assert "set by somebody else" in page
    assert 'id="id_password"' not in page

    new = "a longer and quite different phrase"
    answer = client.post("/account/password/", {"old": PASSWORD, "new": new, "again": new})

    assert answer.status_code == 302
    investigator.refresh_from_db()
    assert investigator.has_own_secret
    assert check_password(new, investigator.password)
    assert sign(client, visit, password=new).status_code == 302


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"old": "wrong"}, "That is not the password of this account."),
        ({"again": "other"}, "This is not the new password typed above."),
        ({"new": PASSWORD, "again": PASSWORD}, "Choose one that nobody gave you."),
        ({"new": "short", "again": "short"}, "too short"),
        ({"new": ""}, "Type the new password."),
    ],
)
def test_a_new_password_is_judged(as_user, investigator, typed, words):
    new = "a longer and quite different phrase"
    answer = as_user(investigator).post(
        "/account/password/", {"old": PASSWORD, "new": new, "again": new, **typed}
    )

    assert answer.status_code == 422
    assert words in answer.content.decode()
    investigator.refresh_from_db()
    assert check_password(PASSWORD, investigator.password)


def test_a_changed_visit_shows_what_voided_its_signature_and_only_the_difference_is_read_again(
    as_user, investigator, coordinator, visit
):
    client = as_user(investigator)
    sign(client, visit)
    change(visit, coordinator, comments="Seen by the deputy.")
    commit()

    record = client.get(address(visit, "record")).content.decode()
    page = client.get(address(visit, "sign")).content.decode()

    assert "no longer valid: changed by coordinator on" in record
    assert "misread on the report" in record
    difference, whole = page.split("<summary>The whole visit as it stands now")
    assert "What changed since it was signed" in difference
    assert "Seen by the deputy." in difference
    assert "(empty)" in difference
    assert "Neutrophils" not in difference
    # That the change voided the signature is no change of the visit.
    history = client.get(address(visit, "history")).content.decode()
    assert not any("oided" in told for told in (difference, history))
    assert "Neutrophils" in whole

    assert sign(client, visit).status_code == 302
    assert "✓ Signed" in client.get(address(visit, "record")).content.decode()


def test_a_result_added_corrected_or_taken_back_is_in_the_difference(
    as_user, investigator, coordinator, visit
):
    client = as_user(investigator)
    platelets = factories.make_result(
        patient=visit.patient, visit=visit, collected_on=ON, analyte="PLT", value="120"
    )
    sign(client, visit)
    old = LabResult.objects.get(analyte="ANC", visit=visit)
    with acting(rows=EVERYTHING, by=coordinator, origin="form"), because("misread"):
        new = factories.make_result(
            patient=visit.patient, visit=visit, collected_on=ON, value="4.0", entered_by=coordinator
        )
        LabResult.objects.filter(pk=old.pk).update(
            superseded_by=new, superseded_at=NIGHT, superseded_reason="misread"
        )
        LabResult.objects.filter(pk=platelets.pk).update(
            superseded_at=NIGHT, superseded_reason="another patient's"
        )
        factories.make_result(patient=visit.patient, visit=visit, collected_on=ON, analyte="WBC", value="7.1")

    page = client.get(address(visit, "sign")).content.decode().split("<details")[0]

    for words in (
        "Neutrophils 0.4 ×10⁹/L, 29 Mar 2024",
        "Neutrophils 4.0 ×10⁹/L, 29 Mar 2024",
        "taken back",
        "another patient&#x27;s",
        "White cells 7.1" if "White cells" in page else "7.1 ×10⁹/L",
    ):
        assert words in page


def test_what_changed_while_it_was_read_is_not_signed_and_the_page_shows_the_new_state(
    as_user, investigator, coordinator, visit
):
    client = as_user(investigator)
    read = box(client, visit)
    change(visit, coordinator, comments="later")

    answer = client.post(address(visit, "sign"), {**read, "user_name": "investigator", "password": PASSWORD})

    assert answer.status_code == 422
    page = answer.content.decode()
    assert "changed the record while you were reading" in page
    assert f'value="{read["sha256"]}"' not in page
    assert not Signature.objects.exists()


def test_an_old_value_is_two_clicks_away(as_user, officer, coordinator, visit):
    change(visit, coordinator, visited_on=date(2024, 3, 28))
    client = as_user(officer)
    record = client.get(address(visit, "record")).content.decode()
    link = record.split('class="changed" href="')[1].split('"')[0].replace("&amp;", "&")

    history = client.get(link.partition("#")[0]).content.decode()

    part = history.split(f'id="{link.partition("#")[2]}"')[1].split("</section>")[0]
    for words in ("29 Mar 2024", "28 Mar 2024", "coordinator", "misread on the report"):
        assert words in part


def test_a_reader_is_offered_no_change_and_a_locked_visit_to_nobody(as_user, officer, coordinator, visit):
    assert ">Change<span" not in as_user(officer).get(address(visit, "record")).content.decode()
    page = as_user(coordinator).get(address(visit, "record")).content.decode()
    assert ">Change<span" in page
    assert "#id_visited_on_0" in page

    factories.make_lock(visit=visit)

    page = as_user(coordinator).get(address(visit, "record")).content.decode()
    assert ">Change<span" not in page
    assert "This visit is locked since" in page


def test_a_visit_that_is_not_recorded_has_no_record(as_user, investigator, scene):
    for page in ("record", "history", "sign"):
        found = as_user(investigator).get(f"/patients/{scene.patient.public_id}/visits/M6/{page}/")
        assert found.status_code == 404


def test_the_pages_ask_a_fixed_number_of_questions(
    as_user, investigator, visit, django_assert_max_num_queries
):
    client = as_user(investigator)
    sign(client, visit)
    for number in range(12):
        factories.make_result(
            patient=visit.patient, visit=visit, collected_on=ON, analyte="WBC", value=f"{number}.5"
        )
    for page in ("record", "history", "sign"):
        with django_assert_max_num_queries(30):
            client.get(address(visit, page))


def test_the_state_of_a_visit_is_two_questions(visit, django_assert_num_queries):
    patient = visit.patient
    with django_assert_num_queries(2):
        visit_state(patient=patient, visit=visit)


def test_what_waits_to_be_signed_is_three_questions(visit, investigator, django_assert_max_num_queries):
    for code in ("M9", "M10", "M11"):
        factories.make_visit(patient=visit.patient, code=code, visited_on=date(2024, 8, 1))
    with acting(rows=EVERYTHING), django_assert_max_num_queries(3):
        count, waiting = to_sign(rows=EVERYTHING)
        assert count == len(waiting) == 5


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_before", [True, False], ids=["before the digest", "after it"])
def test_what_is_changed_while_the_page_is_made_is_not_signed_unread(as_user, investigator, visit, is_before):
    """Another connection commits a change around the statement that takes the digest."""
    other, done = connection.copy(), []

    def change_once():
        if not done:
            done.append(True)
            with other.cursor() as cursor:
                cursor.execute("UPDATE registry_visit SET comments = 'Misread' WHERE id = %s", [visit.pk])

    def around_the_digest(execute, statement, *rest):
        if "guard.content" not in statement:
            return execute(statement, *rest)
        if is_before:
            change_once()
        answer = execute(statement, *rest)
        change_once()
        return answer

    client = as_user(investigator)
    with connection.execute_wrapper(around_the_digest):
        page = client.get(address(visit, "sign")).content.decode()
    other.close()
    shown = page.split('name="sha256" value="')[1].split('"')[0]
    answer = client.post(
        address(visit, "sign"), {"sha256": shown, "user_name": "investigator", "password": PASSWORD}
    )

    assert "Misread" in page
    assert answer.status_code == (302 if is_before else 422)
