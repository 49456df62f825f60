"""How long keys of members live: the team's default, and as the most for who is a mere member."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api_client import Api
from bursar.domain.durations import later
from bursar.domain.roles import TeamRole
from factories import Factory, Person

ALL = ["KEY_READ", "KEY_CREATE", "KEY_UPDATE", "SERVICE_KEY_CREATE", "KEY_ROTATE"]
BEYOND = [("FORBIDDEN", "input.expiresAt")]


def in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


async def made(api: Api, person: Person, **given: Any) -> Any:
    answer = await api.mutate(person, "apiKeyCreate", "apiKey { id expiresAt createdAt }", **given)
    assert answer.refusals == []
    return answer.payload["apiKey"]


@pytest.mark.parametrize("duration", ["1s", "36h", "30d", "1mo", "2y"])
async def test_a_members_key_ends_when_the_team_says_if_nothing_else_is_said(
    api: Api, make: Factory, duration: str
) -> None:
    team = await make.team(member_permissions=ALL, member_key_duration=duration)
    me = await make.person(team=team)
    admin = await make.person(team=team, team_role=TeamRole.ADMIN)
    for who, owner in ((me, me), (admin, me), (admin, admin)):
        key = await made(api, who, teamId=team.id, userId=owner.id)
        created, expires = (datetime.fromisoformat(key[at]) for at in ("createdAt", "expiresAt"))
        assert expires == later(created, duration)


async def test_keys_of_services_and_personal_ones_are_no_keys_of_members(
    api: Api, make: Factory
) -> None:
    team = await make.team(member_permissions=ALL, member_key_duration="1d")
    me = await make.person(team=team)
    assert (await made(api, me, teamId=team.id))["expiresAt"] is None
    assert (await made(api, me, teamId=team.id, expiresAt=in_days(9)))["expiresAt"]
    assert (await made(api, me))["expiresAt"] is None


async def test_a_member_lets_no_key_live_longer_but_an_admin_says_how_long(
    api: Api, make: Factory
) -> None:
    team = await make.team(member_permissions=ALL, member_key_duration="10d")
    me = await make.person(team=team)
    admin = await make.person(team=team, team_role=TeamRole.ADMIN)
    mine = {"teamId": team.id, "userId": me.id}
    for beyond in (None, in_days(11)):
        answer = await api.refused(me, "apiKeyCreate", **mine, expiresAt=beyond)
        assert answer.refusals == BEYOND
        await made(api, admin, **mine, expiresAt=beyond)
    key = await made(api, me, **mine, expiresAt=in_days(9))
    for beyond in (None, in_days(11)):
        answer = await api.refused(me, "apiKeyUpdate", id=key["id"], expiresAt=beyond)
        assert answer.refusals == BEYOND
    for change in ({"alias": "A"}, {"expiresAt": in_days(8)}):
        assert (await api.mutate(me, "apiKeyUpdate", id=key["id"], **change)).refusals == []
    assert (await api.mutate(admin, "apiKeyUpdate", id=key["id"], expiresAt=None)).refusals == []
    # What lives long already may stay so, and live shorter.
    for change in ({"alias": "B"}, {"expiresAt": in_days(99)}):
        assert (await api.mutate(me, "apiKeyUpdate", id=key["id"], **change)).refusals == []
    assert (await api.mutate(me, "apiKeyRotate", id=key["id"])).refusals == []


async def test_without_a_duration_a_members_key_lives_for_ever(api: Api, make: Factory) -> None:
    team = await make.team(member_permissions=ALL)
    me = await make.person(team=team)
    key = await made(api, me, teamId=team.id, userId=me.id)
    assert key["expiresAt"] is None


async def test_the_teams_default_gives_no_longer_life_than_the_key_in_use(
    api: Api, make: Factory
) -> None:
    team = await make.team(member_permissions=ALL, member_key_duration="10d")
    me = await make.person(team=team)
    soon = datetime.now(UTC) + timedelta(days=1)
    temporary = await make.api_key(me, expires_at=soon)
    mine = {"teamId": team.id, "userId": me.id}
    assert (await api.refused(temporary, "apiKeyCreate", **mine)).refusals == BEYOND
    answer = await api.mutate(temporary, "apiKeyCreate", **mine, expiresAt=soon.isoformat())
    assert answer.refusals == []


async def test_team_admin_sets_and_clears_how_long_keys_of_members_live(
    api: Api, make: Factory
) -> None:
    team = await make.team()
    admin = await make.person(team=team, team_role=TeamRole.ADMIN)
    for given in ("90d", "90d", None):
        answer = await api.mutate(
            admin, "teamUpdate", "team { memberKeyDuration }", id=team.id, memberKeyDuration=given
        )
        assert answer.payload["team"] == {"memberKeyDuration": given}
    member = await make.person(team=team)
    answer = await api.refused(member, "teamUpdate", id=team.id, memberKeyDuration="9y")
    assert answer.refusals == [("FORBIDDEN", "input.memberKeyDuration")]
