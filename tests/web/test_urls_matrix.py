"""Every address as every actor, against one table. An address without a row fails.

302 signed out: to the login; signed in: to the page that is meant, which has a row of its own. 404: may
not know that it exists. 403: may look, may not act. 405: not by this method. 401: the API
wants a key, a signed-in person has none.
"""

import pytest
from django.apps import apps
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from registry.actions.api_keys import make_key
from registry.models import AuditEvent, Unlocking
from tests import factories
from tests.tables import rows_of

PEOPLE = (
    "coordinator",
    "investigator",
    "other_site",
    "officer",
    "lead",
    "manager",
    "sponsor",
    "administrator",
    "stranger",
)
ACTORS = ("nobody", *PEOPLE, "key")
RESOURCES = (
    "studies",
    "sites",
    "patients",
    "infusions",
    "visits",
    "lab-results",
    "adverse-events",
    "scores",
    "alerts",
    "alert-decisions",
)

# coord, inv: of the patient's site. other: investigator of another site of the study. strng: officer of
# another study. key: a program with a sponsor's key and no session.
GET = """
    address                                       | nobody | coord | inv | other | offic | lead | manag | spons | admin | strng | key
    ----------------------------------------------+--------+-------+-----+-------+-------+------+-------+-------+-------+-------+----
    /                                             | 302    | 200   | 200 | 200   | 302   | 302  | 302   | 200   | 302   | 302   | 302
    account/login/                                | 200    | 302   | 302 | 302   | 302   | 302  | 302   | 302   | 302   | 302   | 200
    account/demo/                                 | 405    | 405   | 405 | 405   | 405   | 405  | 405   | 405   | 405   | 405   | 405
    account/logout/                               | 405    | 405   | 405 | 405   | 405   | 405  | 405   | 405   | 405   | 405   | 405
    account/unlock/                               | 302    | 302   | 302 | 302   | 302   | 302  | 302   | 302   | 302   | 302   | 302
    account/session/                              | 302    | 200   | 200 | 200   | 200   | 200  | 200   | 200   | 200   | 200   | 302
    account/notifications/                        | 302    | 200   | 200 | 200   | 200   | 200  | 200   | 200   | 200   | 200   | 302
    patients/                                     | 302    | 200   | 200 | 200   | 200   | 200  | 200   | 403   | 403   | 200   | 302
    patients/drafts/                              | 302    | 200   | 200 | 200   | 200   | 200  | 200   | 403   | 403   | 200   | 302
    patients/<patient>/                           | 302    | 200   | 200 | 404   | 200   | 200  | 200   | 404   | 404   | 404   | 302
    patients/<patient>/drafts/                    | 302    | 405   | 405 | 405   | 405   | 405  | 405   | 405   | 405   | 405   | 302
    patients/<patient>/drafts/discard/            | 302    | 404   | 404 | 404   | 404   | 404  | 404   | 404   | 404   | 404   | 302
    patients/<patient>/visits/<code>/             | 302    | 200   | 200 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/visits/<code>/day/         | 302    | 200   | 200 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/visits/<code>/saved/       | 302    | 200   | 200 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/results/check/             | 302    | 405   | 405 | 405   | 405   | 405  | 405   | 405   | 405   | 405   | 302
    patients/<patient>/visits/<code>/record/      | 302    | 200   | 200 | 404   | 200   | 200  | 200   | 404   | 404   | 404   | 302
    patients/<patient>/visits/<code>/history/     | 302    | 200   | 200 | 404   | 200   | 200  | 200   | 404   | 404   | 404   | 302
    patients/<patient>/visits/<code>/sign/        | 302    | 403   | 200 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/sign/                      | 302    | 403   | 200 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/signatures/                | 302    | 200   | 200 | 404   | 200   | 200  | 200   | 404   | 404   | 404   | 302
    account/password/                             | 302    | 200   | 200 | 200   | 200   | 200  | 200   | 200   | 200   | 200   | 302
    patients/<patient>/results/<result>/          | 302    | 200   | 200 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/activity/                  | 302    | 200   | 200 | 404   | 200   | 200  | 200   | 404   | 404   | 404   | 302
    patients/<patient>/checks/                    | 302    | 200   | 200 | 404   | 200   | 200  | 200   | 404   | 404   | 404   | 302
    patients/<patient>/history/                   | 302    | 200   | 200 | 404   | 200   | 200  | 200   | 404   | 404   | 404   | 302
    patients/<patient>/history.csv                | 302    | 200   | 200 | 404   | 200   | 200  | 200   | 404   | 404   | 404   | 302
    patients/<patient>/casebook/                  | 302    | 200   | 200 | 404   | 200   | 200  | 200   | 404   | 404   | 404   | 302
    patients/<patient>/casebook.pdf               | 302    | 405   | 405 | 405   | 405   | 405  | 405   | 405   | 405   | 405   | 302
    patients/<patient>/events/                    | 302    | 200   | 200 | 404   | 200   | 200  | 200   | 404   | 404   | 404   | 302
    patients/<patient>/events/<event>/            | 302    | 200   | 200 | 404   | 200   | 200  | 200   | 404   | 404   | 404   | 302
    patients/<patient>/events/<event>/follow-up/  | 302    | 200   | 200 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/events/<event>/correct/    | 302    | 200   | 200 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/enrol/                               | 302    | 200   | 200 | 200   | 403   | 403  | 403   | 403   | 403   | 403   | 302
    patients/consents/                            | 302    | 200   | 200 | 200   | 200   | 200  | 200   | 403   | 403   | 200   | 302
    patients/consents/<study>/versions/           | 302    | 200   | 200 | 200   | 200   | 200  | 200   | 404   | 404   | 404   | 302
    patients/<patient>/visits/<code>/contact/     | 302    | 302   | 302 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/visits/<code>/contact/saved/ | 302    | 302   | 302 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/visits/<code>/contact/attempt/ | 302    | 302   | 302 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/infusions/                 | 302    | 200   | 200 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/end/                       | 302    | 200   | 200 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/consent/                   | 302    | 200   | 200 | 404   | 200   | 200  | 200   | 404   | 404   | 404   | 302
    patients/<patient>/consent/withdraw/          | 302    | 302   | 302 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/consent/withdrawals/<withdrawal>/ | 302    | 200   | 200 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/transfer/                  | 302    | 403   | 403 | 404   | 403   | 403  | 200   | 404   | 404   | 404   | 302
    questions/                                    | 302    | 200   | 200 | 200   | 200   | 200  | 200   | 403   | 403   | 200   | 302
    questions/<question>/                         | 302    | 200   | 200 | 404   | 200   | 200  | 200   | 404   | 404   | 404   | 302
    questions/<question>/answer/                  | 302    | 302   | 302 | 302   | 302   | 302  | 302   | 302   | 302   | 302   | 302
    questions/<question>/not-enough/              | 302    | 302   | 302 | 302   | 302   | 302  | 302   | 302   | 302   | 302   | 302
    questions/<question>/close/                   | 302    | 302   | 302 | 302   | 302   | 302  | 302   | 302   | 302   | 302   | 302
    questions/<question>/take-back/               | 302    | 302   | 302 | 302   | 302   | 302  | 302   | 302   | 302   | 302   | 302
    patients/<patient>/ask/                       | 302    | 403   | 403 | 404   | 200   | 200  | 200   | 404   | 404   | 404   | 302
    alerts/<alert>/ask/                           | 302    | 403   | 403 | 404   | 200   | 200  | 200   | 404   | 404   | 404   | 302
    alerts/                                       | 302    | 200   | 200 | 200   | 200   | 200  | 200   | 403   | 403   | 200   | 302
    alerts/<alert>/                               | 302    | 200   | 200 | 404   | 200   | 200  | 200   | 404   | 404   | 404   | 302
    alerts/<alert>/acknowledge/                   | 302    | 302   | 302 | 302   | 302   | 302  | 302   | 302   | 302   | 302   | 302
    alerts/<alert>/take-up/                       | 302    | 302   | 302 | 302   | 302   | 302  | 302   | 302   | 302   | 302   | 302
    alerts/<alert>/decide/                        | 302    | 302   | 302 | 302   | 302   | 302  | 302   | 302   | 302   | 302   | 302
    locks/                                        | 302    | 403   | 403 | 403   | 403   | 200  | 200   | 403   | 403   | 403   | 302
    locks/<lock>/ask/                             | 302    | 403   | 403 | 403   | 403   | 302  | 302   | 403   | 403   | 403   | 302
    locks/unlockings/<unlocking>/decide/          | 302    | 403   | 403 | 403   | 403   | 302  | 302   | 403   | 403   | 403   | 302
    security/                                     | 302    | 403   | 403 | 403   | 403   | 403  | 403   | 403   | 200   | 403   | 302
    status/                                       | 302    | 200   | 200 | 200   | 200   | 200  | 200   | 403   | 200   | 200   | 302
    notifications/                                | 302    | 403   | 403 | 403   | 403   | 200  | 200   | 403   | 200   | 403   | 302
    notifications/<mail>/send-again/              | 302    | 302   | 302 | 302   | 302   | 302  | 302   | 302   | 302   | 302   | 302
    notifications/<mail>/give-up/                 | 302    | 302   | 302 | 302   | 302   | 302  | 302   | 302   | 302   | 302   | 302
    healthz                                       | 200    | 200   | 200 | 200   | 200   | 200  | 200   | 200   | 200   | 200   | 200
    readyz                                        | 503    | 503   | 503 | 503   | 503   | 503  | 503   | 503   | 503   | 503   | 503
    api/v1/schema/                                | 401    | 200   | 200 | 200   | 200   | 200  | 200   | 200   | 200   | 200   | 200
    api/v1/docs/                                  | 401    | 200   | 200 | 200   | 200   | 200  | 200   | 200   | 200   | 200   | 200
    api/v1/problems/<kind>                        | 401    | 302   | 302 | 302   | 302   | 302  | 302   | 302   | 302   | 302   | 302
    api/v1/<resource>/                            | 401    | 401   | 401 | 401   | 401   | 401  | 401   | 401   | 401   | 401   | 200
    api/v1/<resource>/<id>/                       | 401    | 401   | 401 | 401   | 401   | 401  | 401   | 401   | 401   | 401   | 404
    api/v1/<elsewhere>                            | 401    | 401   | 401 | 401   | 401   | 401  | 401   | 401   | 401   | 401   | 404
"""  # noqa: E501

# Forms that say nothing: 422 says that the door is open and the form is not filled in, 409 that the visit
# has been recorded since the form was opened.
POST = """
    address                                       | nobody | coord | inv | other | offic | lead | manag | spons | admin | strng | key
    ----------------------------------------------+--------+-------+-----+-------+-------+------+-------+-------+-------+-------+----
    account/demo/                                 | 404    | 404   | 404 | 404   | 404   | 404  | 404   | 404   | 404   | 404   | 404
    account/unlock/                               | 302    | 422   | 422 | 422   | 422   | 422  | 422   | 422   | 422   | 422   | 302
    account/session/                              | 302    | 200   | 200 | 200   | 200   | 200  | 200   | 200   | 200   | 200   | 302
    patients/drafts/                              | 302    | 302   | 302 | 302   | 302   | 302  | 302   | 403   | 403   | 302   | 302
    patients/<patient>/drafts/                    | 302    | 400   | 400 | 404   | 400   | 400  | 400   | 404   | 404   | 404   | 302
    patients/<patient>/drafts/discard/            | 302    | 404   | 404 | 404   | 404   | 404  | 404   | 404   | 404   | 404   | 302
    patients/<patient>/visits/<code>/             | 302    | 409   | 409 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/visits/<code>/sign/        | 302    | 403   | 422 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/sign/                      | 302    | 403   | 422 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    account/password/                             | 302    | 422   | 422 | 422   | 422   | 422  | 422   | 422   | 422   | 422   | 302
    patients/<patient>/results/<result>/          | 302    | 422   | 422 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/results/check/             | 302    | 200   | 200 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/events/<event>/follow-up/  | 302    | 422   | 422 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/events/<event>/correct/    | 302    | 422   | 422 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/casebook.pdf               | 302    | 200   | 200 | 404   | 200   | 200  | 200   | 404   | 404   | 404   | 302
    patients/<patient>/events/                    | 302    | 422   | 422 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/events/<event>/            | 302    | 403   | 403 | 404   | 404   | 404  | 403   | 404   | 404   | 404   | 302
    patients/enrol/                               | 302    | 422   | 422 | 422   | 403   | 403  | 403   | 403   | 403   | 403   | 302
    patients/consents/<study>/versions/           | 302    | 403   | 403 | 403   | 403   | 403  | 422   | 404   | 404   | 404   | 302
    patients/<patient>/visits/<code>/contact/     | 302    | 409   | 409 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/visits/<code>/contact/attempt/ | 302    | 422   | 422 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/infusions/                 | 302    | 422   | 422 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/end/                       | 302    | 422   | 422 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/consent/                   | 302    | 422   | 422 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/consent/withdraw/          | 302    | 422   | 422 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/consent/withdrawals/<withdrawal>/ | 302    | 422   | 422 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    patients/<patient>/transfer/                  | 302    | 403   | 403 | 404   | 403   | 403  | 422   | 404   | 404   | 404   | 302
    questions/                                    | 302    | 405   | 405 | 405   | 405   | 405  | 405   | 405   | 405   | 405   | 302
    questions/<question>/                         | 302    | 405   | 405 | 405   | 405   | 405  | 405   | 405   | 405   | 405   | 302
    questions/<question>/answer/                  | 302    | 422   | 422 | 404   | 403   | 403  | 403   | 404   | 404   | 404   | 302
    questions/<question>/not-enough/              | 302    | 403   | 403 | 404   | 422   | 422  | 422   | 404   | 404   | 404   | 302
    questions/<question>/close/                   | 302    | 403   | 403 | 404   | 422   | 422  | 422   | 404   | 404   | 404   | 302
    questions/<question>/take-back/               | 302    | 403   | 403 | 404   | 302   | 302  | 302   | 404   | 404   | 404   | 302
    patients/<patient>/ask/                       | 302    | 403   | 403 | 404   | 422   | 422  | 422   | 404   | 404   | 404   | 302
    alerts/<alert>/ask/                           | 302    | 403   | 403 | 404   | 422   | 422  | 422   | 404   | 404   | 404   | 302
    alerts/                                       | 302    | 405   | 405 | 405   | 405   | 405  | 405   | 405   | 405   | 405   | 302
    alerts/<alert>/                               | 302    | 405   | 405 | 405   | 405   | 405  | 405   | 405   | 405   | 405   | 302
    alerts/<alert>/acknowledge/                   | 302    | 403   | 403 | 404   | 302   | 302  | 403   | 404   | 404   | 404   | 302
    alerts/<alert>/take-up/                       | 302    | 403   | 403 | 404   | 302   | 302  | 403   | 404   | 404   | 404   | 302
    alerts/<alert>/decide/                        | 302    | 403   | 403 | 404   | 422   | 422  | 403   | 404   | 404   | 404   | 302
    locks/                                        | 302    | 403   | 403 | 403   | 403   | 403  | 422   | 403   | 403   | 403   | 302
    locks/<lock>/ask/                             | 302    | 403   | 403 | 403   | 403   | 422  | 422   | 403   | 403   | 403   | 302
    locks/unlockings/<unlocking>/decide/          | 302    | 403   | 403 | 403   | 403   | 422  | 422   | 403   | 403   | 403   | 302
    security/                                     | 302    | 405   | 405 | 405   | 405   | 405  | 405   | 405   | 405   | 405   | 302
    status/                                       | 302    | 405   | 405 | 405   | 405   | 405  | 405   | 405   | 405   | 405   | 302
    account/notifications/                        | 302    | 422   | 422 | 422   | 422   | 422  | 422   | 422   | 422   | 422   | 302
    notifications/                                | 302    | 405   | 405 | 405   | 405   | 405  | 405   | 405   | 405   | 405   | 302
    notifications/<mail>/send-again/              | 302    | 403   | 403 | 403   | 403   | 302  | 302   | 403   | 302   | 403   | 302
    notifications/<mail>/give-up/                 | 302    | 403   | 403 | 403   | 403   | 422  | 422   | 403   | 422   | 403   | 302
    healthz                                       | 405    | 405   | 405 | 405   | 405   | 405  | 405   | 405   | 405   | 405   | 405
    readyz                                        | 405    | 405   | 405 | 405   | 405   | 405  | 405   | 405   | 405   | 405   | 405
    api/v1/schema/                                | 401    | 405   | 405 | 405   | 405   | 405  | 405   | 405   | 405   | 405   | 405
    api/v1/<resource>/                            | 401    | 401   | 401 | 401   | 401   | 401  | 401   | 401   | 401   | 401   | 405
    api/v1/<resource>/<id>/                       | 401    | 401   | 401 | 401   | 401   | 401  | 401   | 401   | 401   | 401   | 405
    api/v1/<elsewhere>                            | 401    | 401   | 401 | 401   | 401   | 401  | 401   | 401   | 401   | 401   | 404
"""  # noqa: E501
# These change nothing by POST: they answer it as they answer GET, or not at all.
NO_FORM = {
    "patients/<patient>/visits/<code>/day/",
    "/",
    "account/login/",
    "account/logout/",
    "patients/",
    "patients/<patient>/",
    "patients/<patient>/casebook/",
    "patients/<patient>/activity/",
    "patients/<patient>/checks/",
    "patients/<patient>/history/",
    "patients/<patient>/history.csv",
    "patients/consents/",
    "patients/<patient>/visits/<code>/saved/",
    "patients/<patient>/visits/<code>/contact/saved/",
    "patients/<patient>/visits/<code>/record/",
    "patients/<patient>/signatures/",
    "patients/<patient>/visits/<code>/history/",
    "api/v1/docs/",
    "api/v1/problems/<kind>",
}


def expected(table):
    """The table's rows, one for each resource of the API."""
    rows = {}
    for row in rows_of(table):
        address = row.pop("address")
        for resource in RESOURCES if "<resource>" in address else ("",):
            rows[address.replace("<resource>", resource)] = tuple(map(int, row.values()))
    return rows


def addresses(resolver=None, prefix=""):
    """Every address of the URLconf, its changing parts by the names that the table uses."""
    for entry in (resolver or get_resolver()).url_patterns:
        whole = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from addresses(entry, whole)
        elif isinstance(entry, URLPattern):
            yield _named(whole)


def _named(pattern):
    names = {
        "<uuid:public_id>": {"alerts": "<alert>", "notifications": "<mail>", "questions": "<question>"}.get(
            pattern.partition("/")[0], "<patient>"
        ),
        "<visit_code:code>": "<code>",
        "<visit_code:study_key>": "<study>",
        "<int:withdrawal_id>": "<withdrawal>",
        "<int:result_id>": "<result>",
        "<int:event_id>": "<event>",
        "<int:lock_id>": "<lock>",
        "<int:unlocking_id>": "<unlocking>",
        "<slug:kind>": "<kind>",
        "<str:id>": "<id>",
        "^(?:.*/)?$": "<elsewhere>",
    }
    for written, name in names.items():
        pattern = pattern.replace(written, name)
    return pattern or "/"


@pytest.fixture
def places(patient):
    """What stands for the changing parts: one patient's real rows."""
    factories.make_visit(patient=patient, code="D28", visited_on=factories.DAY_0)
    lock = factories.make_lock(patient=factories.make_patient(site=patient.site))
    asked = Unlocking.objects.create(
        lock=lock, asked_by=lock.locked_by, asked_at=factories.NIGHT, reason="A date was misread."
    )
    return {
        "<patient>": patient.public_id,
        "<alert>": factories.make_alert(patient=patient).public_id,
        "<lock>": lock.pk,
        "<unlocking>": asked.pk,
        "<code>": "D28",
        "<question>": factories.make_question(patient=patient).public_id,
        "<result>": factories.make_result(patient=patient, collected_on=factories.DAY_0).pk,
        "<event>": factories.make_event(patient=patient).pk,
        "<mail>": factories.make_dead_letter(study=patient.study).public_id,
        "<study>": patient.study.key,
        "<withdrawal>": factories.make_withdrawal(patient=patient).pk,
        "<kind>": "unknown-study",
        "<id>": "unknown",
        "<elsewhere>": "elsewhere/",
    }


@pytest.fixture
def callers(request, study):
    """A browser for each person, and a program with a key."""
    found = {}
    for actor in ACTORS:
        headers = {}
        if actor == "key":
            made = make_key(
                sponsor_key=study.sponsor.key,
                study_key=study.key,
                scopes=("read",),
                days=1,
                by=None,
                at=timezone.now(),
            )
            headers = {"Authorization": f"Bearer {made.token}"}
        found[actor] = Client(raise_request_exception=False, headers=headers)
        if actor in PEOPLE:
            found[actor].force_login(request.getfixturevalue(actor))
    return found


def answers(method, *, address, places, callers):
    sent = {"nothing": "that any form asks for"} if method == "post" else {}
    for name, value in places.items():
        address = address.replace(name, str(value))
    path = "/" + address.lstrip("/")
    return tuple(getattr(client, method)(path, sent).status_code for client in callers.values())


def test_every_address_has_its_row():
    known = set(addresses())

    assert known - set(expected(GET)) == set(), "add a row to the table GET"
    assert set(expected(GET)) - known == set(), "a row of the table GET has no address"
    assert (
        known
        - set(expected(POST))
        - NO_FORM
        - {
            "patients/<patient>/results/<result>/",
            "patients/<patient>/events/<event>/follow-up/",
        }
        == set()
    ), "add a row to the table POST, or say that there is no form"


@pytest.mark.django_db
def test_every_address_answers_every_actor_as_the_table_says(places, callers):
    found = {
        address: answers("get", address=address, places=places, callers=callers) for address in expected(GET)
    }

    assert found == expected(GET)


@pytest.mark.django_db
def test_every_form_is_open_only_to_whom_the_table_says(places, callers):
    found = {
        address: answers("post", address=address, places=places, callers=callers)
        for address in expected(POST)
    }

    assert found == expected(POST)


@pytest.mark.django_db
def test_reading_every_page_changes_nothing(places, callers):
    def record():
        rows = {model._meta.label: model._default_manager.count() for model in apps.get_models()}
        latest = AuditEvent.objects.order_by("-id").values_list("id", flat=True).first()
        return {**rows, "latest audit event": latest}

    # Of a program the day of its latest question is kept.
    people = {actor: client for actor, client in callers.items() if actor != "key"}
    before = record()

    for address in expected(GET):
        answers("get", address=address, places=places, callers=people)

    assert record() == before
