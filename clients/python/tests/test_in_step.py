"""The client knows what this version of the service knows, and can be installed beside nothing
else."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from glyphd.contracts.columns import COLUMN_NAMES
from glyphd.contracts.import_contracts import ImportEffect, ImportView
from glyphd.contracts.import_options import ImportOptions as ServiceOptions
from glyphd.contracts.queries import ImportQuery, ListingQuery
from glyphd.listings.computed_columns import COMPUTED_COLUMNS
from glyphd.storage.result_rows import RESULT_COLUMNS
from glyphd_client import (
    Effect,
    ImportFilters,
    ImportOptions,
    ImportStatus,
    Listing,
    ListingFilters,
)
from glyphd_client.columns import ALL_COLUMNS, COMPUTED_KINDS, OWN_KINDS

PACKAGE = Path(__file__).parents[1]
FOR_PAGES = {"limit", "cursor", "count", "fields", "format", "safe", "bom"}


def _names(kind: type) -> set[str]:
    return {field.name for field in fields(kind)} - {"raw"}


def test_every_field_of_a_status_has_its_place() -> None:
    assert set(ImportView.model_fields) <= _names(ImportStatus)
    assert set(ImportEffect.model_fields) <= _names(Effect)


def test_every_column_of_a_row_has_its_place() -> None:
    assert set(ALL_COLUMNS) == {*RESULT_COLUMNS, *COMPUTED_COLUMNS} == _names(Listing)


def test_the_kind_of_every_column_is_known() -> None:
    assert set(OWN_KINDS) == set(RESULT_COLUMNS) - set(COLUMN_NAMES)
    assert set(COMPUTED_KINDS) == set(COMPUTED_COLUMNS)


def test_every_option_of_an_upload_can_be_given() -> None:
    assert set(ImportOptions.__annotations__) == set(ServiceOptions.model_fields)


@pytest.mark.parametrize(
    ("contract", "filters"), [(ListingQuery, ListingFilters), (ImportQuery, ImportFilters)]
)
def test_every_filter_can_be_given(contract: type, filters: type) -> None:
    assert set(contract.model_fields) - FOR_PAGES == set(filters.__annotations__)  # type: ignore[attr-defined]


def test_it_needs_what_the_development_lock_has() -> None:
    lock = dict(
        re.findall(
            r"^([\w.-]+)==([^\s;]+)",
            (PACKAGE.parents[1] / "requirements" / "dev.lock").read_text(),
            re.MULTILINE,
        )
    )
    wanted = [Requirement(text) for text in requires("glyphd-client") or []]
    assert wanted
    assert [str(one) for one in wanted if lock.get(one.name, "0") not in one.specifier] == []


def test_its_wheel_has_the_client_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(
        [*command, "--directory", str(tmp_path)], cwd=PACKAGE, check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("glyphd_client-*.whl")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); sys.modules['glyphd'] = None\n"
        "import glyphd_client.command, zipfile\n"
        "assert glyphd_client.__file__.startswith(sys.argv[1])\n"
        "print({name.split('/')[0] for name in zipfile.ZipFile(sys.argv[1]).namelist()})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, wheel],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},  # what is in the wheel is not to be covered once more
        check=True,
        capture_output=True,
        text=True,
    )
    assert re.findall(r"glyphd\w*(?=')", done.stdout) == ["glyphd_client"]
