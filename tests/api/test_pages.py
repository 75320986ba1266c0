"""Lists: pages by cursor, filters from a fixed list, and every refusal by name."""

from base64 import urlsafe_b64decode
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, quote, urlencode, urlparse

import pytest
from django.core.cache import cache
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.api.filters import FILTERS
from registry.models import AdverseEventFollowUp, AuditEvent, Patient
from registry.queries.sponsor_data import RESOURCES
from tests import factories

NAMES = list(RESOURCES)


def kind_of(response):
    assert response.headers["Content-Type"] == "application/problem+json"
    return response.status_code, response.json()["type"].rpartition("/")[2]


def all_pages(ask, address):
    """The ids of every page, page by page."""
    pages = []
    while address:
        answer = ask(address).json()
        pages.append([row["id"] for row in answer["results"]])
        address = answer["next"]
    return pages


# --- pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "size", "lengths"),
    [
        (0, 2, [0]),
        (1, 2, [1]),
        (2, 2, [2]),
        (3, 2, [2, 1]),
        (5, 2, [2, 2, 1]),
    ],
)
def test_following_next_gives_every_row_once(ask, site, rows, size, lengths):
    for _ in range(rows):
        factories.make_patient(site=site)

    pages = all_pages(ask, f"patients/?page_size={size}")

    assert [len(page) for page in pages] == lengths
    assert len({row_id for page in pages for row_id in page}) == rows


def test_a_row_added_meanwhile_shifts_nothing(ask, patient):
    for day in (4, 5, 6):
        factories.make_result(patient=patient, collected_on=date(2024, 4, day))
    first = ask("lab-results/?page_size=2").json()
    factories.make_result(patient=patient, collected_on=date(2024, 4, 1))

    second = ask(first["next"]).json()

    assert len(second["results"]) == 2
    assert not {r["id"] for r in first["results"]} & {r["id"] for r in second["results"]}


def test_filters_stay_in_the_next_address(ask, patient):
    for day in (4, 5, 6):
        factories.make_result(patient=patient, collected_on=date(2024, 4, day), analyte="PLT", value="90")
        factories.make_result(patient=patient, collected_on=date(2024, 4, day), analyte="ANC")

    assert [len(page) for page in all_pages(ask, "lab-results/?analyte=PLT&page_size=2")] == [2, 1]


def test_the_cursor_of_patients_holds_no_number_of_the_registry(ask, site):
    for _ in range(2):
        factories.make_patient(site=site)
    answer = ask("patients/?page_size=1").json()
    (cursor,) = parse_qs(urlparse(answer["next"]).query)["cursor"]

    assert urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode() == answer["results"][0]["id"]


@pytest.mark.parametrize("size", ["1", "100", "500"])
def test_a_page_of_1_to_500_rows(ask, record, size):
    assert ask(f"patients/?page_size={size}").status_code == 200


@pytest.mark.parametrize("size", ["0", "501", "-1", "1.5", "", "many", "9" * 30, "１０"])
def test_another_size_is_refused_and_not_cut(ask, record, size):
    response = ask(f"patients/?page_size={quote(size)}")

    assert kind_of(response) == (400, "invalid-parameter")
    assert response.json()["errors"] == [
        {"parameter": "page_size", "detail": "Give a whole number from 1 to 500."}
    ]


@pytest.mark.parametrize("cursor", ["", "x", "%00", "OTk5OTk5", "ä", "e30=", "=", "A" * 4000])
@pytest.mark.parametrize("name", NAMES)
def test_a_cursor_the_list_never_gave_is_refused(ask, record, name, cursor):
    assert kind_of(ask(f"{name}/?cursor={quote(cursor, safe='%')}")) == (400, "invalid-cursor")


# --- filters ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_parameter_is_refused_by_name(ask, record, name):
    response = ask(f"{name}/?sponsor=ACME")

    assert kind_of(response) == (400, "unknown-parameter")
    assert response.json()["unknown"] == ["sponsor"]
    assert set(response.json()["accepted"]) == {*FILTERS[name].base_filters, "page_size", "cursor"}
    assert "no sponsor" in response.json()["detail"]


@pytest.mark.parametrize("name", NAMES)
def test_one_row_takes_no_parameter(ask, record, name):
    row_id = ask(f"{name}/").json()["results"][0]["id"]

    assert kind_of(ask(f"{name}/{row_id}/?study=CART-AID")) == (400, "unknown-parameter")


def test_a_parameter_given_twice_is_refused(ask, record):
    assert kind_of(ask("patients/?sex=F&sex=M")) == (400, "invalid-parameter")


def test_format_is_asked_for_by_header_only(ask, record):
    assert kind_of(ask("patients/?format=json")) == (400, "unknown-parameter")


@pytest.mark.parametrize("name", NAMES)
def test_the_keys_own_study_is_a_filter_and_another_is_not_known(ask, record, stranger, name):
    assert len(ask(f"{name}/?study=CART-AID").json()["results"]) == 1
    for key in ("OTHER-STUDY", "NOPE"):
        response = ask(f"{name}/?study={key}")
        assert kind_of(response) == (404, "unknown-study")
        assert response.json()["detail"] == f"No study {key} for this key."


@pytest.mark.parametrize("name", NAMES)
def test_a_site_narrows_and_an_unknown_one_is_not_found(ask, record, other_site_place, other_study, name):
    factories.make_site(study=other_study, code="XXX")

    assert len(ask(f"{name}/?site=VIE").json()["results"]) == 1
    assert len(ask(f"{name}/?site=GRZ").json()["results"]) == (1 if name in ("studies", "sites") else 0)
    for code in ("XXX", "NOPE"):
        assert kind_of(ask(f"{name}/?site={code}")) == (404, "unknown-site")


@pytest.mark.parametrize(
    ("address", "rows"),
    [
        ("patients/?sex=F", 1),
        ("patients/?sex=M", 0),
        ("patients/?sex=F,M", 1),
        ("patients/?diagnosis=SLE&cohort=CAR_T", 1),
        ("patients/?cohort=COMPARATOR", 0),
        ("patients/?enrolled_on_from=2024-02-23", 1),
        ("patients/?enrolled_on_from=2024-02-24", 0),
        ("patients/?enrolled_on_to=2024-02-23", 1),
        ("patients/?enrolled_on_to=2024-02-22", 0),
        ("infusions/?product=CAR19", 1),
        ("infusions/?product=CAR20", 0),
        ("infusions/?infused_on_from=2024-03-01&infused_on_to=2024-03-01", 1),
        ("visits/?visit_code=D28&status=completed", 1),
        ("visits/?status=missed", 0),
        ("visits/?visited_on_to=2024-04-04", 0),
        ("lab-results/?analyte=ANC", 1),
        ("lab-results/?analyte=ANC,PLT", 1),
        ("lab-results/?analyte=PLT", 0),
        ("lab-results/?collected_on_from=2024-04-04", 1),
        ("lab-results/?collected_on_from=2024-04-05", 0),
        ("lab-results/?superseded=false", 1),
        ("lab-results/?superseded=true", 0),
        ("adverse-events/?category=malignancy", 0),
        ("adverse-events/?serious=true", 0),
        ("scores/?score=SLEDAI-2K", 1),
        ("scores/?assessed_on_to=2024-05-31", 0),
        ("alerts/?rule=prolonged_cytopenia&state=open,acknowledged", 1),
        ("alerts/?severity=critical", 0),
        ("alerts/?certainty=possible", 0),
        ("alert-decisions/?decision=need_information", 1),
        ("alert-decisions/?decision=confirmed", 0),
        ("alert-decisions/?rule=overdue_visit", 0),
        ("sites/?country=AT", 1),
        ("sites/?country=DE", 0),
    ],
)
def test_the_filters_of_the_fields(ask, record, address, rows):
    assert len(ask(address).json()["results"]) == rows


def test_one_patients_rows(ask, record, site):
    pseudonym = ask("patients/").json()["results"][0]["id"]
    other = factories.make_patient(site=site)
    factories.make_result(patient=other, collected_on=date(2024, 4, 4))

    assert len(ask("lab-results/").json()["results"]) == 2
    (row,) = ask(f"lab-results/?patient={pseudonym}").json()["results"]
    assert row["patient_id"] == pseudonym


def test_the_decisions_of_one_alert(ask, record):
    alert = ask("alerts/").json()["results"][0]["id"]

    assert len(ask(f"alert-decisions/?alert={alert}").json()["results"]) == 1


@pytest.mark.parametrize(
    ("address", "parameter", "said"),
    [
        ("patients/?sex=X", "sex", "X is not one of F, M, U."),
        ("patients/?sex=F,X", "sex", "X is not one of F, M, U."),
        ("patients/?enrolled_on_from=01/02/2024", "enrolled_on_from", "Give a date, YYYY-MM-DD."),
        ("patients/?enrolled_on_from=2024-02-30", "enrolled_on_from", "Give a date, YYYY-MM-DD."),
        ("patients/?patient=VIE-0001", "patient", "Give an id as this API wrote it."),
        ("adverse-events/?serious=yes", "serious", "Give true or false."),
        ("adverse-events/?grade=6", "grade", "6 is not one of 1, 2, 3, 4, 5."),
        ("alerts/?rule=overdue", "rule", "overdue is not one of overdue_visit, "),
        ("patients/?updated_since=yesterday", "updated_since", "Give an instant with its zone"),
        ("patients/?updated_since=2024-01-01", "updated_since", "Give an instant with its zone"),
        ("patients/?updated_since=2024-01-01T00:00:00", "updated_since", "Give an instant with its zone"),
        ("patients/?updated_since=0001-01-01T00:00:00%2B14:00", "updated_since", "Give an instant"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_with_what_can(ask, record, address, parameter, said):
    response = ask(address)

    assert kind_of(response) == (400, "invalid-parameter")
    (error,) = response.json()["errors"]
    assert error["parameter"] == parameter
    assert error["detail"].startswith(said)


# --- updated_since ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_updated_since_gives_what_changed_then_or_later(ask, record, name):
    table = RESOURCES[name].model._meta.db_table
    latest = AuditEvent.objects.filter(tbl=table).order_by("-pk").first().at

    def since(at):
        text = at.isoformat().replace("+00:00", "Z")
        return len(ask(f"{name}/?updated_since={quote(text)}").json()["results"])

    assert since(latest) == 1
    assert since(latest - timedelta(days=1)) == 1
    assert since(latest + timedelta(microseconds=1)) == 0


def test_a_change_brings_a_row_back(ask, record, site):
    unchanged = factories.make_patient(site=site)
    since = quote(timezone.now().isoformat())
    assert ask(f"patients/?updated_since={since}").json()["results"] == []

    Patient.objects.filter(pk=record.pk).update(sex="M")

    (row,) = ask(f"patients/?updated_since={since}").json()["results"]
    assert row["sex"] == "M"
    assert unchanged.pk != record.pk


def test_a_later_report_brings_an_event_back(ask, record):
    since = datetime(2030, 1, 1, tzinfo=UTC)
    address = f"adverse-events/?updated_since={quote(since.isoformat())}"
    assert ask(address).json()["results"] == []

    AdverseEventFollowUp.objects.create(
        event=record.adverse_events.get(),
        patient=record,
        number=1,
        reported_on=date(2030, 1, 1),
        term="Rash, biopsied",
        entered_at=since,
        origin="form",
    )

    assert len(ask(address).json()["results"]) == 1


# --- anything at all --------------------------------------------------------------------------

PARAMETERS = sorted(
    {name for filters in FILTERS.values() for name in filters.base_filters}
    | {"page_size", "cursor", "format"}
)
VALUES = st.one_of(
    st.text(max_size=40),
    st.integers().map(str),
    st.dates().map(str),
    st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat()),
    st.uuids().map(str),
    st.sampled_from(["true", "false", "F", "ANC", "CART-AID", "VIE", "open", "\0", "nan", "1e309", ",", "%"]),
)


@given(
    name=st.sampled_from(NAMES),
    asked=st.dictionaries(st.one_of(st.sampled_from(PARAMETERS), st.text(max_size=8)), VALUES, max_size=3),
)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
def test_whatever_is_asked_is_answered_or_refused(ask, record, name, asked):
    cache.clear()
    response = ask(f"{name}/?{urlencode(asked, errors='surrogatepass')}")

    assert response.status_code in {200, 400, 404}
    if response.status_code != 200:
        assert response.headers["Content-Type"] == "application/problem+json"


@given(name=st.sampled_from(NAMES), row_id=st.one_of(VALUES, st.text(min_size=1, max_size=60)))
@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
def test_whatever_id_is_asked_for_is_answered_or_not_found(ask, record, name, row_id):
    cache.clear()
    response = ask(f"/api/v1/{name}/{quote(row_id, safe='', errors='surrogatepass')}/")

    assert response.status_code in {200, 404}
