"""`export DATASET --out FILE`: one dataset of the contract, and its manifest beside it."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from registry import clock
from registry.exchange.dataset_files import FORMATS, PROFILES, write_dataset
from registry.management.refusals import Refused, RefusingCommand
from registry.queries.dataset_frame import known_studies
from registry.queries.datasets import DATASETS

NOT_YET_FORMATS = ("parquet", "dataset-json")
NOT_YET_PROFILES = ("limited", "safe-harbor")


class Command(RefusingCommand):
    help = "Write one dataset to a file, and FILE.manifest.json beside it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", metavar="DATASET", help=", ".join(DATASETS))
        parser.add_argument("--out", required=True, metavar="FILE", type=Path)
        parser.add_argument("--format", default="csv", help=", ".join(FORMATS))
        parser.add_argument("--profile", default="internal", help=", ".join(PROFILES))
        parser.add_argument("--study", metavar="KEY", help="default: every study")
        parser.add_argument("--json", action="store_true", help="one JSON object on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        told = self._export(**options)
        if options["json"]:
            self.stdout.write(json.dumps(told, ensure_ascii=False))
        else:
            self.stdout.write(
                f"{told['rows']} rows of {told['dataset']} in {told['file']} ({told['bytes']} bytes,"
                f" SHA-256 {told['sha256']}); manifest: {told['manifest']}"
            )

    def _export(self, **options: Any) -> dict[str, Any]:
        dataset = DATASETS.get(options["dataset"])
        if dataset is None:
            raise Refused(_unknown("dataset", options["dataset"], DATASETS))
        _refuse_unless_known("format", options["format"], FORMATS, NOT_YET_FORMATS)
        _refuse_unless_known("profile", options["profile"], PROFILES, NOT_YET_PROFILES)
        known = known_studies()
        named = options["study"]
        if named is not None and named not in known:
            raise Refused(_unknown("study", named, known))
        out: Path = options["out"]
        if out.is_dir():
            raise Refused(f"{out} is a directory. Name a file.")
        try:
            exported = write_dataset(
                dataset=dataset,
                studies=[known[named]] if named is not None else list(known.values()),
                is_everything=named is None,
                out=out,
                format=options["format"],
                today_at=lambda time_zone: clock.today(time_zone=time_zone),
                by=None,
                at=clock.now(),
            )
        except OSError as refusal:
            raise Refused(f"{out} cannot be written: {refusal.strerror or refusal}.") from refusal
        return {
            "ok": True,
            "file": str(exported.path),
            "manifest": str(exported.manifest_path),
            **{
                name: exported.manifest[name]
                for name in (
                    "dataset",
                    "format",
                    "profile",
                    "study",
                    "studies",
                    "data_cut",
                    "schema_version",
                    "rows",
                    "bytes",
                    "sha256",
                )
            },
        }


def _refuse_unless_known(what: str, given: str, known: Any, not_yet: tuple[str, ...]) -> None:
    if given in not_yet:
        raise Refused(
            f"The {what} {given} is not in this version of the registry. There is: {', '.join(known)}."
        )
    if given not in known:
        raise Refused(_unknown(what, given, known))


def _unknown(what: str, given: str, known: Any) -> str:
    there_is = f"There is: {', '.join(known)}." if known else "There is none yet."
    return f"There is no {what} {given}. {there_is}"
