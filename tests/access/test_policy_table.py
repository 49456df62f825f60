"""Who may do and see what: every root field of the schema, by everyone who could ask for it.

The tables say what the contract says, and know nothing of the policy in the source. Their rows are
root fields, more than one where a field does deeds of different weight; the columns are the actors.
A USER_VIEWER (`cap`) is an admin of everything below.

Of a mutation a cell says `ok` or how it is refused; where in the input, deeds.py says. F: forbidden;
f: a part of it is; N: not found; n: the person is no member; X: it clashes with what is stored. Of a
query it says how much is seen: `whole`, `name` (what everybody sees), `-` for null, or how many.
"""

import re
from collections.abc import Callable

import pytest
from graphql import build_schema

from access.deeds import DEEDS, QUESTIONS, mutation, query
from access.world import ACTORS, GATEWAY, build_world
from api_client import Api
from bursar.graphql.schema import schema
from factories import Factory

CODES = {"N": "NOT_FOUND", "n": "NOT_FOUND", "F": "FORBIDDEN", "f": "FORBIDDEN", "X": "CONFLICT"}

MUTATIONS = """
                                     platform         organization       team           none
                                     ADMIN VIEWER cap ADMIN VIEWER MBR   ADMIN MBR      stranger other

organizationCreate                   ok    F      F   F     F      F     F     F        F     F
organizationUpdate name              ok    F      F   ok    F      F     F     F        N     N
organizationUpdate metadata          ok    F      F   ok    F      F     F     F        N     N
organizationUpdate budget            ok    F      F   F     F      F     F     F        N     N
organizationUpdate models            ok    F      F   F     F      F     F     F        N     N
organizationUpdate allowNone         ok    F      F   F     F      F     F     F        N     N
organizationUpdate externalId        ok    F      F   F     F      F     F     F        N     N
organizationDelete                   ok    F      F   F     F      F     F     F        N     N
organizationMembersAdd               ok    F      F   ok    F      F     F     F        N     N
organizationMembersAdd as admin      ok    F      F   ok    F      F     F     F        N     N
organizationMembersAdd oneself       ok    F      F   X     F      F     F     F        N     N
organizationMembersAdd best effort   ok    F      F   ok    F      F     F     F        N     N
organizationMemberUpdate role        ok    F      F   ok    F      F     F     F        N     N
organizationMemberUpdate budget      ok    F      F   ok    F      F     F     F        N     N
organizationMemberUpdate oneself     n     F      F   ok    F      F     F     F        N     N
organizationMembersRemove            ok    F      F   ok    F      F     F     F        N     N
organizationMembersRemove oneself    n     F      F   X     ok     ok    ok    ok       N     N

teamCreate                           ok    F      F   ok    F      F     F     F        N     N
teamCreate in the built-in           ok    F      F   F     F      F     F     F        F     F
teamUpdate name                      ok    F      F   ok    F      N     ok    F        N     N
teamUpdate joinable                  ok    F      F   ok    F      N     ok    F        N     N
teamUpdate metadata                  ok    F      F   ok    F      N     ok    F        N     N
teamUpdate tags                      ok    F      F   ok    F      N     ok    F        N     N
teamUpdate description               ok    F      F   ok    F      N     ok    F        N     N
teamUpdate models                    ok    F      F   ok    F      N     ok    F        N     N
teamUpdate allowNone                 ok    F      F   ok    F      N     ok    F        N     N
teamUpdate modelAliases              ok    F      F   ok    F      N     ok    F        N     N
teamUpdate budget                    ok    F      F   ok    F      N     F     F        N     N
teamUpdate rpmLimitType              ok    F      F   ok    F      N     F     F        N     N
teamUpdate externalId                ok    F      F   ok    F      N     F     F        N     N
teamUpdate gatewaySettings           ok    F      F   ok    F      N     F     F        N     N
teamUpdate name and budget           ok    F      F   ok    F      N     f     F        N     N
teamModelsAdd                        ok    F      F   ok    F      N     ok    F        N     N
teamModelsRemove                     ok    F      F   ok    F      N     ok    F        N     N
teamMemberBudgetUpdate               ok    F      F   ok    F      N     ok    F        N     N
teamMemberPermissionsUpdate          ok    F      F   ok    F      N     ok    F        N     N
teamBlock                            ok    F      F   ok    F      N     F     F        N     N
teamUnblock                          ok    F      F   ok    F      N     F     F        N     N
teamsDelete                          ok    F      F   ok    F      N     F     F        N     N
teamMove to the built-in             ok    F      F   f     F      N     F     F        N     N

teamMembersAdd                       ok    F      F   ok    F      N     ok    F        N     N
teamMembersAdd as admin              ok    F      F   ok    F      N     ok    F        N     N
teamMembersAdd oneself               X     F      F   ok    F      N     X     F        N     N
teamMembersAdd addToOrganization     ok    F      F   ok    F      N     f     F        N     N
teamMembersAdd best effort           ok    F      F   ok    F      N     ok    F        N     N
teamMembersAdd all users             ok    F      F   ok    F      N     f     F        N     N
teamMemberUpdate role                ok    F      F   ok    F      N     ok    F        N     N
teamMemberUpdate budget              ok    F      F   ok    F      N     ok    F        N     N
teamMemberUpdate raise one's own     n     F      F   n     F      N     f     F        N     N
teamMembersRemove                    ok    F      F   ok    F      N     ok    F        N     N
teamMembersRemove oneself            n     F      F   n     n      N     ok    ok       N     N
teamJoin                             F     F      F   F     F      N     X     X        N     N
teamJoin an open one                 F     F      F   ok    ok     ok    ok    ok       N     N
teamLeave                            n     F      F   n     n      N     ok    ok       N     N

userCreate                           ok    F      F   F     F      F     F     F        F     F
userUpdate                           ok    F      F   F     F      N     F     F        N     N
userUpdate models                    ok    F      F   F     F      N     F     F        N     N
userUpdate oneself                   ok    F      F   F     F      F     F     F        F     F
userDelete                           ok    F      F   F     F      N     F     F        N     N
userBlock                            ok    F      F   F     F      N     F     F        N     N
userUnblock                          ok    F      F   F     F      N     F     F        N     N
apiKeyCreate                         ok    F      F   F     F      N     F     F        N     N
apiKeyCreate for oneself             ok    F      F   ok    ok     ok    ok    ok       ok    ok
apiKeyCreate for a member            ok    F      F   ok    F      N     ok    F        N     N
apiKeyCreate for oneself in a team   X     F      F   X     F      N     ok    F        N     N
apiKeyCreate for oneself permitted   X     F      F   X     F      N     ok    ok       N     N
apiKeyCreate for a member permitted  ok    F      F   ok    F      N     ok    F        N     N
apiKeyCreate of a service permitted  ok    F      F   ok    F      N     ok    ok       N     N
apiKeyCreate for a member to manage  ok    F      F   f     F      N     f     F        N     N
apiKeyCreate for a service           ok    F      F   ok    F      N     ok    F        N     N
apiKeyCreate for a gateway           ok    F      F   f     F      N     f     F        N     N
apiKeyUpdate of a member             ok    F      F   ok    F      N     ok    N        N     N
apiKeyUpdate of a service            ok    F      F   ok    F      N     ok    N        N     N
apiKeyUpdate of a member permitted   ok    F      F   ok    F      N     ok    N        N     N
apiKeyUpdate of a service permitted  ok    F      F   ok    F      N     ok    F        N     N
apiKeyUpdate rpmLimitType            ok    F      F   ok    F      N     ok    N        N     N
apiKeyUpdate of one's own            ok    F      F   ok    ok     ok    ok    ok       ok    ok
apiKeyMove of a service              ok    F      F   ok    F      N     n     N        N     N
apiKeyMove of one's own              X     F      F   X     f      N     X     f        N     N
apiKeyBlock                          ok    F      F   ok    F      N     ok    N        N     N
apiKeyUnblock                        ok    F      F   ok    F      N     ok    N        N     N
apiKeyRotate of a member             ok    F      F   ok    F      N     ok    N        N     N
apiKeyRotate of a managing key       ok    F      F   f     F      N     f     N        N     N
apiKeyRotate of a gateway            ok    F      F   f     F      N     f     N        N     N
apiKeysDelete                        ok    F      F   ok    F      N     ok    N        N     N

budgetCreate                         ok    F      F   F     F      F     F     F        F     F
budgetUpdate                         ok    F      N   N     N      N     N     N        N     N
budgetDelete                         ok    F      N   N     N      N     N     N        N     N
budgetAttach                         ok    F      n   n     n      N     n     n        N     N
budgetDetach                         ok    F      F   F     F      N     F     N        N     N
budgetIncrease of organization       ok    F      F   F     F      F     F     F        N     N
budgetIncrease of colleague          ok    F      F   ok    F      N     N     N        N     N
budgetIncrease of team               ok    F      F   ok    F      N     F     F        N     N
budgetIncrease of a member           ok    F      F   ok    F      N     ok    F        N     N
budgetIncrease of user               ok    F      F   F     F      N     F     F        N     N
budgetIncrease of a service          ok    F      F   ok    F      N     ok    N        N     N
budgetIncrease of one's own          X     F      F   X     X      X     X     X        X     X
spendReset of team                   ok    F      F   ok    F      N     F     F        N     N
spendReset of a member               ok    F      F   ok    F      N     ok    F        N     N
spendReset of a service              ok    F      F   ok    F      N     ok    N        N     N

accessGroupCreate                    ok    F      F   F     F      F     F     F        F     F
accessGroupUpdate                    ok    F      F   F     F      N     F     F        N     N
accessGroupDelete                    ok    F      N   N     N      N     N     N        N     N

usageRecord                          F     F      F   F     F      F     F     F        F     F
"""

QUERIES = """
                                     platform         organization       team           none
                                     ADMIN VIEWER cap   ADMIN VIEWER MBR   ADMIN MBR    stranger other

viewer                               whole whole  whole whole whole  whole whole whole  whole whole
limits                               whole whole  whole whole whole  whole whole whole  whole whole
node                                 whole whole  whole whole whole  name  name  name   -     -
nodes                                13    13     11    11    11     1     8     6      0     0
organization                         whole whole  whole whole whole  name  name  name   -     -
organizationByExternalId             whole whole  whole whole whole  -     -     -      -     -
organizations                        3     3      2     2     2      2     2     2      1     2
team                                 whole whole  whole whole whole  -     whole whole  -     -
teamByExternalId                     whole whole  whole whole whole  -     whole whole  -     -
teams                                3     3      2     2     2      0     1     1      0     1
deletedTeams                         2     2      1     1     0      0     0     0      0     1
teamDeletePreview                    1     1      1     1     1      0     1     1      0     0
joinableTeams                        0     0      1     1     1      1     1     1      0     0
user                                 whole whole  name  name  name   -     name  name   -     -
user oneself                         whole whole  whole whole whole  whole whole whole  whole whole
userByExternalId                     whole whole  -     -     -      -     -     -      -     -
userByEmail                          whole whole  name  name  name   -     name  name   -     -
users                                4     4      4     4     4      1     3     3      1     1
apiKey                               whole whole  -     -     -      -     -     -      -     -
apiKey one's own                     whole whole  whole whole whole  whole whole whole  whole whole
apiKey of a team                     whole whole  whole whole whole  -     whole -      -     -
apiKeyByExternalId                   whole whole  whole whole whole  -     whole -      -     -
apiKeys                              8     8      5     5     5      1     5     1      1     1
deletedApiKeys                       2     2      1     1     0      0     0     0      0     1
budget of organization               whole whole  whole whole whole  -     -     -      -     -
budget of organization member        whole whole  whole whole whole  -     -     -      -     -
budget of team                       whole whole  whole whole whole  -     whole whole  -     -
budget of members                    whole whole  whole whole whole  -     whole whole  -     -
budget of one member                 whole whole  whole whole whole  -     whole -      -     -
budget of user                       whole whole  -     -     -      -     -     -      -     -
budget of many                       whole whole  -     -     -      -     -     -      -     -
budgetByName                         whole whole  -     -     -      -     -     -      -     -
budgets                              2     2      0     0     0      0     0     0      0     0
resetPreview                         10    10     10    10    10     10    10    10     10    10
accessGroup                          whole whole  whole whole whole  -     whole whole  -     -
accessGroupByName                    whole whole  whole whole whole  -     whole whole  -     -
accessGroups                         2     2      1     1     1      0     1     1      0     0
auditEntries                         3     3      2     2     2      0     1     0      0     1
authorize                            -     -      -     -     -      -     -     -      -     -
explainAccess one's own              whole whole  whole whole whole  whole whole whole  whole whole
explainAccess of a team              whole whole  whole whole whole  -     whole -      -     -
activity                             4     4      2     2     2      0     2     0      0     1
usageEvents                          4     4      2     2     2      0     2     0      0     1
"""


# Done by keys with the scope GATEWAY alone, whatever else their users are.
FOR_GATEWAYS = {"usageRecord"}

Table = dict[str, list[str]]


def rows(text: str) -> Table:
    """The cells of each row by its name, which two blanks end."""
    lines = [re.split(r"\s{2,}", line, maxsplit=1) for line in text.splitlines()[3:] if line]
    return {name: cells.split() for name, cells in lines}


def cells(table: Table) -> list[tuple[str, str, str]]:
    return [
        (row, actor, cell)
        for row, listed in table.items()
        for actor, cell in zip(ACTORS, listed, strict=True)
    ]


@pytest.fixture
def counted(record_property: Callable[[str, object], None]) -> None:
    """How many cells were executed is printed at the end."""
    record_property("cells of the policy table", 1)


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize(("row", "actor", "expected"), cells(rows(MUTATIONS)))
async def test_mutation(api: Api, make: Factory, row: str, actor: str, expected: str) -> None:
    world = await build_world(make, blocked="Unblock" in row, permitted="permitted" in row)
    me = await ACTORS[actor](make, world)
    before = await api.fingerprint()
    answer = await api(me, mutation(row), input=DEEDS[row].input(world, me))
    places = [] if expected == "ok" else DEEDS[row].places[expected].split(" ")
    assert answer.refusals == [
        (CODES[expected], ".".join(["input", *filter(None, [place])])) for place in places
    ]
    assert (await api.fingerprint() == before) is (expected != "ok")


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize(("row", "actor", "expected"), cells(rows(QUERIES)))
async def test_query(api: Api, make: Factory, row: str, actor: str, expected: str) -> None:
    world = await build_world(make, metered=row in {"activity", "usageEvents"})
    me = await ACTORS[actor](make, world)
    match (await api(me, query(row, world, me))).payload:
        case None:
            seen = "-"
        case list(nodes):
            seen = str(len([node for node in nodes if node is not None]))
        case {"nodes": nodes, "totalCount": count} | {
            "seen": {"nodes": nodes, "totalCount": count}
        }:
            assert count == len(nodes)
            seen = str(count)
        case {"nodes": nodes}:
            seen = str(len(nodes))
        case {"seen": value}:
            seen = "name" if value is None else "whole"
    assert seen == expected


@pytest.mark.parametrize("row", [*rows(MUTATIONS), *rows(QUERIES)])
async def test_without_a_key_nothing_is_done_or_seen(api: Api, make: Factory, row: str) -> None:
    world = await build_world(make, blocked="Unblock" in row)
    before = await api.fingerprint()
    if row in DEEDS:
        variables = {"input": DEEDS[row].input(world, world.mate)}
        body = {"query": mutation(row), "variables": variables}
    else:
        body = {"query": query(row, world, world.mate)}
    response = await api.http.post("/graphql", json=body)
    assert response.status_code == 401
    assert response.json().keys() == {"errors"}
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert await api.fingerprint() == before


async def test_a_gateway_does_what_is_for_gateways_and_nothing_else(
    api: Api, make: Factory
) -> None:
    world = await build_world(make)
    done = set()
    for row, deed in DEEDS.items():
        answer = await api(world.keys[GATEWAY], mutation(row), input=deed.input(world, world.mate))
        if not answer.refusals:
            done.add(row)
    assert done == FOR_GATEWAYS


def test_the_tables_have_every_root_field_of_the_schema_and_no_other() -> None:
    printed = build_schema(schema.as_str())
    assert printed.mutation_type is not None
    assert printed.query_type is not None
    assert {row.split()[0] for row in rows(MUTATIONS)} == set(printed.mutation_type.fields)
    assert {row.split()[0] for row in rows(QUERIES)} == set(printed.query_type.fields)
    assert rows(MUTATIONS).keys() == DEEDS.keys()
    assert rows(QUERIES).keys() == QUESTIONS.keys()
