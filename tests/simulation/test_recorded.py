"""Recordings of real systems, where they lie beside the project: a sample of what `benchmarks.recorded` judges."""

from collections import Counter

import pytest

from benchmarks.recorded import DATA, Case, Result, judge, loader

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (DATA / "load.py").exists(), reason=f"needs the recordings of real systems in {DATA.name}/"),
]


def results(dataset: str, every: int, **wanted: str) -> list[Result]:
    cases: list[Case] = [
        case
        for case in loader(DATA).cases(dataset=dataset)
        if all(case[name] == value for name, value in wanted.items())
    ]
    return [judge(case, DATA) for case in cases[::every]]


def test_like_with_like_is_never_aborted() -> None:
    assert {result.verdict for result in results("delag", 4, kind="aa")} == {"continue"}


@pytest.mark.parametrize(("dose", "least"), [("1.0", 1.0), ("0.5", 1.0), ("0.2", 1.0), ("0.1", 0.92)])
def test_slower_requests_are_aborted_even_if_few_are(dose: str, least: float) -> None:
    found = Counter(result.verdict for result in results("delag", 5, kind="bad", dose=dose))
    assert found["abort"] >= least * found.total() > 20


def test_one_pod_a_side_aborts_nothing_and_says_what_it_takes() -> None:
    for result in results("nezha", 3):
        assert result.verdict == "continue"
        assert "it takes two" in result.text


def test_a_healthy_fleet_without_a_profile_is_not_aborted() -> None:
    assert {result.verdict for result in results("instances", 8)} == {"continue"}
