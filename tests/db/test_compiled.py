"""Statements are generated once, and executed with their own values each time."""

from peewee import SQL, Database, Node, SqliteDatabase, Value

from glyphd.db.compiled import Parameter, compiled


def test_a_statement_is_made_once_for_each_kind_of_database_and_facts() -> None:
    made: list[tuple[object, bool]] = []

    @compiled
    def statements(database: Database, is_grouped: bool) -> list[Node]:
        made.append((type(database), is_grouped))
        return [SQL("SELECT 1")]

    for _ in range(2):
        for is_grouped in (True, False):
            assert [found.sql for found in statements(SqliteDatabase(None), is_grouped)] == [
                "SELECT 1"
            ]
    assert made == [(SqliteDatabase, True), (SqliteDatabase, False)]


def test_each_execution_gives_its_own_values() -> None:
    @compiled
    def sums(database: Database) -> list[Node]:
        return [SQL("SELECT ? + ?", (Parameter("one"), 1))]

    database = SqliteDatabase(":memory:")
    (total,) = sums(database)
    assert [total.execute(database, one=one).fetchone() for one in (1, 5)] == [(2,), (6,)]


def test_a_parameter_goes_through_an_expression_unchanged() -> None:
    expression = Value(Parameter("top")) - SQL("4")
    sql, values = SqliteDatabase(None).get_sql_context().sql(expression).query()
    assert (sql, values) == ("(? - 4)", [Parameter("top")])
