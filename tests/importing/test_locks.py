"""One lock for each job, held by one process or thread."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from glyphd.importing.locks import AdvisoryLocks, FileLocks, JobLocks, open_locks
from glyphd.settings import Settings

HOLDER = """
import sys
from glyphd.importing.locks import open_locks
from glyphd.settings import load_settings
with open_locks(load_settings()).hold(7) as is_held:
    print(is_held, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def locks(database_settings: Settings) -> JobLocks:
    return open_locks(database_settings)


def _is_free(locks: JobLocks, job_id: int) -> bool:
    """Whether another thread could take the lock."""

    def hold() -> bool:
        with locks.hold(job_id) as is_held:
            return is_held

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(hold).result(timeout=10)


def test_a_lock_is_held_by_one_at_a_time(locks: JobLocks) -> None:
    with locks.hold(7) as is_held:
        assert is_held
        assert not _is_free(locks, 7)
    assert _is_free(locks, 7)


def test_a_refused_lock_leaves_the_holder_its_own(locks: JobLocks) -> None:
    with locks.hold(7):
        assert not _is_free(locks, 7)
        assert not _is_free(locks, 7)


def test_each_job_has_its_own_lock(locks: JobLocks) -> None:
    with locks.hold(7):
        assert _is_free(locks, 8)


def test_trouble_in_the_block_frees_the_lock(locks: JobLocks) -> None:
    with pytest.raises(RuntimeError), locks.hold(7):
        raise RuntimeError
    assert _is_free(locks, 7)


def test_a_lock_is_free_the_instant_its_process_is_killed(
    locks: JobLocks, database_settings: Settings
) -> None:
    environment = database_settings.child_environment()
    command = [sys.executable, "-c", HOLDER]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"True\n"
        assert not _is_free(locks, 7)
        process.kill()
    with locks.hold(7) as is_held:
        assert is_held


def test_a_file_stays_when_its_lock_is_free(sqlite_settings: Settings) -> None:
    """If it were removed, one process would wait for the old file while another creates a new
    one."""
    locks = FileLocks(sqlite_settings.locks_dir)
    with locks.hold(7):
        pass
    (file,) = sqlite_settings.locks_dir.iterdir()
    inode = file.stat().st_ino
    with locks.hold(7):
        assert file.stat().st_ino == inode


def test_the_database_decides_which_locks_there_are(sqlite_settings: Settings) -> None:
    assert isinstance(open_locks(sqlite_settings), FileLocks)
    assert isinstance(open_locks(Settings(database_url="postgresql://localhost/x")), AdvisoryLocks)
