"""Allowances: what is spent comes back with time, and of those who spend only so many are known."""

from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.allowances import MOST_KNOWN, Allowances

PARTS = st.floats(0, 120, allow_nan=False)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_what_is_spent_comes_back_with_time() -> None:
    clock = Clock()
    allowances = Allowances(60, 10, clock)
    for _ in range(10):
        assert allowances.wait("ada") == 0
        allowances.spend("ada")
    assert allowances.wait("ada") == 1
    assert allowances.wait("grace") == 0
    clock.now += 1
    assert allowances.wait("ada") == 0
    clock.now += 1_000_000
    allowances.spend("ada", 10)
    assert allowances.wait("ada") == 1  # it was full, and no fuller


def test_nothing_is_too_dear_for_a_full_one_but_it_is_paid_off() -> None:
    clock = Clock()
    allowances = Allowances(60, 10, clock)
    allowances.spend("ada", 70)
    assert allowances.wait("ada") == 61
    clock.now += 60
    assert allowances.wait("ada") == 1


def test_who_spent_least_lately_is_forgotten() -> None:
    allowances = Allowances(60, 1, Clock())
    allowances.spend("ada", 100)
    for number in range(MOST_KNOWN - 1):
        allowances.spend(number)
    assert allowances.wait("ada")
    allowances.spend("grace")
    assert not allowances.wait("ada")


@given(st.lists(st.tuples(PARTS, PARTS), max_size=50))
def test_never_more_is_spent_than_was_there_but_for_the_last_time(
    steps: list[tuple[float, float]],
) -> None:
    clock = Clock()
    allowances = Allowances(60, 100, clock)
    started, spent, last = clock.now, 0.0, 0.0
    for seconds, points in steps:
        clock.now += seconds
        if not allowances.wait("ada"):
            allowances.spend("ada", points)
            spent, last = spent + points, points
    assert spent - last <= 100 + (clock.now - started) + 1e-6
