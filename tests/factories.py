"""Things made straight in the database, valid by default, for tests to start from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from secrets import randbits, token_bytes, token_hex
from typing import Any

from sqlalchemy import bindparam, delete, update

from bursar.access.actor import Actor
from bursar.database.chains import append
from bursar.database.connections import Connection
from bursar.database.pool import Database
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import (
    BUDGET_OWNERS,
    LISTED_IN,
    SPENDERS,
    access_group_uses,
    access_groups,
    budget_attachments,
    budget_increases,
    budget_model_limits,
    budget_schedules,
    budgets,
    deleted_api_keys,
    deleted_teams,
    lifetime_spends,
    organization_members,
    organizations,
    spends,
    team_members,
    teams,
    usage_days,
    usage_events,
    users,
)
from bursar.database.tables.usage import TOKENS
from bursar.database.writes import insert_row
from bursar.domain.ids import DEFAULT_ORGANIZATION, Prefix, id_from, new_id
from bursar.domain.instants import FIRST, LAST
from bursar.domain.keys import new_secret
from bursar.domain.roles import KeyScope, OrganizationRole, PlatformRole, TeamRole
from bursar.services.attributes import columns_of
from bursar.services.key_creation import insert_key

PEPPER = b"a pepper for tests of 32 bytes or more"

_SPEND_MORE = Statement(
    update(spends)
    .where(spends.c.holder_id == bindparam("holder_id"))
    .values(spend=spends.c.spend + bindparam("more"))
)
_FORGET_LIFETIME = Statement(
    delete(lifetime_spends).where(lifetime_spends.c.holder_id == bindparam("holder_id"))
)


@dataclass(frozen=True)
class Person:
    """A user with a key, as whom the API can be asked."""

    row: Row
    secret: str
    key_id: str

    @property
    def id(self) -> str:
        return self.row.id

    @property
    def email(self) -> str:
        return self.row.email

    @property
    def actor(self) -> Actor:
        scopes = frozenset({KeyScope.MANAGE})
        return Actor(self.id, self.key_id, PlatformRole(self.row.role), scopes)


@dataclass(frozen=True)
class Key:
    """A key that the API can be asked with."""

    row: Row
    secret: str

    @property
    def id(self) -> str:
        return self.row.id


class Factory:
    """Each method makes one thing in a transaction of its own; answers its row."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._count = 0

    async def person(
        self,
        role: PlatformRole = PlatformRole.USER,
        *,
        organization: Row | None = None,
        organization_role: OrganizationRole = OrganizationRole.MEMBER,
        team: Row | None = None,
        team_role: TeamRole = TeamRole.MEMBER,
        **attributes: Any,
    ) -> Person:
        """A user with a key and, if asked, a membership in an organization and in a team."""
        self._count += 1
        given = {"name": f"User {self._count}", "email": f"user{self._count}@example.com"}
        columns = columns_of({**given, "role": role, **attributes})
        secret = new_secret()

        async def work(tx: Connection) -> Person:
            row = await insert_row(tx, users, {"id": new_id(Prefix.USER), **columns})
            key = await insert_key(tx, row.id, secret, PEPPER, {})
            return Person(row, secret, key.id)

        person = await self._database.write(work)
        if organization is not None:
            await self.organization_member(organization, person, organization_role)
        if team is not None:
            await self.team_member(team, person, team_role)
        return person

    async def api_key(
        self, person: Person | None = None, *, team: Row | None = None, **attributes: Any
    ) -> Key:
        """A key of a person, of a team's service, or of a member; without scopes with its kind's."""
        secret = new_secret()
        row = await self._database.write(
            lambda tx: insert_key(
                tx,
                person and person.id,
                secret,
                PEPPER,
                attributes,
                team_id=team and team.id,
            )
        )
        return Key(row, secret)

    async def admin(self) -> Person:
        """A platform admin."""
        return await self.person(PlatformRole.ADMIN)

    async def organization(self, **attributes: Any) -> Row:
        self._count += 1
        return await self._insert(
            organizations,
            Prefix.ORGANIZATION,
            columns_of({"name": f"Organization {self._count}", **attributes}),
        )

    async def team(self, organization: Row | None = None, **attributes: Any) -> Row:
        """A team, in the built-in organization unless another is given."""
        self._count += 1
        organization_id = DEFAULT_ORGANIZATION if organization is None else organization.id
        columns = columns_of({"name": f"Team {self._count}", **attributes})

        async def work(tx: Connection) -> Row:
            row = {"id": new_id(Prefix.TEAM), "organization_id": organization_id, **columns}
            await insert_row(tx, lifetime_spends, {"holder_id": row["id"], "spend": 0})
            return await insert_row(tx, teams, row)

        return await self._database.write(work)

    async def team_member(self, team: Row, person: Person, role: TeamRole = TeamRole.MEMBER) -> Row:
        return await self._insert(
            team_members,
            Prefix.TEAM_MEMBER,
            {"team_id": team.id, "user_id": person.id, "role": role},
        )

    async def organization_member(
        self, organization: Row, person: Person, role: OrganizationRole = OrganizationRole.MEMBER
    ) -> Row:
        return await self._insert(
            organization_members,
            Prefix.ORGANIZATION_MEMBER,
            {"organization_id": organization.id, "user_id": person.id, "role": role},
        )

    async def budget(self, owner: str, row: Row, **limits: Any) -> Row:
        """A budget of an owner, of a kind in BUDGET_OWNERS."""
        return await self._insert(budgets, Prefix.BUDGET, {BUDGET_OWNERS[owner]: row.id, **limits})

    async def model_limit(self, budget: Row, model: str, **limits: Any) -> None:
        columns = {"budget_id": budget.id, "model": model, **limits}
        await self._database.write(lambda tx: insert_row(tx, budget_model_limits, columns))

    async def spend_of(
        self,
        holder_id: str,
        spend: int | str,
        *,
        model: str = "",
        since: datetime = FIRST,
        starts_at: datetime = FIRST,
        ends_at: datetime = LAST,
    ) -> None:
        """What a holder spent in a period, by default the one that was ever; not its lifetime's."""
        period = {"since": since, "starts_at": starts_at, "ends_at": ends_at}
        columns = {"holder_id": holder_id, "model": model, **period, "spend": Decimal(spend)}
        await self._database.write(lambda tx: insert_row(tx, spends, columns))

    async def spend_more(self, holder_id: str, spend: int) -> None:
        """Add to all that a holder spent in periods."""
        await self._database.write(lambda tx: tx.one(_SPEND_MORE, holder_id=holder_id, more=spend))

    async def lifetime_spend_of(self, holder_id: str, spend: int | str) -> None:
        async def work(tx: Connection) -> None:
            await tx.one(_FORGET_LIFETIME, holder_id=holder_id)
            columns = {"holder_id": holder_id, "spend": Decimal(spend)}
            await insert_row(tx, lifetime_spends, columns)

        await self._database.write(work)

    async def increase(self, owner: str, holder: Row, amount: Decimal, until: datetime) -> None:
        """A temporary increase of what an owner, of a kind in SPENDERS, may spend."""
        columns = {SPENDERS[owner]: holder.id, "amount": amount, "until": until}
        await self._database.write(lambda tx: insert_row(tx, budget_increases, columns))

    async def schedule(self, owner: str, holder: Row, starts_at: datetime) -> None:
        """Since when the periods of an owner's budget, of a kind in SPENDERS, are months."""
        terms = {"starts_at": starts_at, "duration": "1mo", "timezone": "UTC"}
        columns = {SPENDERS[owner]: holder.id, **terms}
        await self._database.write(lambda tx: insert_row(tx, budget_schedules, columns))

    async def deleted_api_key(
        self, *, organization: Row | None = None, team: Row | None = None, **columns: Any
    ) -> Row:
        """What the archive keeps of a key, of a team in an organization if they are given."""
        places = {
            "organization_id": organization and organization.id,
            "team_id": team and team.id,
        }
        return await self._insert(
            deleted_api_keys, Prefix.API_KEY, {"state": {}, **places, **columns}
        )

    async def deleted_team(self, organization: Row, **attributes: Any) -> Row:
        """What the archive keeps of a team of an organization."""
        self._count += 1
        columns = columns_of({"name": f"Team {self._count}", **attributes})
        places = {"organization_id": organization.id, "state": {}}
        return await self._insert(deleted_teams, Prefix.TEAM, {**places, **columns})

    async def plan(self, name: str | None = None, **limits: Any) -> Row:
        """A budget with a name, which nothing has yet."""
        self._count += 1
        named = columns_of({"name": name or f"Plan {self._count}"})
        return await self._insert(budgets, Prefix.BUDGET, {**named, **limits})

    async def access_group(
        self, name: str | None = None, *, models: Sequence[str] = (), **columns: Any
    ) -> Row:
        """A group of models, which nothing names yet."""
        self._count += 1
        named = columns_of({"name": name or f"group-{self._count}"})
        return await self._insert(
            access_groups, Prefix.ACCESS_GROUP, {**named, "models": list(models), **columns}
        )

    async def access_group_use(self, group: Row, owner: str, owner_id: str) -> None:
        """Note that the list of an owner, of a kind in LISTED_IN, names the group, as it does."""
        columns = {"group_id": group.id, LISTED_IN[owner]: owner_id}
        await self._database.write(lambda tx: insert_row(tx, access_group_uses, columns))

    async def attachment(self, plan: Row, owner: str, owner_id: str) -> None:
        """Give a plan to an owner, of a kind in BUDGET_OWNERS, which has no budget."""
        columns = {"plan_id": plan.id, BUDGET_OWNERS[owner]: owner_id}
        await self._database.write(lambda tx: insert_row(tx, budget_attachments, columns))

    async def audit_entry(
        self,
        thing: Row,
        *,
        organization: Row | None = None,
        team: Row | None = None,
        **columns: Any,
    ) -> Row:
        """A change of a thing, in an organization and a team if they are given."""
        places = {
            "organization_id": organization and organization.id,
            "team_id": team and team.id,
        }
        given = {"id": new_id(Prefix.AUDIT_ENTRY), "action": "team.update", "object_id": thing.id}
        entry = given | places | columns

        async def work(tx: Connection) -> Row:
            await append(tx, [entry])
            return await tx.raw.fetchrow("SELECT * FROM audit_entries WHERE id = $1", entry["id"])

        return await self._database.write(work)

    async def usage_event(self, key: Row, at: datetime | None = None, **columns: Any) -> Row:
        """A call with a key, now if nothing is said, that counts by day but in no spend."""
        at = at or datetime.now(UTC)
        moment = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
        given = {
            "api_key_id": key.id,
            "user_id": key.user_id,
            "team_id": key.team_id,
            "model": "gpt-5",
            **dict.fromkeys(TOKENS, 0),
            **columns,
        }
        cost, success = given.pop("cost", Decimal(1)), given.pop("success", True)

        async def work(tx: Connection) -> Row:
            if key.team_id is not None and "organization_id" not in given:
                team = await tx.raw.fetchrow("SELECT * FROM teams WHERE id = $1", key.team_id)
                given["organization_id"] = team["organization_id"]
            event = {
                "id": id_from(Prefix.USAGE_EVENT, moment << 80 | randbits(74)),
                "request_id": f"request-{token_hex(8)}",
                "at": at,
                "recorded_at": at,
                "cost": cost,
                "success": success,
            }
            day = {
                "day": at.date(),
                "dimensions": token_bytes(16),
                "spend": cost,
                "requests": 1,
                "successes": int(success),
            }
            rest = {name: value for name, value in given.items() if name != "request_id"}
            await insert_row(tx, usage_days, {**rest, **day})
            return await insert_row(tx, usage_events, {**event, **given})

        return await self._database.write(work)

    async def row(self, table: Any, **columns: Any) -> None:
        """A row of a table that has no method of its own here."""
        await self._database.write(lambda tx: insert_row(tx, table, columns))

    async def _insert(self, table: Any, prefix: Prefix, columns: dict[str, Any]) -> Row:
        return await self._database.write(
            lambda tx: insert_row(tx, table, {"id": new_id(prefix), **columns})
        )
