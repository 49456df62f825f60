"""The statement behind decisions: all that binds any number of keys for the models asked about.

Which budget is in force, whose lists bind, and what is spent in the period that runs is all found in
SQL. Everything beside a key is a lateral look-up of at most one row, so that PostgreSQL goes from index
to index in the order that is written here, and does not think of how to join thirty tables.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    FromClause,
    Integer,
    Label,
    LargeBinary,
    Numeric,
    Text,
    and_,
    bindparam,
    case,
    column,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import array

from bursar.database.spending import spent_now
from bursar.database.statements import Statement
from bursar.database.tables import (
    BUDGET_OWNERS,
    SPENDERS,
    access_group_uses,
    access_groups,
    api_keys,
    budget_attachments,
    budget_increases,
    budget_model_limits,
    budgets,
    organization_members,
    organizations,
    team_members,
    teams,
    users,
)
from bursar.domain.effective_limits import LimitLevel

ONE: ColumnElement[int] = literal_column("1")
NOTHING: ColumnElement[int] = literal_column("0")


def holder_of(level: LimitLevel) -> str:
    """The column with whose budget is in force at a level; null if none is."""
    return f"{level}_holder"


def amounts_of(level: LimitLevel) -> str:
    """The column with the numbers of that budget, in the order of LevelBudget."""
    return f"{level}_amounts"


@cache
def by_secret() -> Statement:
    """Asked with hashes; a secret before the last counts while its grace lasts."""
    asked = _asked(LargeBinary)
    current, previous = api_keys.alias("current"), api_keys.alias("previous")
    in_grace = previous.c.previous_until > func.now()
    return _of_keys(
        asked,
        func.coalesce(
            _one(current, current.c.id, current.c.secret_hash == asked.c.key),
            _one(previous, previous.c.id, previous.c.previous_hash == asked.c.key, in_grace),
        ),
    )


@cache
def by_id() -> Statement:
    asked = _asked(Text)
    return _of_keys(asked, asked.c.key)


def _asked(kind: type[LargeBinary | Text]) -> FromClause:
    """What is asked: numbers, beside each a model and how the key is found."""
    numbers: BindParameter[Any] = bindparam("numbers", type_=ARRAY(Integer))
    models: BindParameter[Any] = bindparam("models", type_=ARRAY(Text))
    keys: BindParameter[Any] = bindparam("keys", type_=ARRAY(kind))
    columns = column("number", Integer), column("model", Text), column("key", kind)
    # Not the arrays themselves: PostgreSQL would count them, and plan for a few keys anew each time.
    uncounted = (select(each).scalar_subquery() for each in (numbers, models, keys))
    return func.unnest(*uncounted).table_valued(*columns).render_derived("asked")


def _of_keys(asked: FromClause, key_id: ColumnElement[str]) -> Statement:
    key = _the(api_keys, "the_key", api_keys.c.id == key_id)
    user = _the(users, "the_user", users.c.id == key.c.user_id)
    team = _the(teams, "the_team", teams.c.id == key.c.team_id)
    organization = _the(
        organizations, "the_organization", organizations.c.id == team.c.organization_id
    )
    member = _the(
        team_members,
        "the_member",
        team_members.c.team_id == key.c.team_id,
        team_members.c.user_id == key.c.user_id,
    )
    organization_member = _the(
        organization_members,
        "the_organization_member",
        organization_members.c.organization_id == team.c.organization_id,
        organization_members.c.user_id == key.c.user_id,
    )
    model = func.coalesce(team.c.model_aliases.op("->>")(asked.c.model), asked.c.model)
    personal = case((key.c.team_id.is_(None), key.c.user_id))
    holders = {
        LimitLevel.KEY: ("api_key", key.c.id),
        LimitLevel.TEAM_MEMBER: ("team_member", member.c.id),
        LimitLevel.ORGANIZATION_MEMBER: ("organization_member", organization_member.c.id),
        LimitLevel.TEAM: ("team", key.c.team_id),
        LimitLevel.ORGANIZATION: ("organization", team.c.organization_id),
        LimitLevel.USER: ("user", personal),
    }
    source = asked.join(key, true())
    for beside in (user, team, organization, member, organization_member):
        source = source.outerjoin(beside, true())
    columns: list[ColumnElement[Any]] = []
    for level, (owner, holder) in holders.items():
        budget = _in_force(level, owner, holder, key.c.team_id, model)
        source = source.outerjoin(budget, true())
        columns += budget.c
    return Statement(
        select(
            asked.c.number,
            *(key.c[name] for name in ("id", "alias", "user_id", "team_id", "scopes", "blocked")),
            func.coalesce(key.c.expires_at <= func.now(), False).label("expired"),
            *(key.c.models, key.c.allow_none),
            *_labelled("user", user, "name", "blocked", "models", "allow_none"),
            *_labelled("team", team, "name", "blocked", "models", "allow_none"),
            *_labelled("organization", organization, "id", "name", "models", "allow_none"),
            model.label("model"),
            _groups(key.c.id, personal, key.c.team_id, team.c.organization_id),
            *columns,
        ).select_from(source)
    )


def _the(table: FromClause, name: str, *conditions: ColumnElement[bool]) -> FromClause:
    """The one row, looked up beside each that is there already."""
    return select(table).where(*conditions).limit(ONE).correlate_except(table).lateral(name)


def _one(
    table: FromClause, wanted: ColumnElement[Any], *conditions: ColumnElement[bool]
) -> ColumnElement[Any]:
    """A value of the one row; where several are tried in turn, only until one is there."""
    return select(wanted).where(*conditions).limit(ONE).correlate_except(table).scalar_subquery()


def _labelled(prefix: str, table: FromClause, *names: str) -> Iterator[Label[Any]]:
    return (table.c[name].label(f"{prefix}_{name}") for name in names)


def _groups(
    key: ColumnElement[str],
    user: ColumnElement[str],
    team: ColumnElement[str],
    organization: ColumnElement[str],
) -> Label[Any]:
    """The access groups that the lists name which bind the key."""
    uses = access_group_uses.c
    binding = or_(
        uses.api_key_id == key,
        uses.user_id == user,
        uses.team_id == team,
        uses.organization_id == organization,
    )
    named = access_group_uses.join(access_groups, access_groups.c.id == uses.group_id)
    return (
        select(func.jsonb_object_agg(access_groups.c.name, access_groups.c.models))
        .select_from(named)
        .where(binding)
        .correlate_except(access_group_uses, access_groups)
        .scalar_subquery()
        .label("groups")
    )


def _in_force(
    level: LimitLevel,
    owner: str,
    holder: ColumnElement[str],
    team_id: ColumnElement[str],
    model: ColumnElement[str],
) -> FromClause:
    """The budget in force for a holder, with what the asked model may have of it and what is spent.

    It is the own one, that of the plan or, for a member, the one that the team gives its members.
    """
    ids = [*_ids(owner, holder)]
    if owner == "team_member":
        ids += _ids("team_default", case((holder.is_not(None), team_id)))
    limits, of_model = budgets.c, budget_model_limits.c
    counted = or_(limits.max_budget.is_not(None), limits.soft_budget.is_not(None))
    increases = budget_increases.c
    increase = _one(
        budget_increases,
        increases.amount,
        increases[SPENDERS[owner]] == holder,
        increases.until > func.now(),
    )
    # As the fields of LevelBudget, in their order.
    amounts = (
        limits.max_budget,
        limits.soft_budget,
        limits.tpm_limit,
        limits.rpm_limit,
        limits.max_parallel_requests,
        case((counted, spent_now(owner, holder)), else_=NOTHING),
        case((limits.max_budget.is_not(None), func.coalesce(increase, NOTHING)), else_=NOTHING),
        of_model.max_budget,
        of_model.tpm_limit,
        of_model.rpm_limit,
        case((of_model.max_budget.is_not(None), spent_now(owner, holder, model)), else_=NOTHING),
    )
    names_model = and_(of_model.budget_id == limits.id, of_model.model == model)
    return (
        select(
            holder.label(holder_of(level)),
            array(amounts, type_=Numeric).label(amounts_of(level)),
        )
        .select_from(budgets.outerjoin(budget_model_limits, names_model))
        .where(limits.id == func.coalesce(*ids))
        .limit(ONE)
        .correlate_except(budgets, budget_model_limits)
        .lateral(f"budget_of_{level}".lower())
    )


def _ids(owner: str, holder: ColumnElement[str]) -> Iterator[ColumnElement[str]]:
    own, given = budgets.alias(f"own_of_{owner}"), BUDGET_OWNERS[owner]
    yield _one(own, own.c.id, own.c[given] == holder)
    yield _one(
        budget_attachments, budget_attachments.c.plan_id, budget_attachments.c[given] == holder
    )
