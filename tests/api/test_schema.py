"""The OpenAPI document and the page that explains it."""

import json
import re
from html.parser import HTMLParser

import jsonschema
import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.validation import validate_schema

from registry.api.documents import SCHEMA_PATH
from registry.api.errors import KINDS
from registry.api.urls import urlpatterns
from registry.queries.sponsor_data import RESOURCES

NAMES = list(RESOURCES)


@pytest.fixture(scope="module")
def schema():
    return json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))


def test_the_committed_schema_is_what_would_be_built(schema):
    """Build it again: see registry/api/schema.py."""
    built = OpenApiJsonRenderer().render(SchemaGenerator().get_schema(request=None, public=True))

    assert json.loads(built) == schema


def test_it_is_valid_openapi_3_1(schema):
    assert schema["openapi"] == "3.1.0"
    validate_schema(schema)


def test_it_describes_what_is_served_and_nothing_else(schema):
    served = {f"/api/v1/{address.pattern}".replace("<str:id>", "{id}") for address in urlpatterns}
    documents = {
        "/api/v1/schema/",
        "/api/v1/docs/",
        "/api/v1/problems/<slug:kind>",
        "/api/v1/^(?:.*/)?$",
    }
    assert set(schema["paths"]) == served - documents
    assert documents <= served


def test_every_operation_needs_a_key(schema):
    for operations in schema["paths"].values():
        assert list(operations) == ["get"]
        assert operations["get"]["security"] == [{"key": []}]


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_is_as_the_schema_says(ask, record, schema, name):
    def check(answer, path):
        content = schema["paths"][path]["get"]["responses"]["200"]["content"]
        described = {**content["application/json"]["schema"], "components": schema["components"]}
        jsonschema.Draft202012Validator(described).validate(answer)

    answer = ask(f"{name}/").json()
    row = answer["results"][0]
    check(answer, f"/api/v1/{name}/")
    check(ask(f"{name}/{row['id']}/").json(), f"/api/v1/{name}/{{id}}/")

    page = schema["paths"][f"/api/v1/{name}/"]["get"]["responses"]["200"]["content"]
    component = page["application/json"]["schema"]["$ref"].rpartition("/")[2].removesuffix("Page")
    assert list(row) == list(schema["components"]["schemas"][component]["properties"])


# --- who may see them -------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["schema/", "docs/"])
def test_a_key_and_a_person_signed_in_may_read_it(ask, as_user, coordinator, address):
    assert ask(address).status_code == 200
    assert as_user(coordinator).get(f"/api/v1/{address}").status_code == 200


@pytest.mark.parametrize("address", ["schema/", "docs/", "problems/not-found"])
def test_a_stranger_may_not(client, db, address):
    response = client.get(f"/api/v1/{address}")

    assert response.status_code == 401
    assert response.headers["Content-Type"] == "application/problem+json"


def test_a_stranger_with_a_browser_is_led_to_the_door(client, db):
    response = client.get("/api/v1/docs/", headers={"Accept": "text/html,*/*;q=0.8"})

    assert response.status_code == 302
    assert response.headers["Location"].endswith("/account/login/?next=/api/v1/docs/")


def test_a_browser_with_a_bad_key_is_told_so(client, db):
    response = client.get("/api/v1/docs/", headers={"Accept": "text/html", "Authorization": "Bearer x"})

    assert response.status_code == 401


def test_the_schema_is_served_as_committed(ask, schema):
    response = ask("schema/")

    assert response.headers["Content-Type"] == "application/json"
    assert response.json() == schema


# --- the page ---------------------------------------------------------------------------------


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_page_names_every_resource_field_filter_and_problem(ask, schema):
    page = ask("docs/").content.decode()

    for name in NAMES:
        assert f'id="{name}"' in page
        parameters = schema["paths"][f"/api/v1/{name}/"]["get"]["parameters"]
        for parameter in parameters:
            assert f"<code>{parameter['name']}</code>" in page
    for component in schema["components"]["schemas"].values():
        for field in component["properties"]:
            assert f"{field}" in page
    for kind in KINDS:
        assert f'id="{kind}"' in page
    assert "curl -H" in page


def test_the_page_has_no_script_but_the_lock_of_every_page_and_nothing_from_elsewhere(ask):
    response = ask("docs/")
    tags = Tags()
    tags.feed(response.content.decode())

    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert not [tag for tag, _ in tags.found if tag in ("style", "iframe", "object")]
    assert [attrs["src"] for tag, attrs in tags.found if tag == "script"] == ["/static/registry/lock.js"]
    assert not [
        attrs for _, attrs in tags.found if any(name.startswith("on") or name == "style" for name in attrs)
    ]
    sources = [attrs[name] for _, attrs in tags.found for name in ("src", "href") if name in attrs]
    assert [source for source in sources if re.match(r"(https?:)?//", source)] == []


def test_the_examples_of_the_page_name_this_registry(ask):
    page = ask("docs/").content.decode()

    assert "http://testserver/api/v1/patients/" in page


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_address_of_a_type_leads_to_its_explanation(ask, kind):
    response = ask(f"problems/{kind}")

    assert (response.status_code, response.headers["Location"]) == (302, f"/api/v1/docs/#{kind}")


def test_a_type_that_does_not_exist_has_no_address(ask):
    assert ask("problems/nonsense").status_code == 404
