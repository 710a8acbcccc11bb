"""`make audit`: a vulnerability is an error; an unreachable database gives a plain message."""

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest

AUDIT = run_path(str(Path(__file__).parents[1] / "requirements" / "audit.py"))
FINDING = {"id": "PYSEC-1", "fix_versions": ["1.1"]}


def _command(folder: Path, packages: list[dict[str, Any]] | None, says: str = "") -> list[str]:
    """A replacement for pip-audit, which writes a report of these packages, or none."""
    report = "" if packages is None else json.dumps({"dependencies": packages, "fixes": []})
    program = folder / "pip-audit"
    program.write_text(f"""#!/bin/sh
while [ "$1" != --output ]; do shift; done
echo '{says}' >&2
[ -z '{report}' ] || echo '{report}' > "$2"
exit 1
""")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return [str(program)]


def test_a_vulnerability_is_a_finding(tmp_path: Path) -> None:
    packages: list[dict[str, Any]] = [
        {"name": "a", "version": "1.0", "vulns": [FINDING]},
        {"name": "b", "version": "2.0", "vulns": []},
        {"name": "c", "skip_reason": "not known"},
    ]
    found = AUDIT["audit"](_command(tmp_path, packages), [tmp_path / "x.lock"])
    assert list(found) == ["x.lock: a 1.0: PYSEC-1, fixed in 1.1"]


def test_packages_without_findings(tmp_path: Path) -> None:
    packages: list[dict[str, Any]] = [{"name": "a", "version": "1.0", "vulns": []}]
    assert list(AUDIT["audit"](_command(tmp_path, packages), [tmp_path / "x.lock"])) == []


@pytest.mark.parametrize("packages", [None, [{"name": "a", "skip_reason": "no connection"}]])
def test_a_database_that_cant_be_reached_is_no_finding(
    tmp_path: Path, packages: list[dict[str, Any]] | None
) -> None:
    with pytest.raises(AUDIT["NotRun"], match="no connection"):
        list(AUDIT["audit"](_command(tmp_path, packages, "no connection"), [tmp_path / "x.lock"]))


def _nothing(*_: object) -> Iterator[str]:
    yield from ()


def _not_run(*_: object) -> Iterator[str]:
    raise AUDIT["NotRun"]("no connection")
    yield


def _found_and_not_run(*_: object) -> Iterator[str]:
    yield "a 1.0"
    raise AUDIT["NotRun"]("no connection")


@pytest.mark.parametrize(("audit", "code"), [(_nothing, 0), (_not_run, 0), (_found_and_not_run, 1)])
def test_only_a_finding_is_an_error(
    audit: Callable[..., Iterator[str]],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names: dict[str, Any] = AUDIT["main"].__globals__
    monkeypatch.setitem(names, "_install", lambda _: None)
    monkeypatch.setitem(names, "audit", audit)
    assert AUDIT["main"]("uv") == code
    assert ("NOT RUN" in capsys.readouterr().out) is (audit is not _nothing)
