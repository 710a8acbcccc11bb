"""The tokens file: what a line may contain, and which line is wrong."""

from itertools import count
from pathlib import Path

import pytest

from glyphd.errors import InvalidSettings
from glyphd.token_text import new_token
from glyphd.tokens.grants import Grant, Scope, digest_of
from glyphd.tokens.tokens_file import read_tokens_file

TOKEN = new_token()
HASH = digest_of(TOKEN)


def _read(folder: Path, text: str) -> tuple[Grant, ...]:
    file = folder / "tokens"
    file.write_text(text)
    return read_tokens_file(file)


def _refusal(folder: Path, text: str) -> str:
    with pytest.raises(InvalidSettings) as refused:
        _read(folder, text)
    return refused.value.detail.removeprefix(f"GLYPHD_TOKENS_FILE={folder / 'tokens'}: ")


def test_a_line_is_a_name_a_scope_and_a_token(tmp_path: Path) -> None:
    (grant,) = _read(tmp_path, f"\n  # read by grafana\n grafana  read\t{TOKEN}  # until May\r\n")
    assert grant == Grant("grafana", Scope.READ, HASH, TOKEN[:15])


def test_a_hash_may_stand_for_the_token(tmp_path: Path) -> None:
    (grant,) = _read(tmp_path, f"grafana admin sha256:{HASH}")
    assert grant == Grant("grafana", Scope.ADMIN, HASH)


def test_it_may_be_for_one_source_and_for_a_time(tmp_path: Path) -> None:
    (grant,) = _read(tmp_path, f"feed write {TOKEN} 'source=daily feed' expires=2027-01-31")
    assert (grant.source, grant.expires_at) == ("daily feed", "2027-01-31T00:00:00.000000Z")


def test_an_empty_file_has_no_token(tmp_path: Path) -> None:
    assert _read(tmp_path, "") == ()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cron", "expected NAME SCOPE TOKEN"),
        (f"cron read{TOKEN}", "expected NAME SCOPE TOKEN"),
        (f"cron all {TOKEN}", "'all' is not a scope: use read, write, admin"),
        (f"cron read {TOKEN[:-1]}", "the token can't be used: it does not have the form"),
        (f"cron read {TOKEN[:-7]}0000000", "the token can't be used: its checksum is wrong"),
        (f"cron read sha256:{HASH[:-1]}", "the token can't be used"),
        (f"cr/on read {TOKEN}", "'cr/on' is not a name"),
        (f"{TOKEN} read cron", "a name must not be a token"),
        (f"cron {TOKEN} read", "is not a scope"),
        (f"cron read {TOKEN} source=a", "a token for one source needs the scope write"),
        (f"cron write {TOKEN} source=", "after the token come source=… and expires=…"),
        (f"cron write {TOKEN} from=a", "after the token come source=… and expires=…"),
        (f"cron write {TOKEN} source=a source=b", "after the token come"),
        (f"cron write {TOKEN} expires=soon", "expires= needs a date or a time"),
        (f"cron write {TOKEN} 'source=a", "No closing quotation"),
        (f"other read {TOKEN}", "this token is on an earlier line"),
        (f"first read {new_token()}", "the name first is on an earlier line"),
    ],
    ids=count(1),  # each process has another token, but the names must be the same
)
def test_a_wrong_line_is_named_and_no_token_shown(tmp_path: Path, line: str, message: str) -> None:
    found = _refusal(tmp_path, f"# tokens\nfirst read {TOKEN}\n{line}\n")
    assert found.startswith("line 3: ")
    assert message in found
    assert TOKEN[16:40] not in found


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff", "it is not UTF-8 text"), (b"#" * (1 << 20) + b"#", "it is larger than 1 MiB")],
)
def test_a_file_that_is_something_else_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "tokens").write_bytes(content)
    with pytest.raises(InvalidSettings, match=message):
        read_tokens_file(tmp_path / "tokens")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="No such file"):
        read_tokens_file(tmp_path / "tokens")
