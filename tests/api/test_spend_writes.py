"""What may be spent for some time, and what is taken off what was: increases and resets."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from api_client import Api
from bursar.domain.ids import Prefix, new_id
from bursar.domain.roles import KeyScope, MemberPermission, OrganizationRole, TeamRole
from factories import Factory, Key
from holders import KINDS, Holders, done, latest, make_holders

USE = "budgetUse { spend remaining overBudget lifetimeSpend increase { amount until } }"
SPENDS = "SELECT model, spend FROM spends WHERE holder_id = $1 ORDER BY model"
ADJUSTED = "SELECT model, amount FROM spend_adjustments WHERE holder_id = $1 ORDER BY model"


def soon(hours: float = 1) -> str:
    at = datetime.now(UTC) + timedelta(hours=hours)
    return at.replace(microsecond=0).isoformat().replace("+00:00", "Z")


@pytest.fixture
async def things(make: Factory) -> Holders:
    return await make_holders(make)


async def limited(make: Factory, things: Holders, **limits: Any) -> None:
    """Give each of them a budget."""
    plan = await make.plan(**limits)
    for kind in KINDS:
        await make.attachment(plan, kind, things.ids[kind])


@pytest.mark.parametrize("kind", KINDS)
async def test_increase_adds_to_the_maximum_until_it_ends_or_is_ended(
    api: Api, things: Holders, make: Factory, owner: asyncpg.Connection, kind: str
) -> None:
    id_, admin = things.ids[kind], things.admin
    plan = await make.plan(max_budget=10)
    await make.attachment(plan, kind, id_)
    await make.spend_of(id_, 12)

    async def increase(amount: str | None, until: str | None = None) -> Any:
        given = {"holderId": id_, "amount": amount, "until": until}
        return await done(api, admin, "budgetIncrease", f"holder {{ id }} {USE}", **given)

    first, second = soon(1), soon(2)
    payload = await increase("5.5", first)
    assert payload["holder"] == {"id": id_}
    use = payload["budgetUse"]
    assert use["increase"] == {"amount": "5.5", "until": first}
    assert (use["remaining"], use["overBudget"]) == ("3.5", False)
    entry = await latest(api, admin, id_)
    assert entry["action"] == "budget.increase"
    assert entry["before"] == {"increase": None}
    assert entry["after"] == {"increase": {"amount": "5.5", "until": first}}
    in_organization = kind not in {"user", "api_key"}
    assert entry["organizationId"] == (things.organization.id if in_organization else None)
    assert entry["teamId"] == (things.team.id if kind.startswith("team") else None)
    before = await api.fingerprint()
    await increase("5.50", first)
    assert await api.fingerprint() == before
    assert (await increase("1", second))["budgetUse"]["increase"]["amount"] == "1"
    assert await owner.fetchval("SELECT count(*) FROM budget_increases") == 1
    use = (await increase("0", None))["budgetUse"]
    assert (use["increase"], use["overBudget"]) == (None, True)
    entry = await latest(api, admin, id_)
    assert entry["before"] == {"increase": {"amount": "1", "until": second}}
    assert entry["after"] == {"increase": None}
    before = await api.fingerprint()
    await increase(None)
    assert await api.fingerprint() == before
    await increase("1", second)
    await owner.execute("UPDATE budget_increases SET until = now()")
    await increase("2", second)
    entry = await latest(api, admin, id_)
    assert (entry["before"], entry["after"]["increase"]["amount"]) == ({"increase": None}, "2")


async def test_everything_wrong_with_an_increase_is_said(
    api: Api, things: Holders, make: Factory
) -> None:
    name, admin, id_ = "budgetIncrease", things.admin, things.team.id
    await limited(make, things, max_budget=1)
    for given, paths in (
        ({"amount": "-1", "until": soon(-1)}, ["amount", "until"]),
        ({"amount": "1"}, ["until"]),
        ({"amount": "1", "until": None}, ["until"]),
        ({"amount": "1", "until": soon(24 * 367)}, ["until"]),
        ({"until": soon(-1)}, ["until"]),
    ):
        answer = await api.refused(admin, name, holderId=id_, **given)
        assert answer.refusals == [("BAD_INPUT", f"input.{path}") for path in paths]
    given = {"amount": "1", "until": soon()}
    for no_holder in ("team_x", "\0", new_id(Prefix.TEAM), new_id(Prefix.AUDIT_ENTRY)):
        answer = await api.refused(admin, name, holderId=no_holder, **given)
        assert answer.refusals == [("NOT_FOUND", "input.holderId")]
    answer = await api.refused(admin, name, holderId=id_, expectedVersion=7, **given)
    assert answer.refusals == [("VERSION_CONFLICT", "input.expectedVersion")]
    await done(api, admin, "budgetDetach", holderId=things.organization.id)
    await done(api, admin, name, holderId=id_, expectedVersion=1, **given)
    answer = await api.refused(admin, name, holderId=id_, expectedVersion=1, **given)
    assert answer.refusals == [("VERSION_CONFLICT", "input.expectedVersion")]


async def test_without_a_maximum_there_is_nothing_to_add_to(
    api: Api, things: Holders, make: Factory
) -> None:
    given = {"amount": "1", "until": soon()}
    for id_ in things.ids.values():
        answer = await api.refused(things.admin, "budgetIncrease", holderId=id_, **given)
        assert answer.refusals == [("CONFLICT", "input.amount")]
    await limited(make, things, rpm_limit=1)
    for id_ in things.ids.values():
        answer = await api.refused(things.admin, "budgetIncrease", holderId=id_, **given)
        assert answer.refusals == [("CONFLICT", "input.amount")]
        await done(api, things.admin, "budgetIncrease", holderId=id_, amount="0")


async def test_increase_stays_within_what_limits_the_holder(
    api: Api, things: Holders, make: Factory
) -> None:
    service = await make.api_key(team=things.team)
    for kind, row, most in (
        ("organization", things.organization, 20),
        ("team", things.team, 15),
        ("user", things.person.row, 6),
        ("api_key", service, 10),
    ):
        await make.budget(kind, row, max_budget=most)
    await make.attachment(await make.plan(max_budget=4), "api_key", things.person.key_id)
    for id_, level, most, limit in (
        (things.team.id, "organization", "5", "20"),
        (service.id, "team", "5", "15"),
        (things.person.key_id, "user", "2", "6"),
    ):
        given = {"holderId": id_, "until": soon()}
        over = f"{most}.0000000001"
        answer = await api.refused(things.admin, "budgetIncrease", **given, amount=over)
        (error,) = answer.payload["errors"]
        assert (error["__typename"], error["path"]) == ("LimitExceeded", ["input", "amount"])
        assert (error["level"], error["limit"]) == (level, limit)
        assert error["requested"] == f"{limit}.0000000001"
        await done(api, things.admin, "budgetIncrease", **given, amount=most)


async def test_admin_of_a_team_raises_themself_only_up_to_the_default(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    me = await make.person(organization=organization)
    member = await make.team_member(team, me, TeamRole.ADMIN)
    await make.budget("team_member", member, max_budget=4)
    given = {"holderId": member.id, "until": soon()}
    await done(api, me, "budgetIncrease", **given, amount="100")
    await make.budget("team_default", team, max_budget=10)
    answer = await api.refused(me, "budgetIncrease", **given, amount="6.1")
    assert answer.refusals == [("FORBIDDEN", "input.amount")]
    await done(api, me, "budgetIncrease", **given, amount="6")
    await make.spend_of(member.id, 3)
    answer = await api.refused(me, "spendReset", holderId=member.id)
    assert answer.refusals == [("FORBIDDEN", "input.holderId")]
    above = await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
    its = await make.team_member(team, above, TeamRole.ADMIN)
    await make.spend_of(its.id, 3)
    await done(api, above, "budgetIncrease", holderId=its.id, amount="5", until=soon())
    await done(api, above, "spendReset", holderId=its.id)


async def test_admin_of_a_team_adds_no_maximum_of_their_own_to_an_increase_above_the_default(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    team = await make.team(organization)
    me = await make.person(organization=organization)
    member = await make.team_member(team, me, TeamRole.ADMIN)
    await make.budget("team_member", member, max_budget=4)
    await make.budget("team_default", team, max_budget=10)
    await done(api, me, "budgetIncrease", holderId=member.id, until=soon(), amount="5")
    mine = {"teamId": team.id, "userId": me.id}
    answer = await api.refused(me, "teamMemberUpdate", **mine, budget={"maxBudget": "5.1"})
    assert answer.refusals == [("FORBIDDEN", "input.budget.maxBudget")]
    answer = await api.refused(me, "teamMemberUpdate", **mine, budget=None)
    assert answer.refusals == [("FORBIDDEN", "input.budget")]
    await done(api, me, "teamMemberUpdate", **mine, budget={"maxBudget": "5", "rpmLimit": 1})
    await done(api, me, "budgetIncrease", holderId=member.id)
    await done(api, me, "teamMemberUpdate", **mine, budget=None)


@pytest.mark.parametrize("kind", KINDS)
async def test_reset_takes_off_what_is_spent_in_the_current_period(
    api: Api, things: Holders, make: Factory, owner: asyncpg.Connection, kind: str
) -> None:
    id_, admin = things.ids[kind], things.admin
    plan = await make.plan(max_budget=10, duration="1mo")
    await make.attachment(plan, kind, id_)
    await make.model_limit(plan, "gpt-5", max_budget=1)
    now = datetime.now(UTC)
    past, running = {"ends_at": now - timedelta(days=1)}, {"starts_at": now - timedelta(days=1)}
    await make.spend_of(id_, 4, **past)
    await make.spend_of(id_, "12.0000000001", **running)
    await make.spend_of(id_, 3, model="gpt-5", **running)
    await make.lifetime_spend_of(id_, 16)
    payload = await done(api, admin, "spendReset", f"holder {{ id }} {USE}", holderId=id_)
    assert payload == {
        "holder": {"id": id_},
        "budgetUse": {
            "spend": "0",
            "remaining": "10",
            "overBudget": False,
            "lifetimeSpend": "16",
            "increase": None,
        },
        "errors": [],
    }
    entry = await latest(api, admin, id_)
    assert entry["action"] == "spend.reset"
    assert (entry["before"], entry["after"]) == ({"spend": "12.0000000001"}, {"spend": "0"})
    assert [tuple(row) for row in await owner.fetch(SPENDS, id_)] == [
        ("", 4),
        ("", 0),
        ("gpt-5", 3),
    ]
    await done(api, admin, "spendReset", holderId=id_, model="gpt-5")
    entry = await latest(api, admin, id_)
    assert entry["before"] == {"ofModel": {"model": "gpt-5", "spend": "3"}}
    assert entry["after"] == {"ofModel": {"model": "gpt-5", "spend": "0"}}
    adjusted = [("", Decimal("-12.0000000001")), ("gpt-5", -3)]
    assert [tuple(row) for row in await owner.fetch(ADJUSTED, id_)] == adjusted
    before = await api.fingerprint()
    await done(api, admin, "spendReset", holderId=id_)
    await done(api, admin, "spendReset", holderId=id_, model="gpt-6")
    assert await api.fingerprint() == before


async def test_reset_concerns_the_period_of_the_schedule_in_force(
    api: Api, things: Holders, make: Factory, owner: asyncpg.Connection
) -> None:
    admin, team = things.admin, things.team
    await make.budget("team", team, duration="1mo", max_budget=10)
    await make.spend_of(team.id, 7)
    await done(api, admin, "teamUpdate", id=team.id, budget={"duration": "1d"})
    before = await api.fingerprint()
    await done(api, admin, "spendReset", holderId=team.id)
    assert await api.fingerprint() == before
    since = await owner.fetchval("SELECT max(starts_at) FROM budget_schedules")
    await make.spend_of(team.id, 2, since=since, starts_at=since)
    await done(api, admin, "spendReset", holderId=team.id)
    assert await owner.fetchval("SELECT amount FROM spend_adjustments") == -2
    assert await owner.fetchval("SELECT sum(spend) FROM spends") == 7


async def test_reset_of_no_holder_or_model_is_refused(api: Api, things: Holders) -> None:
    for no_holder in ("team_x", "\0", new_id(Prefix.TEAM), new_id(Prefix.BUDGET)):
        answer = await api.refused(things.admin, "spendReset", holderId=no_holder)
        assert answer.refusals == [("NOT_FOUND", "input.holderId")]
    for no_model in ("gpt-*", "group:x", "", "\0"):
        answer = await api.refused(
            things.admin, "spendReset", holderId=things.team.id, model=no_model
        )
        assert answer.refusals == [("BAD_INPUT", "input.model")]


async def test_member_resets_their_own_keys_where_the_team_lets_them(
    api: Api, make: Factory
) -> None:
    organization = await make.organization()
    may = [MemberPermission.KEY_READ, MemberPermission.KEY_RESET_SPEND]
    for permissions, refused in ((may, []), (None, [("FORBIDDEN", "input.holderId")])):
        team = await make.team(organization, member_permissions=permissions)
        me = await make.person(organization=organization, team=team)
        mine: Key = await make.api_key(me, team=team)
        await make.spend_of(mine.id, 5)
        await make.spend_of(me.key_id, 5)
        assert (await api.mutate(me, "spendReset", holderId=mine.id)).refusals == refused
        await done(api, me, "spendReset", holderId=me.key_id)
        answer = await api.refused(me, "budgetIncrease", holderId=mine.id, amount="1", until=soon())
        assert answer.refusals == [("FORBIDDEN", "input.holderId")]
        for other in (team.id, me.id):
            answer = await api.refused(me, "spendReset", holderId=other)
            assert answer.refusals == [("FORBIDDEN", "input.holderId")]


async def test_who_does_not_manage_resets_nothing(api: Api, make: Factory) -> None:
    me = await make.person()
    key = await make.api_key(me, scopes=[KeyScope.INFER])
    await make.spend_of(key.id, 5)
    answer = await api.refused(key, "spendReset", holderId=key.id)
    assert answer.refusals == [("FORBIDDEN", "input.holderId")]


async def test_reset_with_an_idempotency_key_is_done_once_and_answered_as_it_is_now(
    api: Api, things: Holders, make: Factory
) -> None:
    await make.budget("team", things.team, max_budget=10)
    await make.spend_of(things.team.id, 5)
    given = {"holderId": things.team.id, "idempotencyKey": "1"}
    for spend in ("0", "3"):
        selection = "holder { id } budgetUse { spend }"
        payload = await done(api, things.admin, "spendReset", selection, **given)
        assert payload["holder"] == {"id": things.team.id}
        assert payload["budgetUse"] == {"spend": spend}
        await make.spend_more(things.team.id, 3)
