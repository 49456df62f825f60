"""Checks of limits and guarantees against the limits above them, whether own or by a plan."""

from bursar.database.tables import BUDGET_OWNERS
from bursar.domain.limits import UNDER_PARENT
from bursar.domain.throughput import LIMIT_TYPES
from bursar.operations.checks.check import Check

_OWNERS = ", ".join(BUDGET_OWNERS.values())
_WITH_HELD = f"""
    WITH held AS (
        SELECT id AS budget_id, {_OWNERS} FROM budgets WHERE name IS NULL
        UNION ALL
        SELECT plan_id, {_OWNERS} FROM budget_attachments
    )
"""


def _pairs(children: str, child: str, parent: str) -> str:
    """Children and the budgets of both, of which each has one; `child` and `parent` are columns."""
    return f"""
        {children} children
        JOIN held ON held.{child} = children.id
        JOIN budgets its ON its.id = held.budget_id
        JOIN held held_above ON held_above.{parent} = children.{parent}
        JOIN budgets above ON above.id = held_above.budget_id
    """


_MODELS = """
    JOIN budget_model_limits of_model ON of_model.budget_id = its.id
    LEFT JOIN budget_model_limits above_of_model
        ON above_of_model.budget_id = above.id AND above_of_model.model = of_model.model
"""


def _team_limits() -> str:
    return " UNION ALL ".join(
        f"""
        SELECT children.id,
            format('{name} %s is above the organization''s %s', its.{name}, above.{name}) AS problem
        FROM {_pairs("teams", "team_id", "organization_id")} WHERE its.{name} > above.{name}
        """
        for name in UNDER_PARENT
    )


def _team_model_limits() -> str:
    return " UNION ALL ".join(
        f"""
        SELECT children.id, format('{name} %s of model %s is above the organization''s %s',
            of_model.{name}, of_model.model, coalesce(above_of_model.{name}, above.{name})) AS problem
        FROM {_pairs("teams", "team_id", "organization_id")} {_MODELS}
        WHERE of_model.{name} > coalesce(above_of_model.{name}, above.{name})
        """
        for name in UNDER_PARENT
    )


def _guarantees(children: str, child: str, parent: str) -> str:
    pairs = _pairs(children, child, parent)
    return " UNION ALL ".join(
        f"""
        SELECT children.{parent} AS id, format('{name} guaranteed below it is %s, above its %s',
            sum(its.{name}), min(above.{name})) AS problem
        FROM {pairs} WHERE children.{kind} = 'GUARANTEED'
        GROUP BY children.{parent} HAVING sum(its.{name}) > min(above.{name})
        UNION ALL
        SELECT children.{parent}, format('{name} of model %s guaranteed below it is %s, above its %s',
            of_model.model, sum(of_model.{name}), min(coalesce(above_of_model.{name}, above.{name})))
        FROM {pairs} {_MODELS} WHERE children.{kind} = 'GUARANTEED'
        GROUP BY children.{parent}, of_model.model
        HAVING sum(of_model.{name}) > min(coalesce(above_of_model.{name}, above.{name}))
        """
        for name, kind in LIMIT_TYPES.items()
    )


LIMITS = (
    Check(
        "team-limits-within-organization",
        "A team's limits are within its organization's.",
        "teams",
        _WITH_HELD + _team_limits(),
    ),
    Check(
        "team-model-limits-within-organization",
        "What a team says of a model is within what its organization says of it, or of the whole.",
        "teams",
        _WITH_HELD + _team_model_limits(),
    ),
    Check(
        "guarantees-within-organization",
        "What teams are guaranteed is in sum within the limits of their organization.",
        "organizations",
        _WITH_HELD + _guarantees("teams", "team_id", "organization_id"),
    ),
    Check(
        "guarantees-within-team",
        "What keys are guaranteed is in sum within the limits of their team.",
        "teams",
        _WITH_HELD + _guarantees("api_keys", "api_key_id", "team_id"),
    ),
)
