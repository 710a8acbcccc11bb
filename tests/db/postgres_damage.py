"""A PostgreSQL database with a page that the server can't read."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg

from glyphd.settings import Settings
from tests.databases import with_database


@contextmanager
def damaged_copy(settings: Settings, table: str) -> Iterator[Settings]:
    """A copy of the database, file by file, with the table's first page overwritten.

    It is a copy because the server has not read any of its pages yet. Clients of the original are
    disconnected.
    """
    url = str(settings.database_url)
    name = urlsplit(url).path.removeprefix("/")
    copy = f"{name}_damaged"
    with psycopg.connect(url) as connection:
        (path,) = connection.execute("SELECT pg_relation_filepath(%s)", (table,)).fetchone() or (
            "",
        )
    with psycopg.connect(with_database(url, "postgres"), autocommit=True) as server:
        server.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            (name,),
        )
        server.execute(f"CREATE DATABASE {copy} TEMPLATE {name} STRATEGY file_copy".encode())
        query = "SELECT oid, current_setting('data_directory') FROM pg_database WHERE datname = %s"
        oid, folder = server.execute(query, (copy,)).fetchone() or (0, "")
        file = f"{folder}/base/{oid}/{path.rpartition('/')[2]}"
        overwriting = (
            f"tr ''\\\\0'' ''\\\\377'' < /dev/zero | dd of=\"{file}\" bs=64 count=1 "
            "conv=notrunc 2> /dev/null"
        )
        server.execute(f"COPY (SELECT 1) TO PROGRAM '{overwriting}'".encode())
        try:
            yield settings.model_copy(update={"database_url": with_database(url, copy)})
        finally:
            server.execute(f"DROP DATABASE {copy} WITH (FORCE)".encode())
