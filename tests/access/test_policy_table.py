"""Who may do and see what: every root field of the schema, by everyone who could ask for it.

The tables say what the contract says, and know nothing of the policy in the source. Columns are the
actors; `ok` is done, a letter a refusal whose code and paths DEEDS gives, and a refusal changes
nothing. Of what a query answers they say how much is seen: `whole`, `name` (only what everybody
sees of it), `-` for null, or of a list how many.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from graphql import build_schema

from api_client import Api
from bursar.graphql.schema import schema
from factories import Factory, Person
from world import ACTORS, World, build_world

MUTATIONS = """
                                     platform         organization       team           none
                                     ADMIN VIEWER cap ADMIN VIEWER MBR   ADMIN MBR      stranger elsewhere

organizationCreate                   ok    F      F   F     F      F     F     F        F     F
organizationUpdate name              ok    F      F   ok    F      F     F     F        N     N
organizationUpdate metadata          ok    F      F   ok    F      F     F     F        N     N
organizationUpdate budget            ok    F      F   F     F      F     F     F        N     N
organizationUpdate externalId        ok    F      F   F     F      F     F     F        N     N
organizationDelete                   ok    F      F   F     F      F     F     F        N     N

teamCreate                           ok    F      F   ok    F      F     F     F        N     N
teamCreate in the built-in           ok    F      F   F     F      F     F     F        F     F
teamUpdate name                      ok    F      F   ok    F      N     ok    F        N     N
teamUpdate metadata                  ok    F      F   ok    F      N     ok    F        N     N
teamUpdate tags                      ok    F      F   ok    F      N     ok    F        N     N
teamUpdate description               ok    F      F   ok    F      N     ok    F        N     N
teamUpdate budget                    ok    F      F   ok    F      N     F     F        N     N
teamUpdate externalId                ok    F      F   ok    F      N     F     F        N     N
teamUpdate name and budget           ok    F      F   ok    F      N     B     F        N     N
teamMemberBudgetUpdate               ok    F      F   ok    F      N     ok    F        N     N
teamBlock                            ok    F      F   ok    F      N     F     F        N     N
teamUnblock                          ok    F      F   ok    F      N     F     F        N     N
teamsDelete                          ok    F      F   ok    F      N     F     F        N     N

teamMembersAdd                       ok    F      F   ok    F      N     ok    F        N     N
teamMembersAdd as admin              ok    F      F   ok    F      N     ok    F        N     N
teamMembersAdd oneself               X     F      F   ok    F      N     X     F        N     N
teamMembersAdd addToOrganization     ok    F      F   ok    F      N     O     F        N     N
teamMemberUpdate role                ok    F      F   ok    F      N     ok    F        N     N
teamMemberUpdate budget              ok    F      F   ok    F      N     ok    F        N     N
teamMemberUpdate raise one's own     M     F      F   M     F      N     R     F        N     N
teamMembersRemove                    ok    F      F   ok    F      N     ok    F        N     N
teamMembersRemove oneself            M     F      F   M     M      N     ok    ok       N     N

userCreate                           ok    F      F   F     F      F     F     F        F     F
userUpdate                           ok    F      F   F     F      N     F     F        N     N
userUpdate oneself                   ok    F      F   F     F      F     F     F        F     F
userDelete                           ok    F      F   F     F      N     F     F        N     N
userBlock                            ok    F      F   F     F      N     F     F        N     N
userUnblock                          ok    F      F   F     F      N     F     F        N     N
apiKeyCreate                         ok    F      F   F     F      N     F     F        N     N
apiKeyCreate for oneself             ok    F      F   ok    ok     ok    ok    ok       ok    ok
"""

QUERIES = """
                                     platform         organization       team           none
                                     ADMIN VIEWER cap   ADMIN VIEWER MBR   ADMIN MBR    stranger elsewhere

viewer                               whole whole  whole whole whole  whole whole whole  whole whole
limits                               whole whole  whole whole whole  whole whole whole  whole whole
node                                 whole whole  whole whole whole  name  name  name   -     -
nodes                                12    12     10    10    10     1     8     6      0     0
organization                         whole whole  whole whole whole  name  name  name   -     -
organizationByExternalId             whole whole  whole whole whole  -     -     -      -     -
organizations                        3     3      2     2     2      2     2     2      1     2
team                                 whole whole  whole whole whole  -     whole whole  -     -
teamByExternalId                     whole whole  whole whole whole  -     whole whole  -     -
teams                                2     2      1     1     1      0     1     1      0     1
user                                 whole whole  name  name  name   -     name  name   -     -
user oneself                         whole whole  whole whole whole  whole whole whole  whole whole
userByExternalId                     whole whole  -     -     -      -     -     -      -     -
userByEmail                          whole whole  name  name  name   -     name  name   -     -
users                                4     4      4     4     4      1     3     3      1     1
apiKey                               whole whole  -     -     -      -     -     -      -     -
apiKey one's own                     whole whole  whole whole whole  whole whole whole  whole whole
budget organization                  whole whole  whole whole whole  -     -     -      -     -
budget team                          whole whole  whole whole whole  -     whole whole  -     -
budget team_default                  whole whole  whole whole whole  -     whole whole  -     -
budget team_member                   whole whole  whole whole whole  -     whole -      -     -
budget user                          whole whole  -     -     -      -     -     -      -     -
auditEntries                         3     3      2     2     2      0     1     0      0     1
"""


Input = Callable[[World, Person], dict[str, Any]]
CODES = {"F": "FORBIDDEN", "B": "FORBIDDEN", "N": "NOT_FOUND", "M": "NOT_FOUND", "X": "CONFLICT"}


class Deed(NamedTuple):
    """The input of a mutation, and by letter of the table where in it the refusals point."""

    input: Input
    paths: dict[str, str]


def deed(input: Input, **paths: str) -> Deed:
    return Deed(input, paths)


def one_organization(**attributes: Any) -> Deed:
    """A change of the organization, of a single attribute."""
    return deed(lambda w, _: {"id": w.organization.id, **attributes}, F=[*attributes][0], N="id")


def one_team(**attributes: Any) -> Deed:
    return deed(lambda w, _: {"id": w.team.id, **attributes}, F=" ".join(attributes), N="id", B="budget")


def about_mate(**attributes: Any) -> Deed:
    return deed(lambda w, _: {"id": w.mate.id, **attributes}, F="id", N="id")


def in_team(input: Input, **paths: str) -> Deed:
    return deed(lambda w, me: {"teamId": w.team.id, **input(w, me)}, **{"F": "teamId", "N": "teamId", **paths})


DEEDS = {
    "organizationCreate": deed(lambda _, __: {"name": "New"}, F=""),
    "organizationUpdate name": one_organization(name="New"),
    "organizationUpdate metadata": one_organization(metadata={}),
    "organizationUpdate budget": one_organization(budget={"rpmLimit": "10"}),
    "organizationUpdate externalId": one_organization(externalId="new"),
    "organizationDelete": deed(lambda w, _: {"id": w.organization.id, "cascade": True}, F="id", N="id"),
    "teamCreate": deed(
        lambda w, _: {"name": "New", "organizationId": w.organization.id},
        F="organizationId",
        N="organizationId",
    ),
    "teamCreate in the built-in": deed(lambda _, __: {"name": "New"}, F="organizationId"),
    "teamUpdate name": one_team(name="New"),
    "teamUpdate metadata": one_team(metadata={}),
    "teamUpdate tags": one_team(tags=["new"]),
    "teamUpdate description": one_team(description="New"),
    "teamUpdate budget": one_team(budget={"rpmLimit": "8"}),
    "teamUpdate externalId": one_team(externalId="new"),
    "teamUpdate name and budget": one_team(name="New", budget={"rpmLimit": "8"}),
    "teamMemberBudgetUpdate": in_team(lambda _, __: {"budget": {"rpmLimit": "8"}}, F="budget"),
    "teamBlock": one_team(),
    "teamUnblock": one_team(),
    "teamsDelete": deed(lambda w, _: {"ids": [w.team.id]}, F="ids.0", N="ids.0"),
    "teamMembersAdd": in_team(lambda w, _: {"members": [{"userId": w.newcomer.id}]}),
    "teamMembersAdd as admin": in_team(
        lambda w, _: {"members": [{"userId": w.newcomer.id, "role": "ADMIN"}]}
    ),
    "teamMembersAdd oneself": in_team(
        lambda _, me: {"members": [{"userId": me.id}]}, X="members.0.userId"
    ),
    "teamMembersAdd addToOrganization": in_team(
        lambda _, __: {"members": [{"email": "new@example.com"}], "addToOrganization": True},
        F="teamId addToOrganization",
        B="addToOrganization",
    ),
    "teamMemberUpdate role": in_team(lambda w, _: {"userId": w.mate.id, "role": "ADMIN"}),
    "teamMemberUpdate budget": in_team(lambda w, _: {"userId": w.mate.id, "budget": {"rpmLimit": "8"}}),
    "teamMemberUpdate raise one's own": in_team(
        lambda _, me: {"userId": me.id, "budget": {"rpmLimit": "10"}},
        B="budget.rpmLimit",
        M="userId",
    ),
    "teamMembersRemove": in_team(lambda w, _: {"members": [{"userId": w.mate.id}]}),
    "teamMembersRemove oneself": in_team(
        lambda _, me: {"members": [{"userId": me.id}]}, M="members.0.userId"
    ),
    "userCreate": deed(lambda _, __: {"name": "New"}, F=""),
    "userUpdate": about_mate(name="New"),
    "userUpdate oneself": deed(lambda _, me: {"id": me.id, "role": "ADMIN"}, F="id"),
    "userDelete": about_mate(),
    "userBlock": about_mate(),
    "userUnblock": about_mate(),
    "apiKeyCreate": deed(lambda w, _: {"userId": w.mate.id}, F="userId", N="userId"),
    "apiKeyCreate for oneself": deed(lambda _, __: {}, F="userId"),
}

LIST = "{ totalCount nodes { id } }"
ASKED: dict[str, tuple[str, Input]] = {
    "viewer": ("{ seen: platformRole }", lambda _, __: {}),
    "limits": ("{ seen: maxNodeIds }", lambda _, __: {}),
    "node": ("{ ... on Organization { seen: version } }", lambda w, _: {"id": w.organization.id}),
    "nodes": ("{ id }", lambda w, _: {"ids": everything(w)}),
    "organization": ("{ seen: version }", lambda w, _: {"id": w.organization.id}),
    "organizationByExternalId": ("{ seen: version }", lambda _, __: {"externalId": "acme"}),
    "organizations": (LIST, lambda _, __: {}),
    "team": ("{ seen: version }", lambda w, _: {"id": w.team.id}),
    "teamByExternalId": ("{ seen: version }", lambda _, __: {"externalId": "acme/search"}),
    "teams": (LIST, lambda _, __: {}),
    "user": ("{ seen: version }", lambda w, _: {"id": w.mate.id}),
    "user oneself": ("{ seen: version }", lambda _, me: {"id": me.id}),
    "userByExternalId": ("{ seen: version }", lambda _, __: {"externalId": "mate"}),
    "userByEmail": ("{ seen: version }", lambda w, _: {"email": w.mate.email}),
    "users": (LIST, lambda _, __: {}),
    "apiKey": ("{ seen: version }", lambda w, _: {"id": w.mate.key_id}),
    "apiKey one's own": ("{ seen: version }", lambda _, me: {"id": me.key_id}),
    "budget organization": ("{ seen: version }", lambda w, _: {"id": w.budgets["organization"].id}),
    "budget team": ("{ seen: version }", lambda w, _: {"id": w.budgets["team"].id}),
    "budget team_default": ("{ seen: version }", lambda w, _: {"id": w.budgets["team_default"].id}),
    "budget team_member": ("{ seen: version }", lambda w, _: {"id": w.budgets["team_member"].id}),
    "budget user": ("{ seen: version }", lambda w, _: {"id": w.budgets["user"].id}),
    "auditEntries": (LIST, lambda _, __: {}),
}
