"""The effect of an import on the market, the effect it would have, what it is about, and its
oddities."""

from typing import Any

import pytest

from tests.service import Service

HEADER = "model,price_usd,score,seller,source_url,seen_at"


def _file(*rows: str) -> str:
    return "\n".join([HEADER, *rows]) + "\n"


def _offer(number: int, price: float, day: int, score: float = 0.5) -> str:
    return f"M{number % 3},{price},{score},Shop,https://shop.example/{number},2025-07-0{day}"


MONDAY = _file(*(_offer(number, 100 + number, 1) for number in range(8)))
TUESDAY = _file(
    _offer(0, 100, 2),
    _offer(1, 90, 2),
    _offer(9, 5, 2),
    "M0,1,0.5,,,2025-07-02",
    "M0,1,0.5,,,2025-07-02",
)


def _effect(**counts: int) -> dict[str, int]:
    names = ("new", "changed", "unchanged", "older", "indistinct", "gone", "back")
    return dict.fromkeys(names, 0) | counts


def _codes(status: dict[str, Any]) -> dict[str, int]:
    return {warning["code"]: warning["count"] for warning in status["warnings"]}


def test_an_import_says_what_it_did_to_the_market(service: Service) -> None:
    assert service.import_csv(MONDAY)["effect"] == _effect(new=8)
    assert service.import_csv(TUESDAY)["effect"] == _effect(new=3, changed=1, unchanged=1)
    assert service.import_csv(MONDAY.replace("07-01", "06-01"))["effect"] == _effect(older=8)
    assert service.import_csv(TUESDAY.replace("07-02", "07-03"))["effect"] == _effect(
        unchanged=3, indistinct=2
    )


def test_a_dry_run_says_what_it_would_do_and_does_nothing(service: Service) -> None:
    service.import_csv(MONDAY)
    dry = service.import_csv(TUESDAY, "?dry_run=true")
    assert dry["effect"] == _effect(new=3, changed=1, unchanged=1)
    real = service.import_csv(TUESDAY)
    for name in ("effect", "summary", "warnings"):
        assert dry[name] == real[name]


def test_it_says_what_it_is_about(service: Service) -> None:
    assert service.import_csv(MONDAY)["summary"] == {
        "lowest_price": 100,
        "median_price": 103.5,
        "highest_price": 107,
        "lowest_score": 0.5,
        "median_score": 0.5,
        "highest_score": 0.5,
        "models": 3,
        "sellers": 1,
        "top_models": [
            {"model": "M0", "count": 3},
            {"model": "M1", "count": 3},
            {"model": "M2", "count": 2},
        ],
    }


def test_rows_that_nothing_tells_apart_are_counted_with_what_would(service: Service) -> None:
    (warning,) = service.import_csv(TUESDAY)["warnings"]
    assert (warning["code"], warning["count"], warning["first_lines"]) == (
        "indistinct_rows",
        2,
        [5, 6],
    )
    assert "source_url" in warning["hint"]


@pytest.mark.parametrize(
    ("rows", "hint"),
    [
        (
            ["M0,1,0.5,,,"] * 2,
            (
                "a source_url or a seller in each row, or source= with the upload, would "
                "distinguish them"
            ),
        ),
        (["M0,1,0.5,Shop,,"] * 2, "a source_url in each row would distinguish them"),
        (
            ["M0,1,0.5,,,", "M0,1,0.5,Shop,,", "M0,2,0.5,Shop,,"],
            "a source_url in each row would distinguish them",
        ),
        (
            [_offer(1, 5, 1), _offer(1, 6, 1)],
            "give each offer its own source_url, or a different seller, region or condition",
        ),
    ],
)
def test_the_hint_names_what_is_lacking(service: Service, rows: list[str], hint: str) -> None:
    (warning,) = service.import_csv(_file(*rows))["warnings"]
    assert warning["hint"] == hint


def test_a_copy_in_a_group_is_repeated_and_not_indistinct(service: Service) -> None:
    repeated, indistinct = service.import_csv(_file(_offer(1, 5, 1), *[_offer(1, 6, 1)] * 2))[
        "warnings"
    ]
    assert (repeated["code"], repeated["first_lines"]) == ("repeated_rows", [3])
    assert (indistinct["code"], indistinct["first_lines"]) == ("indistinct_rows", [2, 4])


def test_a_copy_of_a_known_group_is_repeated_and_not_indistinct(service: Service) -> None:
    service.import_csv(_file(_offer(1, 5, 1), _offer(1, 6, 1)))
    status = service.import_csv(_file(*[_offer(1, 5, 2)] * 2))
    assert _codes(status) == {"repeated_rows": 1, "indistinct_rows": 1}


def test_nameless_rows_that_are_known_are_counted_once(service: Service) -> None:
    service.import_csv(_file("M0,1,0.5,,,2025-07-01"))
    assert _codes(service.import_csv(_file("M0,2,0.5,,,2025-07-02", "M1,2,0.5,,,2025-07-02"))) == {
        "indistinct_rows": 2
    }


def test_rows_that_repeat_another_are_counted(service: Service) -> None:
    status = service.import_csv(_file(*[_offer(1, 5, 1)] * 3, _offer(2, 5, 1)))
    assert _codes(status) == {"repeated_rows": 2}
    assert status["record_count"] == 4
    assert len(service.listings()) == 2


@pytest.mark.parametrize(("factor", "warned"), [(3, True), (0.3, True), (1.5, False)])
def test_prices_that_moved_far_are_odd(service: Service, factor: float, warned: bool) -> None:
    service.import_csv(MONDAY)
    moved = _file(*(_offer(number, (100 + number) * factor, 2) for number in range(8)))
    assert ("price_shift" in _codes(service.import_csv(moved))) == warned


@pytest.mark.parametrize(("source", "warned"), [("feed", True), ("FEED", True), ("other", False)])
def test_another_scale_and_fewer_rows_are_odd_for_the_same_source(
    service: Service, source: str, warned: bool
) -> None:
    service.import_csv(MONDAY, "?source=feed")
    fewer = _file(*(_offer(number, 100 + number, 2, score=50) for number in range(3)))
    expected = {"score_scale": 1, "fewer_rows": 5} if warned else {}
    assert _codes(service.import_csv(fewer, f"?source={source}")) == expected


def test_the_same_bytes_again_are_odd(service: Service) -> None:
    service.import_csv(MONDAY)
    assert _codes(service.import_csv(MONDAY)) == {"same_content": 1}


def _foreseen(service: Service, import_id: str, kind: str) -> dict[str, int]:
    answer = service.http.post(f"/api/imports/{import_id}/{kind}?dry_run=true").json
    assert (answer["import_id"], answer["kind"], answer["dry_run"]) == (import_id, kind, True)
    effect: dict[str, int] = answer["effect"]
    return effect


def test_a_rollback_and_a_restore_say_what_they_would_change(service: Service) -> None:
    service.import_csv(MONDAY)
    import_id = service.import_csv(TUESDAY)["import_id"]
    before = service.listings()
    effect = {"added": 0, "removed": 3, "changed": 1, "unchanged": 1, "indistinct": 0}
    effect |= {"gone": 0, "back": 0}
    assert _foreseen(service, import_id, "rollback") == effect
    assert service.listings() == before
    service.http.post(f"/api/imports/{import_id}/rollback")
    service.work()
    assert len(service.listings()) == len(before) - 3
    assert _foreseen(service, import_id, "restore") == effect | {"added": 3, "removed": 0}
    assert len(service.listings()) == len(before) - 3


def test_taking_back_a_smaller_group_brings_offers_back(service: Service) -> None:
    service.import_csv(_file("A,1,0.5,Shop,,2025-07-01", "A,2,0.5,Shop,,2025-07-01"))
    import_id = service.import_csv(_file("A,1,0.5,Shop,,2025-07-02"))["import_id"]
    assert len(service.listings()) == 1
    assert _foreseen(service, import_id, "rollback") == {
        "added": 0,
        "removed": 0,
        "changed": 0,
        "unchanged": 0,
        "indistinct": 1,
        "gone": 0,
        "back": 1,
    }


def test_what_can_not_be_changed_is_refused_in_a_dry_run_too(service: Service) -> None:
    import_id = service.import_csv(MONDAY)["import_id"]
    answer = service.http.post(f"/api/imports/{import_id}/restore?dry_run=true", status=409)
    assert answer.json["code"] == "nothing_to_change"
