"""`glyphd token`: shown once, listed without secrets, revoked by name or first part."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from glyphd import token_commands
from glyphd.cli import main
from glyphd.settings import Settings
from glyphd.token_text import MistypedToken, lookup_of, new_token, without_tokens
from glyphd.tokens.tokens_file import read_tokens_file


@pytest.fixture(autouse=True)
def nobody_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """No service runs during these commands, so they need not wait for it."""
    monkeypatch.setattr(token_commands, "_NOTICED_SECONDS", 0)


def _run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["token", *words, "--data-dir", str(folder / "data")])


def _create(folder: Path, name: str, *words: str) -> str:
    found = _run(folder, "create", name, "--scope", *(words or ("read",)))
    assert found.exit_code == 0, found.output
    return found.stdout.strip()


def _rows(folder: Path) -> list[list[str]]:
    lines = _run(folder, "list").stdout.splitlines()
    return [re.split(r"\s{2,}", line) for line in lines]


def test_the_token_alone_is_on_stdout(tmp_path: Path) -> None:
    found = _run(
        tmp_path, "create", "feed", "--scope", "write", "--source", "daily", "--expires", "90d"
    )
    assert lookup_of(found.stdout.removesuffix("\n"))
    assert "feed: write, only as the source daily, until 20" in found.stderr


def test_it_is_kept_nowhere(tmp_path: Path) -> None:
    token = _create(tmp_path, "reader")
    secret = token.split("_")[2].encode()
    files = [file for file in (tmp_path / "data").rglob("*") if file.is_file()]
    assert files
    assert not [file for file in files if secret in file.read_bytes()]


def test_the_list_shows_no_secret_and_every_state(tmp_path: Path) -> None:
    tokens = [_create(tmp_path, name) for name in ("a", "b")]
    _run(tmp_path, "revoke", "b")
    assert [row[0] for row in _rows(tmp_path)] == ["NAME", "a", "b"]
    assert [row[1] for row in _rows(tmp_path)][1:] == [f"{token[:16]}…" for token in tokens]
    assert [row[-1][:7] for row in _rows(tmp_path)] == ["STATE", "valid", "revoked"]


def test_a_name_is_free_again_when_its_token_is_revoked(tmp_path: Path) -> None:
    _create(tmp_path, "reader")
    taken = _run(tmp_path, "create", "reader", "--scope", "read")
    assert (taken.exit_code, taken.stdout) == (2, "")
    assert "there is a token reader already" in taken.stderr
    assert _run(tmp_path, "revoke", "reader").exit_code == 0
    _create(tmp_path, "reader")


def test_a_token_is_revoked_by_its_first_part_too(tmp_path: Path) -> None:
    token = _create(tmp_path, "reader")
    assert _run(tmp_path, "revoke", f"{token[:16]}…").exit_code == 0
    again = _run(tmp_path, "revoke", "reader")
    assert (again.exit_code, again.stderr) == (2, "glyphd: there is no token reader to revoke\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x", "--scope", "read", "--source", "daily"], "for one source needs the scope write"),
        (["x", "--scope", "write", "--source", " "], "a source has 1 to 200 printable"),
        (["x", "--scope", "read", "--expires", "soon"], "'soon' is not a lifetime"),
        (["x", "--scope", "read", "--expires", "0d"], "'0d' is not a lifetime"),
        (["x", "--scope", "read", "--expires", "999999w"], "is not a lifetime"),
        (["x", "--scope", "read", "--expires", "2020-01-01"], "2020-01-01 is in the past"),
        (["a b", "--scope", "read"], "'a b' is not a name"),
        ([new_token(), "--scope", "read"], "a name must not be a token"),
    ],
)
def test_wrong_terms_are_one_line_and_create_nothing(
    tmp_path: Path, words: list[str], message: str
) -> None:
    found = _run(tmp_path, "create", *words)
    assert (found.exit_code, found.stdout, found.stderr.count("\n")) == (2, "", 1)
    assert message in found.stderr
    assert not (tmp_path / "data").exists()


def test_a_line_for_a_file_stores_nothing(tmp_path: Path) -> None:
    found = _run(
        tmp_path, "create", "feed", "--scope", "write", "--source", "daily feed", "--for-file"
    )
    assert not (tmp_path / "data").exists()
    line = found.stderr.partition("the line for the file: ")[2]
    (tmp_path / "tokens").write_text(line)
    (grant,) = read_tokens_file(tmp_path / "tokens")
    assert (grant.name, grant.source) == ("feed", "daily feed")
    assert found.stdout.strip() not in line


@pytest.mark.parametrize("command", ["list", "revoke x"])
def test_where_there_is_no_archive_none_is_made(tmp_path: Path, command: str) -> None:
    found = _run(tmp_path, *command.split())
    assert (found.exit_code, "there is no archive" in found.stderr) == (2, True)
    assert not (tmp_path / "data").exists()


def test_on_postgresql_it_is_the_same(
    postgres_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert postgres_settings.database_url is not None
    monkeypatch.setenv("GLYPHD_DATABASE_URL", postgres_settings.database_url)
    _create(tmp_path, "a")
    _create(tmp_path, "b")
    assert _run(tmp_path, "create", "b", "--scope", "read").exit_code == 2
    assert _run(tmp_path, "revoke", "a").exit_code == 0
    _create(tmp_path, "a")
    assert [row[-1][:7] for row in _rows(tmp_path)] == ["STATE", "revoked", "valid", "valid"]


def test_a_typing_error_is_noticed() -> None:
    token = new_token()
    for place in range(len(token)):
        wrong = token[:place] + ("0" if token[place] != "0" else "1") + token[place + 1 :]
        with pytest.raises(MistypedToken):
            lookup_of(wrong)
    swapped = token[:20] + token[21] + token[20] + token[22:]
    if swapped != token:
        with pytest.raises(MistypedToken):
            lookup_of(swapped)


def test_tokens_in_a_text_are_cut() -> None:
    token = new_token()
    assert without_tokens(f"/api/{token}?x={token.upper()}") == (
        f"/api/{token[:16]}…?x={token[:16].upper()}…"
    )
    assert without_tokens("glyphd_test_database and glyphd_k7m2q9xa") == (
        "glyphd_test_database and glyphd_k7m2q9xa"
    )
