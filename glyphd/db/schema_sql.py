"""The schema on SQLite as SQL text, from the migrations: `python -m glyphd.db.schema_sql >
docs/schema.sql`."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from glyphd.db.migration_sets import SETS, MigrationSet, open_to_look
from glyphd.db.migrations import migrate
from glyphd.settings import Settings

_HEADER = """\
-- The schema of glyphd on SQLite, as its migrations make it.
-- Written by `python -m glyphd.db.schema_sql > docs/schema.sql`; a test holds it to the migrations.
"""


def schema_sql() -> str:
    """The statements that create the archive, then those that create the registry, in the order in
    which they were run."""
    with TemporaryDirectory() as folder:
        settings = Settings(
            data_dir=Path(folder), db_path=Path(folder, "gpu.sqlite"), database_url=None
        )
        migrate(settings)
        return _HEADER + "".join(_section(settings, steps) for steps in SETS)


def _section(settings: Settings, steps: MigrationSet) -> str:
    query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
    with open_to_look(settings, steps) as database:
        statements = [sql for (sql,) in database.execute_sql(query)]
    title = f"\n-- {steps.path(settings).name}\n"
    return title + "".join(f"\n{statement};\n" for statement in statements)


if __name__ == "__main__":
    sys.stdout.write(schema_sql())
