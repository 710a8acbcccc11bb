"""On an almost full disk pages are still complete, because they are not written to it."""

from pathlib import Path

from glyphd.settings import MIB
from tests.chaos.disks import small_disk
from tests.e2e.processes import data_in, final_status, get, serving, upload
from tests.e2e.sockets import connect, read_all

DISK_BYTES = 64 * MIB
RESERVE = MIB
SPILLED_BYTES = 256 * 1024
"""From this size on waitress would write an answer to the disk."""

LEFT_BYTES = 128 * 1024
"""SQLite needs a little space even to read a database."""

LIKE_AN_ANSWER = "HTTP/1.1 200 OK Content-Length: 2 " * 20
ROWS = "".join(f"L4,{price},0.5,{LIKE_AN_ANSWER}\n" for price in range(1, 1001))
PAGE = "/api/listings?limit=1000"


def test_a_large_page_is_whole_on_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", DISK_BYTES) as disk:
        environment = data_in(disk.folder / "data") | {"GLYPHD_DISK_RESERVE_BYTES": str(RESERVE)}
        with serving(environment=environment) as api:
            import_id = upload(api.address, f"model,price_usd,score,title\n{ROWS}".encode())[
                "import_id"
            ]
            assert final_status(api.address, import_id)["record_count"] == 1000
            disk.fill(leave=LEFT_BYTES)
            with connect(api.address) as client:
                client.sendall(
                    f"GET {PAGE} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode()
                )
                status, page = read_all(client)
            disk.free()
            assert (status, len(page) > SPILLED_BYTES, page.count(b'"title"')) == (200, True, 1000)
            assert len(get(api.address, PAGE)) == 1000
