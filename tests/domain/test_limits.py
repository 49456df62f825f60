"""Limits: what results of changes, what is above a parent, and what is wider than a default."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.limits import (
    COLUMNS,
    FIELDS,
    NO_LIMITS,
    UNDER_PARENT,
    Limits,
    ModelLimit,
    bound_of,
    exceeding,
    place_in,
    problem_with_literal,
    problems_with_budget,
    raising,
    resulting,
)

MODELS = ("a", "b", "c")
COUNTS = st.none() | st.integers(0, 4)
MODEL_LIMITS = st.lists(
    st.builds(ModelLimit, st.sampled_from(MODELS), COUNTS, COUNTS, COUNTS),
    unique_by=lambda limit: limit.model,
)


@st.composite
def budgets(draw: st.DrawFn) -> Limits:
    numbers = {name: draw(COUNTS) for name in (*UNDER_PARENT, "max_parallel_requests")}
    return {**NO_LIMITS, **numbers, "model_limits": draw(MODEL_LIMITS)}


def binding(limits: Limits, model: str, name: str) -> float:
    """What a budget lets through of a model: its own limit of it, or else of the whole."""
    of_model = {each.model: getattr(each, name) for each in limits["model_limits"]}.get(model)
    value = limits[name] if of_model is None else of_model
    return float("inf") if value is None else value


@given(budgets(), budgets())
def test_what_exceeds_a_parent_is_each_limit_that_is_said_and_above_what_the_parent_says(
    limits: Limits, parent: Limits
) -> None:
    said: dict[Any, Any] = {
        (name,): (limits[name], "", name) for name in UNDER_PARENT if limits[name] is not None
    }
    for place, each in enumerate(limits["model_limits"]):
        for name in UNDER_PARENT:
            if getattr(each, name) is not None:
                said["model_limits", place, name] = (getattr(each, name), each.model, name)
    above = {
        path for path, (value, model, name) in said.items() if value > binding(parent, model, name)
    }
    found = {problem.path[1:]: problem for problem in exceeding(limits, parent, "x", level="team")}
    assert found.keys() == above
    for path, problem in found.items():
        value, model, name = said[path]
        assert problem.data["requested"] == value
        assert problem.data["limit"] == Decimal(binding(parent, model, name))


@given(budgets())
def test_nothing_exceeds_its_own_limits_unless_a_model_is_wider_than_the_whole(
    limits: Limits,
) -> None:
    assert not list(exceeding(limits, limits, level="team"))
    assert not list(exceeding(None, limits, level="team"))
    assert not list(exceeding(limits, None, level="team"))


@given(budgets(), budgets(), st.sampled_from(MODELS), st.sampled_from(UNDER_PARENT))
def test_within_a_parent_no_model_that_is_named_has_more_than_the_parent_lets_through(
    limits: Limits, parent: Limits, model: str, name: str
) -> None:
    named = [each for each in limits["model_limits"] if each.model == model]
    if named and getattr(named[0], name) is not None:
        if not list(exceeding(limits, parent, level="team")):
            assert binding(limits, model, name) <= binding(parent, model, name)
        bound = bound_of(limits, model, name)
        assert bound == getattr(named[0], name)


@given(budgets(), st.none() | budgets(), budgets())
def test_what_is_not_raised_is_no_wider_than_the_default_or_what_was_stored(
    limits: Limits, stored: Limits | None, default: Limits
) -> None:
    refused = {problem.path[0] for problem in raising(limits, stored, default)}
    for name in UNDER_PARENT:
        before = stored or default
        if name not in refused:
            whole = max(binding(default, "", name), binding(before, "", name))
            assert binding(limits, "", name) <= whole
        if "model_limits" not in refused:
            for model in {each.model for each in default["model_limits"]}:
                most = max(binding(default, model, name), binding(before, model, name))
                assert binding(limits, model, name) <= most


@given(budgets(), budgets())
def test_to_keep_what_is_stored_or_the_default_is_never_to_raise_it(
    stored: Limits, default: Limits
) -> None:
    assert not list(raising(stored, stored, default))
    assert not list(raising(default, stored, default))
    assert not list(raising(default, None, default))
    assert not list(raising(stored, None, None))


@given(budgets(), MODEL_LIMITS)
def test_changes_of_models_replace_them_all_and_leave_the_rest(
    stored: Limits, models: list[ModelLimit]
) -> None:
    changed = resulting(stored, {"model_limits": [each._asdict() for each in models]})
    assert changed == {**stored, "model_limits": models}
    assert resulting(stored, {}) == stored
    assert resulting(stored, {"model_limits": None}) == {**stored, "model_limits": []}
    assert resulting(stored, None) is None
    kept = resulting({**stored, "plan_id": "x"}, {"rpm_limit": 1})
    assert kept == {**stored, "rpm_limit": 1}


def test_the_columns_and_the_models_are_all_there_is() -> None:
    assert (*COLUMNS, "model_limits") == FIELDS
    assert NO_LIMITS.keys() == set(FIELDS)


@pytest.mark.parametrize(
    ("changes", "name", "model", "place"),
    [
        ({"rpm_limit": 1}, "rpm_limit", None, ("rpm_limit",)),
        ({"rpm_limit": 1}, "rpm_limit", "a", ("rpm_limit",)),
        ({}, "rpm_limit", None, ("rpm_limit",)),
        (
            {"model_limits": [{"model": "b"}, {"model": "a"}]},
            "rpm_limit",
            "a",
            ("model_limits", 1, "rpm_limit"),
        ),
        ({"model_limits": []}, "rpm_limit", "a", ("model_limits",)),
        ({"model_limits": None, "rpm_limit": 1}, "rpm_limit", "a", ("rpm_limit",)),
    ],
)
def test_a_limit_is_placed_where_the_changes_say_it(
    changes: Any, name: str, model: str | None, place: tuple[Any, ...]
) -> None:
    assert place_in(changes, name, model) == place


@pytest.mark.parametrize("model", ["gpt-5", "openai/gpt-5", "grp:x", "m" * 256, "模型"])
def test_names_of_models_are_good(model: str) -> None:
    assert problem_with_literal(model) is None


@pytest.mark.parametrize(
    "model", ["", "*", "gpt-*", "group:cheap", "m" * 257, "a b", "a\0", "\ud800"]
)
def test_what_is_no_name_of_one_model_is_refused(model: str) -> None:
    assert problem_with_literal(model)
    (problem,) = problems_with_budget({"model_limits": [{"model": model}]}, "budget")
    assert problem.path == ("budget", "model_limits", 0, "model")
