"""Every model says for each field whether a sponsor may see it."""

import pytest
from django.apps import apps

from registry.models import Patient
from registry.models.disclosure import SPONSOR_SEES, sponsor_may_see

MODELS = list(apps.get_app_config("registry").get_models())


def fields_of(model):
    return {field.name for field in [*model._meta.fields, *model._meta.many_to_many]}


def test_every_model_speaks():
    assert set(SPONSOR_SEES) == set(MODELS)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_is_named_once(model):
    disclosure = SPONSOR_SEES[model]

    assert disclosure.seen | set(disclosure.unseen) == fields_of(model)
    assert not disclosure.seen & set(disclosure.unseen)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_what_is_kept_back_has_a_reason(model):
    assert all(len(reason) > 10 for reason in SPONSOR_SEES[model].unseen.values())


def test_a_field_nobody_decided_about_is_an_error_and_not_a_yes():
    with pytest.raises(KeyError):
        sponsor_may_see(Patient, "shoe_size")
