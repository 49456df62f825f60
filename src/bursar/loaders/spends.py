"""What holders of budgets have spent: in the period that runs, in those before it, and ever."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    and_,
    any_,
    cast,
    func,
    literal_column,
    null,
    or_,
    select,
)

from bursar.access.actor import Sight
from bursar.access.visibility import (
    visible_api_keys,
    visible_teams,
    whole_organizations,
    whole_users,
)
from bursar.access.visible_budgets import (
    visible_member_budgets,
    visible_organization_member_budgets,
)
from bursar.database.columns import IDENTIFIER, MONEY
from bursar.database.given import as_text
from bursar.database.spending import spent_now
from bursar.database.statements import Statement
from bursar.database.tables import (
    SPENDERS,
    api_keys,
    budget_increases,
    budget_model_limits,
    budget_schedules,
    lifetime_spends,
    organization_members,
    organizations,
    spends,
    team_members,
    teams,
    users,
)
from bursar.loaders.pages import Listing
from bursar.loaders.reader import Reader
from bursar.loaders.rows import KEYS

_EVER: ColumnElement[Any] = literal_column("'-infinity'::timestamptz")
_NOTHING = cast(literal_column("0"), MONEY)


class Spent:
    """What each holder of a kind has spent of a budget, as it is joined into a statement.

    All is looked up holder by holder, in the statement that finds the budget, and what is not wanted
    is not looked up.
    """

    def __init__(self, owner: str, holder: Column[str], budget_id: ColumnElement[str]) -> None:
        self._holder = holder
        entry, increased, mine = budget_schedules.c, budget_increases.c, SPENDERS[owner]
        self._since = (
            select(func.nullif(func.max(entry.starts_at), _EVER))
            .where(entry[mine] == holder, entry.starts_at <= func.now())
            .scalar_subquery()
        )
        self._amount, self._until = (
            select(column)
            .where(increased[mine] == holder, increased.until > func.now())
            .limit(literal_column("1"))
            .scalar_subquery()
            for column in (increased.amount, increased.until)
        )
        self.spend = spent_now(owner, holder)
        self.increase = func.coalesce(self._amount, _NOTHING)
        self._models = _models(budget_id, spent_now(owner, holder, budget_model_limits.c.model))

    def columns(self) -> list[ColumnElement[Any]]:
        return [
            self._holder.label("holder_id"),
            self._since.label("since"),
            self.spend.label("spend"),
            lifetime_of(self._holder).label("lifetime_spend"),
            self._amount.label("increase_amount"),
            self._until.label("increase_until"),
            self._models,
        ]


def unspent(budget_id: ColumnElement[str]) -> list[ColumnElement[Any]]:
    """The same columns for what nothing is spent of, as a default for others has none of its own."""
    return [
        cast(null(), IDENTIFIER).label("holder_id"),
        cast(null(), spends.c.since.type).label("since"),
        _NOTHING.label("spend"),
        _NOTHING.label("lifetime_spend"),
        cast(null(), MONEY).label("increase_amount"),
        cast(null(), spends.c.since.type).label("increase_until"),
        _models(budget_id, _NOTHING),
    ]


def _models(budget_id: ColumnElement[str], spend: ColumnElement[Any]) -> ColumnElement[Any]:
    """The models that a budget limits the money of, each with the limit and what is spent on it."""
    limit = budget_model_limits.c
    limited = (
        select(func.row(limit.model, limit.max_budget, spend))
        .where(limit.budget_id == budget_id, limit.max_budget.is_not(None))
        .order_by(limit.model)
    )
    return func.array(limited.scalar_subquery()).label("models")


def lifetime_of(holder: ColumnElement[str]) -> ColumnElement[Any]:
    ever = select(lifetime_spends.c.spend).where(lifetime_spends.c.holder_id == holder)
    return func.coalesce(ever.scalar_subquery(), _NOTHING)


class LifetimeSpends:
    """What each holder of a kind ever spent, for holders whose budget the actor may see."""

    def __init__(self, id_: Column[str], visible: Callable[[Sight], ColumnElement[bool]]) -> None:
        query = select(id_.label("id"), lifetime_of(id_).label("spend")).where(id_ == any_(KEYS))
        self._statement = cache(lambda sight: Statement(query.where(visible(sight))))

    async def __call__(self, reader: Reader, keys: Sequence[str], /) -> dict[str, Any]:
        rows = await reader.all(self._statement(reader.actor.sight), keys=as_text(keys))
        return {row.id: row.spend for row in rows}


lifetime_spends_by_organization = LifetimeSpends(organizations.c.id, whole_organizations)
lifetime_spends_by_organization_member = LifetimeSpends(
    organization_members.c.id, visible_organization_member_budgets
)
lifetime_spends_by_team = LifetimeSpends(teams.c.id, visible_teams)
lifetime_spends_by_team_member = LifetimeSpends(team_members.c.id, visible_member_budgets)
lifetime_spends_by_user = LifetimeSpends(users.c.id, whole_users)
lifetime_spends_by_api_key = LifetimeSpends(api_keys.c.id, visible_api_keys)

# Where the schedule changed while the period ran, or after it had.
_changed = (
    select(func.min(budget_schedules.c.starts_at))
    .where(
        or_(*(budget_schedules.c[column] == spends.c.holder_id for column in SPENDERS.values())),
        budget_schedules.c.starts_at > func.greatest(spends.c.since, spends.c.starts_at),
    )
    .scalar_subquery()
)
# The periods of a holder that are over, for who has found its budget: that tells whose they are.
past_periods_by_holder = Listing(
    spends.c.starts_at,
    lambda _: and_(
        spends.c.model == literal_column("''"),
        or_(spends.c.ends_at <= func.now(), _changed <= func.now()),
    ),
    lambda _: [
        spends.c.since,
        spends.c.starts_at,
        func.least(spends.c.ends_at, _changed).label("ends_at"),
        spends.c.spend,
    ],
    parent=spends.c.holder_id,
    orders={"since": spends.c.since},
    default=(("since", True),),
)
