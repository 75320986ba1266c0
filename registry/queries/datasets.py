"""The datasets of the contract, by name."""

from collections.abc import Mapping

from registry.queries.alert_datasets import ALERT_DECISIONS, ALERTS
from registry.queries.audit_dataset import AUDIT
from registry.queries.dataset_frame import Dataset
from registry.queries.person_time import PERSON_TIME
from registry.queries.record_datasets import ADVERSE_EVENTS, INFUSIONS, LAB_RESULTS, PATIENTS, SCORES
from registry.queries.visit_dataset import VISITS

# Raised when a column is renamed, moved or dropped, or means something else; a column added leaves it.
SCHEMA_VERSION = 1

DATASETS: Mapping[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        PATIENTS,
        INFUSIONS,
        VISITS,
        LAB_RESULTS,
        ADVERSE_EVENTS,
        SCORES,
        ALERTS,
        ALERT_DECISIONS,
        AUDIT,
        PERSON_TIME,
    )
}


class UnknownDataset(KeyError):
    """The contract names no such dataset."""


def by_name(name: str) -> Dataset:
    """Return the dataset of this name; raises UnknownDataset."""
    if name not in DATASETS:
        raise UnknownDataset(name)
    return DATASETS[name]
