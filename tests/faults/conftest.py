"""A broker of the module's own, and the proof that no process is left behind."""

import os
from uuid import uuid4

import pytest

from tests.faults.broker import Broker
from tests.processes import called, children_of, family, marked, wait_until_gone

_MARK = "REGISTRY_FAULTS"


@pytest.fixture(scope="module", autouse=True)
def nothing_left_running():
    """Who is below us, or was started by us and lost its parent, must be gone after the module.

    Not what an engine that was there before starts for itself: a vacuum takes as long as it takes.
    """
    before = children_of(os.getpid())
    os.environ[_MARK] = mark = str(uuid4())
    yield
    del os.environ[_MARK]
    engines_own = set().union(*(family(pid) for pid in before))
    left = (children_of(os.getpid()) - before - engines_own) | marked(f"{_MARK}={mark}")
    alive = wait_until_gone(left, seconds=30)
    assert alive == set(), [called(pid) for pid in alive]


@pytest.fixture(scope="module")
def broker_engine(nothing_left_running):
    broker = Broker()
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def broker(broker_engine):
    """An empty broker that may be killed."""
    broker_engine.start()
    broker_engine.flush()
    return broker_engine
