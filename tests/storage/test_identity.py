"""The identity of a listing: the same bytes on every machine, for all time."""

import json
import unicodedata
from hashlib import sha256

import pytest
from hypothesis import given, settings, strategies as st
from peewee import SQL, Cast, Database, Select, Value

from glyphd.contracts.columns import COLUMN_NAMES
from glyphd.db.dialects import first_half_of_sha256
from glyphd.storage.identity import IDENTITY_COLUMNS, ListingIds, identity_of, listing_id, numbered

Identity = tuple[str | None, str | None, str | None, str | None, str | None, str | None, int | None]

FULL: Identity = ("RTX_A6000", "Used", "Acme", "EU", "https://example.com/1", "Retail", 2)
BARE: Identity = ("RTX_A6000", None, None, None, None, None, None)
CAFE: Identity = ("RTX_A6000", None, "Café Straße", "日本", None, None, None)


def _with(identity: Identity, **changed: str | int | None) -> tuple[object, ...]:
    return tuple(
        changed.get(name, value) for name, value in zip(IDENTITY_COLUMNS, identity, strict=True)
    )


@pytest.mark.parametrize(
    ("identity", "ordinal", "expected"),
    [
        (FULL, 1, "d00c687eea72eac123c4164609eccc0f"),
        (FULL, 2, "089795da6a04a9df0d0d5578def01dcb"),
        (BARE, 1, "ae9ea991c30dd7e3235f8d105522d405"),
        (BARE, 173, "f1577e2e3795d33288291a7a5f5fd6e5"),
        (CAFE, 1, "01066fcec255fe3a3e8f8dfd597a0dc4"),
        (
            ("🚀", "„neu“", "x\ny", 'q"\\', "/a?b=ü", "\u2028", 9223372036854775807),
            1,
            "4f1dabab8916e3338de05ecca5a2c084",
        ),
        (
            ("İstanbul ǅ ﬁ", None, None, None, None, None, None),
            1,
            "6d8382e28ff61ad7d7cc5386396690ef",
        ),
        (("A", None, None, None, None, None, 1), 1, "9b9629cb7615209f76a837cb9b1dd68c"),
    ],
)
def test_an_identity_has_these_bytes_for_ever(
    identity: Identity, ordinal: int, expected: str
) -> None:
    """A change here would duplicate the listings of every existing archive."""
    assert listing_id(identity, ordinal).hex() == expected


def test_the_identity_is_half_a_sha256_over_tagged_json() -> None:
    folded = ["rtx_a6000", "used", "acme", "eu", "https://example.com/1", "retail", 2, 1]
    text = json.dumps(folded, ensure_ascii=False, separators=(",", ":"))
    assert listing_id(FULL, 1) == sha256(b"glyphd-listing-2" + text.encode()).digest()[:16]


@pytest.mark.parametrize(
    "same",
    [
        _with(CAFE, seller="CAFé STRAßE"),
        _with(CAFE, seller="  café\u00a0 straße\u200b\n"),
        _with(CAFE, seller=unicodedata.normalize("NFD", "Café Straße")),
        _with(CAFE, model="rtx_a6000"),
        _with(CAFE, condition=""),
        _with(CAFE, source_url=" \u00a0"),
    ],
)
def test_case_composition_and_outer_blanks_do_not_count(same: tuple[object, ...]) -> None:
    assert listing_id(same, 1) == listing_id(CAFE, 1)


@pytest.mark.parametrize("name", IDENTITY_COLUMNS)
def test_each_of_the_seven_values_counts(name: str) -> None:
    other = _with(FULL, **{name: 3 if name == "min_order_qty" else "other"})
    assert listing_id(other, 1) != listing_id(FULL, 1)
    assert listing_id(_with(FULL, **{name: None}), 1) != listing_id(FULL, 1)


def test_the_same_text_in_another_column_is_another_listing() -> None:
    assert listing_id(_with(BARE, seller="X"), 1) != listing_id(_with(BARE, region="X"), 1)


def test_the_ordinal_counts() -> None:
    assert len({listing_id(FULL, ordinal) for ordinal in range(1, 100)}) == 99


def test_a_blank_inside_counts() -> None:
    assert listing_id(_with(BARE, seller="A B"), 1) != listing_id(_with(BARE, seller="AB"), 1)


def test_only_ascii_letters_are_compared_without_case() -> None:
    assert listing_id(_with(BARE, seller="É"), 1) != listing_id(_with(BARE, seller="é"), 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://Shop.Example/A", "HTTPS://shop.example/A"),
        ("Shop.Example/A", "shop.EXAMPLE/A"),
        ("https://Shop.Example:80?q=A", "https://shop.example:80?q=A"),
        ("https://User:Pw@Shop.Example/A", "https://User:Pw@shop.example/A"),
    ],
)
def test_of_a_url_scheme_and_host_are_compared_without_case(one: str, other: str) -> None:
    assert listing_id(_with(BARE, source_url=one), 1) == listing_id(
        _with(BARE, source_url=other), 1
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://shop.example/A", "https://shop.example/a"),
        ("https://shop.example/?q=A", "https://shop.example/?q=a"),
        ("https://User:Pw@shop.example/", "https://user:pw@shop.example/"),
        ("shop.example/A", "shop.example/a"),
    ],
)
def test_the_rest_of_a_url_counts_letter_by_letter(one: str, other: str) -> None:
    assert listing_id(_with(BARE, source_url=one), 1) != listing_id(
        _with(BARE, source_url=other), 1
    )


def test_ids_by_column_are_those_of_single_rows() -> None:
    rows = [FULL, BARE, CAFE, FULL]
    columns = dict(zip(IDENTITY_COLUMNS, zip(*rows, strict=True), strict=True))
    assert ListingIds().of_first_offers(columns, 4) == [listing_id(row, 1) for row in rows]


def test_ids_numbered_in_sql_are_those_of_single_rows(archive: Database) -> None:
    rows = [FULL, BARE, CAFE]
    columns = dict(zip(IDENTITY_COLUMNS, zip(*rows, strict=True), strict=True))
    numbered_id = first_half_of_sha256(archive, numbered("said", "12"))
    for row, said in zip(rows, ListingIds().texts(columns, len(rows)), strict=True):
        given_text = Select(columns=[Cast(Value(said), "TEXT").alias("said")]).alias("given")
        (found,) = archive.execute(Select([given_text], [SQL(numbered_id)])).fetchone()
        assert bytes(found) == listing_id(row, 12)


PIECES = st.sampled_from([" ", "  ", '"', "\\", "é", "\n", "\x7f", "\u200b"]).map(
    lambda odd: ["a", "Z", odd]
)
TEXTS = PIECES.flatmap(lambda pieces: st.lists(st.sampled_from(pieces))).map("".join)
URL_PARTS = (
    ["", "http://", "Http:"],
    ["", "u:P@"],
    ["b.example", "B.example"],
    ["", "/A", "?q=B", "/\n"],
)
URLS = st.tuples(*map(st.sampled_from, URL_PARTS)).map("".join)
NEW = [tuple(f"{name} {number}" for name in IDENTITY_COLUMNS) for number in range(3)]


@pytest.mark.parametrize(
    ("name", "values"), [("seller", TEXTS | st.none()), ("source_url", URLS | st.none())]
)
@settings(max_examples=400)
@given(data=st.data())
def test_ids_of_columns_that_say_something_new_in_each_row_are_those_of_single_rows(
    name: str, values: st.SearchStrategy[str | None], data: st.DataObject
) -> None:
    drawn = data.draw(st.lists(values, min_size=1, max_size=2))
    listing_ids = ListingIds()
    for rows in (NEW, [_with(FULL, **{name: value}) for value in drawn]):
        columns = dict(zip(IDENTITY_COLUMNS, zip(*rows, strict=True), strict=True))
        assert listing_ids.of_first_offers(columns, len(rows)) == [
            listing_id(row, 1) for row in rows
        ]


def test_identity_is_picked_from_a_row_by_name() -> None:
    assert identity_of(COLUMN_NAMES) == IDENTITY_COLUMNS
    assert IDENTITY_COLUMNS == (
        "model",
        "condition",
        "seller",
        "region",
        "source_url",
        "source_type",
        "min_order_qty",
    )
