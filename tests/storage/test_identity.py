"""The identity of a listing: the same bytes on every machine, for ever."""

import json
import unicodedata
from hashlib import sha256

import pytest

from glyphd.contracts.listings import COLUMN_NAMES
from glyphd.storage.identity import IDENTITY_COLUMNS, identity_of, listing_id

Identity = tuple[str | None, str | None, str | None, str | None, str | None, str | None, int | None]

FULL: Identity = ("RTX_A6000", "Used", "Acme", "EU", "https://example.com/1", "Retail", 2)
BARE: Identity = ("RTX_A6000", None, None, None, None, None, None)
CAFE: Identity = ("RTX_A6000", None, "Café Straße", "日本", None, None, None)


def _with(identity: Identity, **changed: str | int | None) -> tuple[object, ...]:
    return tuple(changed.get(name, value) for name, value in zip(IDENTITY_COLUMNS, identity, strict=True))


@pytest.mark.parametrize(
    ("identity", "ordinal", "expected"),
    [
        (FULL, 1, "def1788409805be1b20684b45f8d14ae"),
        (FULL, 2, "de1b19d924f7ba3f394e07c906c8c703"),
        (BARE, 1, "5385df468cc07decb8e511faedf30079"),
        (BARE, 173, "0146d5bc3dbfa5af0b8595446da193dd"),
        (CAFE, 1, "d0949d688d4260e817de9f08af1e4c50"),
        (
            ("🚀", "„neu“", "x\ny", 'q"\\', "/a?b=ü", "\u2028", 9223372036854775807),
            1,
            "7d6f3b7b41d2cb6cd5b4a4c8d98b4a6d",
        ),
        (("İstanbul ǅ ﬁ", None, None, None, None, None, None), 1, "cb8c1ee3898a7d78c67cde717a8c821f"),
        (("A", None, None, None, None, None, 1), 1, "c281ecfb2e4ab2621fa6af436dbea4ed"),
    ],
)
def test_an_identity_has_these_bytes_for_ever(identity: Identity, ordinal: int, expected: str) -> None:
    """A change here would double every archive there is."""
    assert listing_id(identity, ordinal).hex() == expected


def test_the_identity_is_half_a_sha256_over_tagged_json() -> None:
    folded = ["rtx_a6000", "used", "acme", "eu", "https://example.com/1", "retail", 2, 1]
    text = json.dumps(folded, ensure_ascii=False, separators=(",", ":"))
    assert listing_id(FULL, 1) == sha256(b"glyphd-listing-1" + text.encode()).digest()[:16]


@pytest.mark.parametrize(
    "same",
    [
        _with(CAFE, seller="CAFÉ STRASSE"),
        _with(CAFE, seller="  café straße\n"),
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


def test_the_how_manieth_row_counts() -> None:
    assert len({listing_id(FULL, ordinal) for ordinal in range(1, 100)}) == 99


def test_a_blank_inside_counts() -> None:
    assert listing_id(_with(BARE, seller="A B"), 1) != listing_id(_with(BARE, seller="A  B"), 1)


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
