"""The policy against a copy of it that was written from the contract alone."""

import re
from inspect import getsource
from pathlib import Path

import pytest

import bursar.services
from bursar.access.actor import Actor
from bursar.access.policy import POLICY, Action, Relation, creation_of, forbidden, permits
from bursar.domain.roles import KeyScope, MemberPermission, PlatformRole

# By action, who may: P platform admin, O admin of the organization, T admin of the team, S oneself;
# or G a key with the scope GATEWAY, and nobody else.
CONTRACT = {
    "organization:create": "P",
    "organization:delete": "P",
    "organization:limit": "P",
    "organization:update": "PO",
    "organization_members:add": "PO",
    "organization_member:update": "PO",
    "organization_members:remove": "POS",
    "team:create": "POS",
    "team:update": "POT",
    "team:limit": "PO",
    "team_gateway_settings:update": "PO",
    "team:move": "PO",
    "team_models:update": "POT",
    "team:block": "PO",
    "team:delete": "PO",
    "team_members:add": "POT",
    "team_members:add_all": "PO",
    "team_member:update": "POT",
    "team_members:remove": "POTS",
    "team:join": "S",
    "team_member_budget:update": "POT",
    "team_member_permissions:update": "POT",
    "user:create": "P",
    "user:update": "P",
    "user:delete": "P",
    "user:block": "P",
    "api_key:create": "POTS",
    "service_key:create": "POT",
    "api_key:update": "POTS",
    "api_key:block": "POTS",
    "api_key:rotate": "POTS",
    "api_key:reset_spend": "POTS",
    "api_key:delete": "POTS",
    "api_key:grant_manage": "PS",
    "api_key:grant_gateway": "P",
    "budget:create": "P",
    "budget:update": "P",
    "budget:delete": "P",
    "budget:attach": "P",
    "access_group:create": "P",
    "access_group:update": "P",
    "access_group:delete": "P",
    "usage:record": "G",
    "call:authorize": "G",
}
# What a MEMBER of a team does with the team's permission, and with no other.
BY_PERMISSION = {
    "api_key:create": "KEY_CREATE",
    "service_key:create": "SERVICE_KEY_CREATE",
    "api_key:update": "KEY_UPDATE",
    "api_key:block": "KEY_BLOCK",
    "api_key:rotate": "KEY_ROTATE",
    "api_key:reset_spend": "KEY_RESET_SPEND",
    "api_key:delete": "KEY_DELETE",
}
LETTERS = {"O": Relation.ORGANIZATION_ADMIN, "T": Relation.TEAM_ADMIN, "S": Relation.SELF}


def actor(role: PlatformRole) -> Actor:
    return Actor("user", "key", role, frozenset({KeyScope.MANAGE}))


def test_every_action_has_a_line_in_the_policy_and_in_the_contract() -> None:
    assert list(POLICY) == list(Action)
    assert CONTRACT.keys() == set(Action)


@pytest.mark.parametrize("action", Action)
def test_a_user_may_do_what_the_contract_gives_to_one_of_their_relations(action: Action) -> None:
    user = actor(PlatformRole.USER)
    may = {letter for letter, relation in LETTERS.items() if permits(user, action, {relation})}
    assert may == set(CONTRACT[action]) - {"P", "G"}
    assert not permits(user, action)
    assert permits(user, action, LETTERS.values()) is bool(may)


@pytest.mark.parametrize("action", Action)
def test_a_permission_lets_a_member_do_what_it_is_named_for(action: Action) -> None:
    user = actor(PlatformRole.USER)
    may = [permission for permission in MemberPermission if permits(user, action, {permission})]
    assert may == [BY_PERMISSION[action]] if action in BY_PERMISSION else not may


@pytest.mark.parametrize("action", Action)
def test_a_platform_admin_may_do_it_without_any_relation(action: Action) -> None:
    assert permits(actor(PlatformRole.ADMIN), action) is ("P" in CONTRACT[action])


@pytest.mark.parametrize("action", Action)
def test_a_key_of_a_gateway_may_do_what_is_for_gateways_whoever_its_user_is(action: Action) -> None:
    for role in PlatformRole:
        gateway = Actor("user", "key", role, frozenset({KeyScope.GATEWAY}))
        assert permits(gateway, action) is ("G" in CONTRACT[action])


@pytest.mark.parametrize("role", [PlatformRole.VIEWER, PlatformRole.USER_VIEWER])
@pytest.mark.parametrize("action", Action)
def test_who_only_reads_may_do_nothing_whatever_else_they_are(
    action: Action, role: PlatformRole
) -> None:
    assert not permits(actor(role), action, [*Relation, *MemberPermission])


@pytest.mark.parametrize("action", Action)
def test_a_refusal_says_what_is_not_allowed(action: Action) -> None:
    refusal = forbidden(action, "members", 0)
    assert refusal.path == ("members", 0)
    assert re.fullmatch(r"You are not allowed to [a-zA-Z, ]+\.", str(refusal))


def test_services_ask_for_every_action_and_for_no_other() -> None:
    paths = Path(bursar.services.__file__).parent.glob("*.py")
    sources = [*(path.read_text() for path in paths), getsource(creation_of)]
    asked = {name for source in sources for name in re.findall(r"\bAction\.(\w+)", source)}
    assert asked == set(Action.__members__)
