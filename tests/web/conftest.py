"""A fixed date for the pages, and the small site they show."""

import pytest

from tests.web.scene import TODAY, make_scene


@pytest.fixture
def on_1_september_2024(settings):
    settings.REGISTRY_TODAY = TODAY


@pytest.fixture
def scene(study, site, on_1_september_2024):
    return make_scene(study=study, site=site)
