"""What the rows of the policy table ask for, and where in the input a refusal of it points."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from access.breadth import RANGE
from access.world import World
from bursar.domain.ids import DEFAULT_ORGANIZATION
from factories import Key, Person

Input = Callable[[World, Person], dict[str, Any]]


class Written(str):
    """A value as GraphQL writes it."""

    __slots__ = ()


class Deed(NamedTuple):
    """The input of a mutation, and by letter of the table the places that a refusal names."""

    input: Input
    places: dict[str, str]


def deed(place: str, input: Input, **places: str) -> Deed:
    """A mutation whose refusals are all at one place, but for the letters that have their own."""
    return Deed(input, {"F": place, "N": place, **places})


def one_organization(**attributes: Any) -> Deed:
    return deed("id", lambda w, _: {"id": w.organization.id, **attributes}, F=" ".join(attributes))


def within_organization(input: Input, **places: str) -> Deed:
    """`X`: the only admin of it."""
    return deed(
        "organizationId",
        lambda w, me: {"organizationId": w.organization.id, **input(w, me)},
        **{"n": "members.0.userId", "X": "members.0.userId", **places},
    )


def one_team(**attributes: Any) -> Deed:
    """`f`: an admin of the team may set all of it but the budget."""
    places = {"F": " ".join(attributes) or "id", "f": "budget"}
    return deed("id", lambda w, _: {"id": w.team.id, **attributes}, **places)


def one_mate(**attributes: Any) -> Deed:
    return deed("id", lambda w, _: {"id": w.mate.id, **attributes})


def within_team(input: Input, **places: str) -> Deed:
    return deed("teamId", lambda w, me: {"teamId": w.team.id, **input(w, me)}, **places)


def one_key(kind: str, **attributes: Any) -> Deed:
    """`f`: who may do it, but may not hold the secret."""
    places = {"F": " ".join(attributes) or "id", "f": "id"}
    return deed("id", lambda w, _: {"id": w.keys[kind].id, **attributes}, **places)


def a_call_of(key: Key) -> dict[str, Any]:
    at = datetime.now(UTC).isoformat()
    return {"requestId": "1", "key": key.secret, "model": "gpt-4", "at": at, "cost": "0.5"}


def in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()


def one_increase(of: Callable[[World], str]) -> Deed:
    return deed("holderId", lambda w, _: {"holderId": of(w), "amount": "1", "until": in_an_hour()})


DEEDS = {
    "organizationCreate": deed("", lambda _, __: {"name": "New"}),
    "organizationUpdate name": one_organization(name="New"),
    "organizationUpdate metadata": one_organization(metadata={}),
    "organizationUpdate budget": one_organization(budget={"rpmLimit": "10"}),
    "organizationUpdate models": one_organization(models=["gpt-*"]),
    "organizationUpdate allowNone": one_organization(models=["*"], allowNone=False),
    "organizationUpdate externalId": one_organization(externalId="new"),
    "organizationDelete": deed("id", lambda w, _: {"id": w.organization.id, "cascade": True}),
    "organizationMembersAdd": within_organization(
        lambda _, __: {"members": [{"email": "new@example.com", "budget": {"rpmLimit": "8"}}]}
    ),
    "organizationMembersAdd as admin": within_organization(
        lambda _, __: {"members": [{"email": "new@example.com", "role": "ADMIN"}]}
    ),
    "organizationMembersAdd oneself": within_organization(
        lambda _, me: {"members": [{"userId": me.id}]}
    ),
    "organizationMembersAdd best effort": within_organization(
        lambda _, me: {
            "members": [{"email": "new@example.com"}, {"userId": me.id}],
            "mode": "BEST_EFFORT",
        }
    ),
    "organizationMemberUpdate role": within_organization(
        lambda w, _: {"userId": w.mate.id, "role": "VIEWER"}
    ),
    "organizationMemberUpdate budget": within_organization(
        lambda w, _: {"userId": w.mate.id, "budget": {"rpmLimit": "8"}}
    ),
    "organizationMemberUpdate oneself": within_organization(
        lambda _, me: {"userId": me.id, "role": "ADMIN", "budget": {"rpmLimit": "8"}}, n="userId"
    ),
    "organizationMembersRemove": within_organization(
        lambda w, _: {"members": [{"userId": w.mate.id}]}
    ),
    "organizationMembersRemove oneself": within_organization(
        lambda _, me: {"members": [{"userId": me.id}]}
    ),
    "teamCreate": deed(
        "organizationId", lambda w, _: {"name": "New", "organizationId": w.organization.id}
    ),
    "teamCreate in the built-in": deed("organizationId", lambda _, __: {"name": "New"}),
    "teamUpdate name": one_team(name="New"),
    "teamUpdate joinable": one_team(joinable=True),
    "teamUpdate metadata": one_team(metadata={"tier": "new"}),
    "teamUpdate tags": one_team(tags=["new"]),
    "teamUpdate description": one_team(description="New"),
    "teamUpdate models": one_team(models=["openai/gpt-5"]),
    "teamUpdate allowNone": one_team(allowNone=True),
    "teamUpdate modelAliases": one_team(modelAliases=[{"alias": "fast", "model": "gpt-5"}]),
    "teamUpdate budget": one_team(budget={"rpmLimit": "8"}),
    "teamUpdate rpmLimitType": one_team(rpmLimitType="GUARANTEED"),
    "teamUpdate externalId": one_team(externalId="new"),
    "teamUpdate gatewaySettings": one_team(gatewaySettings={"guardrails": ["pii"]}),
    "teamUpdate name and budget": one_team(name="New", budget={"rpmLimit": "8"}),
    "teamModelsAdd": deed("id", lambda w, _: {"id": w.team.id, "models": ["gpt-5"]}),
    "teamModelsRemove": deed(
        "id", lambda w, _: {"id": w.team.id, "models": ["gpt-4"], "allowNone": True}
    ),
    "teamMemberBudgetUpdate": within_team(lambda _, __: {"budget": {"rpmLimit": "8"}}),
    "teamMemberPermissionsUpdate": within_team(lambda _, __: {"permissions": ["KEY_CREATE"]}),
    "teamBlock": one_team(),
    "teamUnblock": one_team(),
    "teamsDelete": deed("ids.0", lambda w, _: {"ids": [w.team.id]}),
    "teamMove to the built-in": deed(
        "id",
        lambda w, _: {"id": w.team.id, "organizationId": DEFAULT_ORGANIZATION},
        F="id organizationId",
        f="organizationId",
    ),
    "teamMembersAdd": within_team(lambda w, _: {"members": [{"userId": w.newcomer.id}]}),
    "teamMembersAdd as admin": within_team(
        lambda w, _: {"members": [{"userId": w.newcomer.id, "role": "ADMIN"}]}
    ),
    "teamMembersAdd oneself": within_team(
        lambda _, me: {"members": [{"userId": me.id}]}, X="members.0.userId"
    ),
    "teamMembersAdd addToOrganization": within_team(
        lambda _, __: {"members": [{"email": "new@example.com"}], "addToOrganization": True},
        F="teamId addToOrganization",
        f="addToOrganization",
    ),
    "teamMembersAdd best effort": within_team(
        lambda w, me: {
            "members": [{"userId": w.newcomer.id}, {"userId": me.id}],
            "mode": "BEST_EFFORT",
        }
    ),
    "teamMembersAdd all users": within_team(
        lambda _, __: {"allUsers": True}, F="teamId allUsers", f="allUsers"
    ),
    "teamMemberUpdate role": within_team(lambda w, _: {"userId": w.mate.id, "role": "ADMIN"}),
    "teamMemberUpdate budget": within_team(
        lambda w, _: {"userId": w.mate.id, "budget": {"rpmLimit": "8"}}
    ),
    "teamMemberUpdate raise one's own": within_team(
        lambda _, me: {"userId": me.id, "budget": {"rpmLimit": "10"}},
        f="budget.rpmLimit",
        n="userId",
    ),
    "teamMembersRemove": within_team(lambda w, _: {"members": [{"userId": w.mate.id}]}),
    "teamMembersRemove oneself": within_team(
        lambda _, me: {"members": [{"userId": me.id}]}, n="members.0.userId"
    ),
    "teamJoin": deed("teamId", lambda w, _: {"teamId": w.team.id}, X="teamId"),
    "teamJoin an open one": deed("teamId", lambda w, _: {"teamId": w.open_team.id}),
    "teamLeave": deed("teamId", lambda w, _: {"teamId": w.team.id}, n="teamId"),
    "userCreate": deed("", lambda _, __: {"name": "New"}),
    "userUpdate": one_mate(name="New"),
    "userUpdate models": one_mate(models=["gpt-*"]),
    "userUpdate oneself": deed("id", lambda _, me: {"id": me.id, "name": "I", "role": "ADMIN"}),
    "userDelete": one_mate(),
    "userBlock": one_mate(),
    "userUnblock": one_mate(),
    "apiKeyCreate": deed("userId", lambda w, _: {"userId": w.mate.id}),
    "apiKeyCreate for oneself": deed("userId", lambda _, __: {}),
    "apiKeyCreate for a member": within_team(lambda w, _: {"userId": w.mate.id}),
    "apiKeyCreate for oneself in a team": within_team(lambda _, me: {"userId": me.id}, X="userId"),
    "apiKeyCreate for oneself permitted": within_team(lambda _, me: {"userId": me.id}, X="userId"),
    "apiKeyCreate for a member permitted": within_team(lambda w, _: {"userId": w.mate.id}),
    "apiKeyCreate of a service permitted": within_team(
        lambda _, __: {"alias": "CI", "budget": {"rpmLimit": "9", "maxBudget": "1"}}
    ),
    "apiKeyCreate for a member to manage": within_team(
        lambda w, _: {"userId": w.mate.id, "scopes": ["MANAGE"]}, f="scopes"
    ),
    "apiKeyCreate for a service": within_team(lambda _, __: {"alias": "CI"}),
    "apiKeyCreate for a gateway": within_team(lambda _, __: {"scopes": ["GATEWAY"]}, f="scopes"),
    "apiKeyUpdate of a member": one_key("member", alias="New", metadata={}),
    "apiKeyUpdate of a service": one_key("service", budget={"rpmLimit": "9"}),
    "apiKeyUpdate of a member permitted": one_key("member", alias="New"),
    "apiKeyUpdate of a service permitted": one_key("service", alias="New"),
    "apiKeyUpdate rpmLimitType": one_key("member", rpmLimitType="GUARANTEED"),
    "apiKeyUpdate of one's own": deed("alias", lambda _, me: {"id": me.key_id, "alias": "New"}),
    "apiKeyMove of a service": deed(
        "id",
        lambda w, _: {"id": w.keys["service"].id, "teamId": w.open_team.id},
        F="id teamId",
        N="id teamId",
        n="teamId",
    ),
    "apiKeyMove of one's own": deed(
        "id",
        lambda w, me: {"id": me.key_id, "teamId": w.team.id},
        F="id teamId",
        X="id",
        f="teamId",
        N="teamId",
    ),
    "apiKeyBlock": one_key("service"),
    "apiKeyUnblock": one_key("service"),
    "apiKeyRotate of a member": one_key("member"),
    "apiKeyRotate of a managing key": one_key("manager"),
    "apiKeyRotate of a gateway": one_key("gateway"),
    "apiKeysDelete": deed("ids.0", lambda w, _: {"ids": [w.keys["member"].id]}),
    "budgetCreate": deed("", lambda _, __: {"name": "New"}),
    "budgetUpdate": deed("id", lambda w, _: {"id": w.plan.id, "rpmLimit": "8"}),
    "budgetDelete": deed("id", lambda w, _: {"id": w.free_plan.id}),
    "budgetAttach": deed(
        "holderId",
        lambda w, _: {"budgetId": w.plan.id, "holderId": w.team.id},
        n="budgetId",
        N="budgetId holderId",
    ),
    "budgetDetach": deed("holderId", lambda w, _: {"holderId": w.keys["service"].id}),
    "budgetIncrease of organization": one_increase(lambda w: w.organization.id),
    "budgetIncrease of colleague": one_increase(lambda w: w.mate_in_organization.id),
    "budgetIncrease of team": one_increase(lambda w: w.team.id),
    "budgetIncrease of a member": one_increase(lambda w: w.mate_in_team.id),
    "budgetIncrease of user": one_increase(lambda w: w.mate.id),
    "budgetIncrease of a service": one_increase(lambda w: w.keys["service"].id),
    "budgetIncrease of one's own": deed(
        "holderId",
        lambda _, me: {"holderId": me.key_id, "amount": "1", "until": in_an_hour()},
        X="amount",
    ),
    "spendReset of team": deed("holderId", lambda w, _: {"holderId": w.team.id}),
    "spendReset of a member": deed("holderId", lambda w, _: {"holderId": w.mate_in_team.id}),
    "spendReset of a service": deed("holderId", lambda w, _: {"holderId": w.keys["service"].id}),
    "accessGroupCreate": deed("", lambda _, __: {"name": "New", "models": ["gpt-5"]}),
    "accessGroupUpdate": deed("id", lambda w, _: {"id": w.group.id, "name": "New", "models": []}),
    "accessGroupDelete": deed("id", lambda w, _: {"id": w.free_group.id}),
    "usageRecord": deed("", lambda w, _: {"events": [a_call_of(w.keys["member"])]}),
}

ONE, MANY = "{ seen: version }", "{ totalCount nodes { id } }"
DECIDED = "{ seen: allowed }"

# Of each query what is selected, and its arguments. `seen` is null to who sees only a part.
QUESTIONS: dict[str, tuple[str, Input]] = {
    "viewer": ("{ seen: platformRole }", lambda _, __: {}),
    "limits": ("{ seen: maxNodeIds }", lambda _, __: {}),
    "node": ("{ ... on Organization { seen: version } }", lambda w, _: {"id": w.organization.id}),
    "nodes": ("{ id }", lambda w, _: {"ids": w.ids()}),
    "organization": (ONE, lambda w, _: {"id": w.organization.id}),
    "organizationByExternalId": (ONE, lambda w, _: {"externalId": w.organization.external_id}),
    "organizations": (MANY, lambda _, __: {}),
    "team": (ONE, lambda w, _: {"id": w.team.id}),
    "teamByExternalId": (ONE, lambda w, _: {"externalId": w.team.external_id}),
    "teams": (MANY, lambda _, __: {}),
    "deletedTeams": (MANY, lambda _, __: {}),
    "teamDeletePreview": ("{ nodes: teams { members } }", lambda w, _: {"ids": [w.team.id]}),
    "joinableTeams": (MANY, lambda _, __: {}),
    "user": (ONE, lambda w, _: {"id": w.mate.id}),
    "user oneself": (ONE, lambda _, me: {"id": me.id}),
    "userByExternalId": (ONE, lambda w, _: {"externalId": w.mate.row.external_id}),
    "userByEmail": (ONE, lambda w, _: {"email": w.mate.email}),
    "users": (MANY, lambda _, __: {}),
    "apiKey": (ONE, lambda w, _: {"id": w.mate.key_id}),
    "apiKey one's own": (ONE, lambda _, me: {"id": me.key_id}),
    "apiKey of a team": (ONE, lambda w, _: {"id": w.keys["service"].id}),
    "apiKeyByExternalId": (
        ONE,
        lambda w, _: {"externalId": w.keys["service"].row.external_id},
    ),
    "apiKeys": (MANY, lambda _, __: {}),
    "deletedApiKeys": (MANY, lambda _, __: {}),
    "budget of organization": (ONE, lambda w, _: {"id": w.budgets["organization"].id}),
    "budget of organization member": (
        ONE,
        lambda w, _: {"id": w.budgets["organization_member"].id},
    ),
    "budget of team": (ONE, lambda w, _: {"id": w.budgets["team"].id}),
    "budget of members": (ONE, lambda w, _: {"id": w.budgets["team_default"].id}),
    "budget of one member": (ONE, lambda w, _: {"id": w.budgets["team_member"].id}),
    "budget of user": (ONE, lambda w, _: {"id": w.budgets["user"].id}),
    "budget of many": (ONE, lambda w, _: {"id": w.plan.id}),
    "budgetByName": (ONE, lambda w, _: {"name": w.plan.name}),
    "budgets": (MANY, lambda _, __: {}),
    "resetPreview": ("{ start end }", lambda _, __: {"duration": "1mo"}),
    "accessGroup": (ONE, lambda w, _: {"id": w.group.id}),
    "accessGroupByName": (ONE, lambda w, _: {"name": w.group.name}),
    "accessGroups": (MANY, lambda _, __: {}),
    "auditEntries": (MANY, lambda _, __: {}),
    "authorize": (DECIDED, lambda _, me: {"key": me.secret, "model": "gpt-4"}),
    "explainAccess one's own": (DECIDED, lambda _, me: {"keyId": me.key_id, "model": "gpt-4"}),
    "explainAccess of a team": (
        DECIDED,
        lambda w, _: {"keyId": w.keys["service"].id, "model": "gpt-4"},
    ),
    "activity": (
        "{ seen: byApiKey { totalCount nodes { apiKeyId } } }",
        lambda _, __: {"range": Written(RANGE)},
    ),
    "usageEvents": (MANY, lambda _, __: {}),
}


def mutation(row: str) -> str:
    """The document of a row, whose first word is the root field."""
    field = row.split(maxsplit=1)[0]
    declared = f"$input: {field[0].upper()}{field[1:]}Input!"
    return f"mutation({declared}) {{ {field}(input: $input) {{ errors {{ code path }} }} }}"


def query(row: str, world: World, me: Person) -> str:
    selection, arguments = QUESTIONS[row]
    written = {
        name: value if isinstance(value, Written) else json.dumps(value)
        for name, value in arguments(world, me).items()
    }
    given = ", ".join(f"{name}: {value}" for name, value in written.items())
    return f"{{ {row.split(maxsplit=1)[0]}{f'({given})' if given else ''} {selection} }}"
