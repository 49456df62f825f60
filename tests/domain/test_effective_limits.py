"""The tightest of limits: none is above it, and its level says it first."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.effective_limits import EffectiveLimits, LimitLevel, tightest

NAMES = EffectiveLimits.__slots__
VALUES = st.none() | st.integers(0, 5)
LEVELS = st.dictionaries(
    st.sampled_from(LimitLevel), st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES))
)


@given(LEVELS)
def test_the_tightest_is_the_least_that_is_said_and_the_nearest_that_says_it(
    levels: dict[LimitLevel, dict[str, int | None]],
) -> None:
    found = tightest(levels)
    for name in NAMES:
        said = {level: limits[name] for level, limits in levels.items() if limits[name] is not None}
        limit = getattr(found, name)
        if not said:
            assert limit is None
            continue
        assert limit.value == min(said.values())
        assert limit.level == min(
            (level for level, value in said.items() if value == limit.value),
            key=list(LimitLevel).index,
        )


def test_nothing_is_a_limit_too() -> None:
    levels = {LimitLevel.KEY: dict.fromkeys(NAMES), LimitLevel.TEAM: dict.fromkeys(NAMES, 0)}
    found = tightest(levels)
    assert (found.max_budget.value, found.max_budget.level) == (Decimal(0), LimitLevel.TEAM)
