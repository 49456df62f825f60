"""The last two admins act on each other at the same moment: one of them stays."""

import asyncio

import asyncpg
import pytest

from api_client import Answer
from bursar.domain.roles import OrganizationRole, TeamRole
from factories import Factory
from live_server import LiveApi

REMOVE = """
mutation Remove($input: TeamMembersRemoveInput!) {
  teamMembersRemove(input: $input) { errors { code path } }
}
"""
DEMOTE = """
mutation Demote($input: TeamMemberUpdateInput!) {
  teamMemberUpdate(input: $input) { errors { code path } }
}
"""
REMOVE_FROM_ORGANIZATION = """
mutation Remove($input: OrganizationMembersRemoveInput!) {
  organizationMembersRemove(input: $input) { errors { code path } }
}
"""
DEMOTE_IN_ORGANIZATION = """
mutation Demote($input: OrganizationMemberUpdateInput!) {
  organizationMemberUpdate(input: $input) { errors { code path } }
}
"""
DEMOTE_USER = """
mutation Demote($input: UserUpdateInput!) { userUpdate(input: $input) { errors { code path } } }
"""
BLOCK_USER = """
mutation Block($input: UserBlockInput!) { userBlock(input: $input) { errors { code path } } }
"""
DELETE_USER = """
mutation Delete($input: UserDeleteInput!) { userDelete(input: $input) { errors { code path } } }
"""
rounds = pytest.mark.parametrize("rounds", [20, pytest.param(1000, marks=pytest.mark.soak)])


@rounds
@pytest.mark.parametrize("each_other", [True, False], ids=["each other", "themselves"])
@pytest.mark.parametrize("document", [REMOVE, DEMOTE], ids=["remove", "demote"])
async def test_the_last_two_admins_of_a_team_never_both_go(
    ask: LiveApi,
    make: Factory,
    owner: asyncpg.Connection,
    document: str,
    each_other: bool,
    rounds: int,
) -> None:
    admins = [await make.person(), await make.person()]
    losing = set()
    for _ in range(rounds):
        team = await make.team()
        for admin in admins:
            await make.team_member(team, admin, TeamRole.ADMIN)
        targets = admins[::-1] if each_other else admins
        answers = await asyncio.gather(
            *(
                ask(admin, document, input=_of(document, team.id, target.id))
                for admin, target in zip(admins, targets, strict=True)
            )
        )
        won, lost = sorted((answer.refusals for answer in answers), key=len)
        assert won == []
        losing.update(code for code, _ in lost)
        left = "SELECT count(*) FROM team_members WHERE team_id = $1 AND role = 'ADMIN'"
        assert await owner.fetchval(left, team.id) == 1
    # Whom the other has removed sees no team; whom they have demoted may not act on it.
    expected = {REMOVE: {"NOT_FOUND"}, DEMOTE: {"FORBIDDEN"}}[document]
    assert losing == (expected if each_other else {"CONFLICT"})


@rounds
@pytest.mark.parametrize("each_other", [True, False], ids=["each other", "themselves"])
@pytest.mark.parametrize(
    "document", [REMOVE_FROM_ORGANIZATION, DEMOTE_IN_ORGANIZATION], ids=["remove", "demote"]
)
async def test_the_last_two_admins_of_an_organization_never_both_go(
    ask: LiveApi,
    make: Factory,
    owner: asyncpg.Connection,
    document: str,
    each_other: bool,
    rounds: int,
) -> None:
    admins = [await make.person(), await make.person()]
    for _ in range(rounds):
        organization = await make.organization()
        for admin in admins:
            await make.organization_member(organization, admin, OrganizationRole.ADMIN)
        targets = admins[::-1] if each_other else admins
        answers = await asyncio.gather(
            *(
                ask(admin, document, input=_of_organization(document, organization.id, target.id))
                for admin, target in zip(admins, targets, strict=True)
            )
        )
        won, lost = sorted((answer.refusals for answer in answers), key=len)
        assert won == []
        expected = {REMOVE_FROM_ORGANIZATION: "NOT_FOUND", DEMOTE_IN_ORGANIZATION: "FORBIDDEN"}
        assert [code for code, _ in lost] == [expected[document] if each_other else "CONFLICT"]
        left = "SELECT count(*) FROM organization_members WHERE organization_id = $1 AND role = $2"
        assert await owner.fetchval(left, organization.id, "ADMIN") == 1


@rounds
@pytest.mark.parametrize(
    "document", [DEMOTE_USER, BLOCK_USER, DELETE_USER], ids=["demote", "block", "delete"]
)
async def test_the_last_two_admins_of_the_platform_never_both_go(
    ask: LiveApi, make: Factory, owner: asyncpg.Connection, document: str, rounds: int
) -> None:
    for _ in range(rounds):
        await owner.execute("DELETE FROM users")
        admins = [await make.admin(), await make.admin()]
        answers = await asyncio.gather(
            *(
                ask(admin, document, input=_of_user(document, target.id))
                for admin, target in zip(admins, admins[::-1], strict=True)
            )
        )
        # Who signs in when the other is done already is no admin any more, who sees them, or nobody.
        won, lost = sorted(map(_outcome, answers))
        assert won == ""
        assert lost in {"CONFLICT", "FORBIDDEN", "NOT_FOUND", "UNAUTHENTICATED"}
        left = "SELECT count(*) FROM users WHERE role = 'ADMIN' AND NOT blocked"
        assert await owner.fetchval(left) == 1


def _outcome(answer: Answer) -> str:
    """The code of what went wrong; empty if nothing did."""
    codes = answer.codes or [code for code, _ in answer.refusals]
    return " ".join(codes)


def _of(document: str, team_id: str, user_id: str) -> dict[str, object]:
    if document is REMOVE:
        return {"teamId": team_id, "members": [{"userId": user_id}]}
    return {"teamId": team_id, "userId": user_id, "role": "MEMBER"}


def _of_organization(document: str, organization_id: str, user_id: str) -> dict[str, object]:
    given: dict[str, object] = {"organizationId": organization_id}
    if document is REMOVE_FROM_ORGANIZATION:
        return given | {"members": [{"userId": user_id}]}
    return given | {"userId": user_id, "role": "MEMBER"}


def _of_user(document: str, user_id: str) -> dict[str, object]:
    return {"id": user_id} | ({"role": "USER"} if document is DEMOTE_USER else {})
