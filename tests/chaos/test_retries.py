"""One key makes one import, even for a script that retries while the API dies again and again."""

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from threading import Event

from glyphd.settings import Settings
from tests.chaos.checks import Checker
from tests.chaos.clients import Sent, send
from tests.chaos.clusters import Cluster, running_cluster, until
from tests.chaos.files import GivenFile, make_file
from tests.chaos.tallies import Tally

RETRIES = 20
KILLS = 2


def test_twenty_retries_at_once_while_the_api_is_killed_make_one_import(
    database_settings: Settings, tmp_path: Path
) -> None:
    file = make_file("the-key-of-a-cron-job", Random(3), size=3000)
    killed = Event()
    with (
        running_cluster(database_settings, tmp_path) as cluster,
        ThreadPoolExecutor(RETRIES) as threads,
    ):
        until(cluster.answers)
        works = [
            threads.submit(_send_until, killed, cluster, file, Random(number))
            for number in range(RETRIES)
        ]
        try:
            for _ in range(KILLS):
                _kill_amid_an_upload(cluster)
        finally:
            killed.set()
        sent = [sent for work in works for sent in work.result()]
        found = Checker(cluster, Tally()).check([file], sent)
    assert found.sentences() == []
    assert len({one.import_id for one in sent}) == 1
    assert sum(one.is_replayed for one in sent) >= len(sent) - 1


def _send_until(killed: Event, cluster: Cluster, file: GivenFile, random: Random) -> list[Sent]:
    """Sends the file repeatedly until the last kill, and then once more."""
    sent = []
    while not killed.is_set():
        sent.append(send(cluster, file, random))
    return [*sent, send(cluster, file, random)]


def _kill_amid_an_upload(cluster: Cluster) -> None:
    until(cluster.answers)
    until(lambda: any(cluster.settings.uploads_dir.glob("*.part")))
    assert cluster.api.strike(signal.SIGKILL)
