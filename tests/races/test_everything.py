"""Everything at once: whatever many change at the same moment, the doctor finds that all rules hold."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.database.embedded import EmbeddedPostgres
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.domain.roles import KeyScope, MemberPermission, OrganizationRole
from bursar.operations import doctor
from factories import Factory, Key, Person
from reports import event

AT_ONCE, CALLS = 20, 5
# Whose key is gone, and who found a row locked for too long, is told so.
TOLD = {"UNAUTHENTICATED", "OVERLOADED"}
TABLES = ("organizations", "organization_members", "teams", "team_members", "users", "api_keys")


class Deeds:
    """What might be done to what there is, all of it drawn from one seed."""

    def __init__(self, seed: int, kept: set[str], plans: list[str], groups: list[str]) -> None:
        self.random, self._kept = Random(seed), kept  # noqa: S311 (repeatable, and no secret)
        self._plans, self._groups = plans, groups
        self._rows: dict[str, list[asyncpg.Record]] = {}

    async def look(self, owner: asyncpg.Connection) -> None:
        for table in TABLES:
            rows = await owner.fetch(f"SELECT * FROM {table} ORDER BY id")
            self._rows[table] = [row for row in rows if row["id"] not in self._kept]

    def one(self) -> tuple[str, dict[str, Any]]:
        return self.random.choice([*self._all()])

    def calls(self) -> list[dict[str, Any]]:
        """Calls of keys, now or up to three days ago."""
        return [
            event(
                f"request-{self.random.random()}",
                keyId=self._id("api_keys"),
                model=self._pick("a", "b"),
                at=datetime.now(UTC) - timedelta(hours=self._pick(0, 0, 1, 30, 60)),
            )
            for _ in range(CALLS)
        ]

    def _all(self) -> Iterator[tuple[str, dict[str, Any]]]:
        team, user, key = (self._id(table) for table in ("teams", "users", "api_keys"))
        organization = self._pick(self._id("organizations"), DEFAULT_ORGANIZATION)
        member = self._row("team_members")
        of_team = {"teamId": member["team_id"], "userId": member["user_id"]}
        of_organization = {"organizationId": organization, "members": [{"userId": user}]}
        holder = {"holderId": self._id(self._pick(*TABLES))}
        plan, group = self._pick(*self._plans), self._pick(*self._groups)
        kinds = {"rpmLimitType": self._pick("GUARANTEED", "BEST_EFFORT")}
        new = {"addToOrganization": True, "members": [{"userId": user, "budget": self._budget()}]}
        until = (datetime.now(UTC) + timedelta(days=1)).isoformat()

        yield "organizationUpdate", {"id": organization, "budget": self._budget()}
        yield "organizationUpdate", {"id": organization, "models": self._models()}
        yield "organizationMembersAdd", of_organization
        yield "organizationMembersRemove", of_organization
        yield "teamCreate", {"name": "T", "organizationId": organization, **kinds, **new}
        yield "teamUpdate", {"id": team, "budget": self._budget(), **kinds}
        yield "teamUpdate", {"id": team, "models": self._models()}
        yield "teamMove", {"id": team, "organizationId": organization, "addToOrganization": True}
        yield "teamMemberBudgetUpdate", {"teamId": team, "budget": self._budget()}
        yield "teamModelsRemove", {"id": team, "models": ["a", "*"], "allowNone": True}
        yield "teamMembersAdd", {"teamId": team, **new}
        yield "teamMembersAdd", {"teamId": team, "allUsers": True}
        yield "teamMemberUpdate", {**of_team, "role": self._pick("ADMIN", "MEMBER")}
        yield "teamMemberUpdate", {**of_team, "budget": self._budget()}
        yield "teamMembersRemove", {"teamId": member["team_id"], "members": [{"userId": user}]}
        yield "teamJoin", {"teamId": team}
        yield "teamsDelete", {"ids": [team]}
        yield "userUpdate", {"id": user, "budget": self._budget(), "models": self._models()}
        yield "userCreate", {"name": "U"}
        yield "userDelete", {"id": user}
        yield "apiKeyCreate", {**of_team, "budget": self._budget(), **kinds}
        yield "apiKeyCreate", {"teamId": team, "models": self._models(), "budget": self._budget()}
        yield "apiKeyUpdate", {"id": key, "budget": self._budget()}
        yield "apiKeyMove", {"id": key, "teamId": team}
        yield "apiKeyMove", {"id": key, "teamId": member["team_id"]}
        yield "apiKeyRotate", {"id": key, "gracePeriod": "1d"}
        yield "apiKeysDelete", {"ids": [key]}
        yield "budgetUpdate", {"id": plan, "rpmLimit": self._limit(), "duration": self._duration()}
        yield "budgetAttach", {**holder, "budgetId": plan}
        yield "budgetAttach", {"holderId": team, "budgetId": plan, "asMemberDefault": True}
        yield "budgetDetach", holder
        yield "budgetIncrease", {**holder, "amount": "5", "until": until}
        yield "spendReset", holder
        yield "accessGroupUpdate", {"id": group, "models": self._pick(["a"], ["a", "b"], [])}
        yield "accessGroupUpdate", {"id": group, "name": self._pick("x", "y", "z")}

    def _row(self, table: str) -> Any:
        nothing = {"id": "gone", "team_id": "gone", "user_id": "gone"}
        return self.random.choice(self._rows[table] or [nothing])

    def _id(self, table: str) -> str:
        return str(self._row(table)["id"])

    def _pick(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def _limit(self) -> str | None:
        return self._pick(None, "1", "5", "10", "20", "50")

    def _duration(self) -> str | None:
        return self._pick(None, "1s", "1d", "7d", "1w")

    def _budget(self) -> dict[str, Any] | None:
        of_model = {"model": "a", "rpmLimit": self._limit(), "maxBudget": self._limit()}
        limits = {
            "maxBudget": self._limit(),
            "rpmLimit": self._limit(),
            "duration": self._duration(),
            "modelLimits": self._pick([], [of_model]),
        }
        return self._pick(limits, limits, None)

    def _models(self) -> list[str]:
        return self._pick([], ["*"], ["a"], ["a", "b"], ["group:x"], ["group:y", "c"])


@pytest.mark.parametrize(("seed", "rounds"), [(1, 5), pytest.param(2, 500, marks=pytest.mark.soak)])
async def test_whatever_is_changed_at_once_all_rules_hold(
    api: Api,
    make: Factory,
    owner: asyncpg.Connection,
    migrated: EmbeddedPostgres,
    seed: int,
    rounds: int,
) -> None:
    admin = await make.admin()
    gateway = await make.api_key(admin, scopes=[KeyScope.GATEWAY])
    people = []
    for role in (*OrganizationRole, *OrganizationRole):
        organization = await make.organization()
        people.append(await make.person(organization=organization, organization_role=role))
        team = await make.team(
            organization, joinable=True, member_permissions=list(MemberPermission)
        )
        await make.team_member(team, people[-1])
        await make.api_key(people[-1], team=team)
    plans = [(await make.plan(rpm_limit=limit)).id for limit in (5, 20)]
    groups = [(await make.access_group(name, models=["a"])).id for name in ("x", "y")]
    kept = {admin.id, gateway.id, *(person.key_id for person in (admin, *people))}
    deeds = Deeds(seed, kept, plans, groups)
    actors = [*people, *(admin for _ in people)]  # who can do most of what there is
    for _ in range(rounds):
        await deeds.look(owner)
        asked: list[tuple[Person | Key, str, dict[str, Any]]] = [
            (deeds.random.choice(actors), *deeds.one()) for _ in range(AT_ONCE)
        ]
        asked.append((gateway, "usageRecord", {"events": deeds.calls()}))
        answers = await asyncio.gather(
            *(api.mutate(who, name, **given) for who, name, given in asked)
        )
        for (_, name, given), answer in zip(asked, answers, strict=True):
            assert TOLD.issuperset(answer.codes), (name, given)
    assert (await doctor.report(migrated.owner_url)).violations == []
