"""Limits of models by budget, and for each key the tightest of all limits that bind it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache

from sqlalchemy import (
    ColumnElement,
    FromClause,
    and_,
    any_,
    case,
    func,
    literal,
    or_,
    select,
    union_all,
)

from bursar.access.actor import Sight
from bursar.access.visibility import visible_api_keys
from bursar.access.visible_budgets import visible_budgets, visible_holders
from bursar.database.given import as_text
from bursar.database.held import Held
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import (
    api_keys,
    budget_attachments,
    budget_model_limits,
    budgets,
    organization_members,
    team_members,
    teams,
)
from bursar.domain.effective_limits import EffectiveLimits, LimitLevel, tightest
from bursar.loaders.reader import Reader
from bursar.loaders.rows import KEYS


async def model_limits_by_budget(reader: Reader, keys: Sequence[str], /) -> dict[str, list[Row]]:
    """The limits of models of each budget that is seen where it is in force, by the model."""
    found: dict[str, list[Row]] = {key: [] for key in keys}
    for row in await reader.all(_model_limits(reader.actor.sight), keys=as_text(keys)):
        found[row.budget_id].append(row)
    return found


async def effective_limits_by_api_key(
    reader: Reader, keys: Sequence[str], /
) -> dict[str, EffectiveLimits]:
    """What binds each key that the actor sees, also by limits of levels that the actor does not."""
    found: dict[str, dict[LimitLevel, Row]] = defaultdict(dict)
    for row in await reader.all(_limits_of_keys(reader.actor.sight), keys=as_text(keys)):
        found[row.api_key_id][LimitLevel(row.level)] = row
    return {key: tightest(levels) for key, levels in found.items()}


@cache
def _model_limits(sight: Sight) -> Statement:
    in_force = select(budget_attachments.c.plan_id).where(
        budget_attachments.c.plan_id == budgets.c.id, visible_holders(sight, budget_attachments)
    )
    return Statement(
        select(budget_model_limits)
        .join(budgets, budgets.c.id == budget_model_limits.c.budget_id)
        .where(
            budget_model_limits.c.budget_id == any_(KEYS),
            or_(visible_budgets(sight), in_force.exists()),
        )
        .order_by(budget_model_limits.c.budget_id, budget_model_limits.c.model)
    )


@cache
def _limits_of_keys(sight: Sight) -> Statement:
    """For each level the limits in force there; for that of a key a row whether it has any or not."""
    return Statement(
        union_all(
            *(
                select(
                    api_keys.c.id.label("api_key_id"),
                    literal(level).label("level"),
                    *(budgets.c[name] for name in EffectiveLimits.__slots__),
                )
                .select_from(
                    source.join(budgets, budgets.c.id == budget_id, isouter=level is LimitLevel.KEY)
                )
                .where(visible_api_keys(sight), api_keys.c.id == any_(KEYS))
                for level, source, budget_id in _levels()
            )
        )
    )


def _levels() -> Iterator[tuple[LimitLevel, FromClause, ColumnElement[str]]]:
    """Each level, the keys beside what they have of it, and the id of the budget in force there."""
    its_team = api_keys.join(teams, teams.c.id == api_keys.c.team_id)
    in_organization = its_team.join(
        organization_members,
        and_(
            organization_members.c.organization_id == teams.c.organization_id,
            organization_members.c.user_id == api_keys.c.user_id,
        ),
    )
    of_user = case((api_keys.c.team_id.is_(None), api_keys.c.user_id))
    for level, owner, keys, holder in (
        (LimitLevel.KEY, "api_key", api_keys, api_keys.c.id),
        (
            LimitLevel.ORGANIZATION_MEMBER,
            "organization_member",
            in_organization,
            organization_members.c.id,
        ),
        (LimitLevel.TEAM, "team", api_keys, api_keys.c.team_id),
        (LimitLevel.ORGANIZATION, "organization", its_team, teams.c.organization_id),
        (LimitLevel.USER, "user", api_keys, of_user),
    ):
        held = Held(owner)
        yield level, held.beside(keys, holder), held.id
    own, default = Held("team_member"), Held("team_default")
    in_team = api_keys.join(
        team_members,
        and_(
            team_members.c.team_id == api_keys.c.team_id,
            team_members.c.user_id == api_keys.c.user_id,
        ),
    )
    beside = default.beside(own.beside(in_team, team_members.c.id), team_members.c.team_id)
    yield LimitLevel.TEAM_MEMBER, beside, func.coalesce(own.id, default.id)
