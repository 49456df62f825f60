"""Nothing of another organization is ever in an answer, however broad the question."""

import json
from decimal import Decimal

import pytest

from access.breadth import everything
from access.world import ACTORS, build_world
from api_client import Api
from bursar.domain.roles import OrganizationRole, TeamRole
from factories import Factory, Person

CANARY = "canary"
CANARY_LIMIT = 31_415_926_535
Question = tuple[str, dict[str, str]]
STRANGERS = [who for who in ACTORS if not who.startswith("platform")]


async def make_canaries(make: Factory, mate: Person) -> list[str]:
    """Another organization full of marks, which the mate belongs to as well; its ids."""
    named = {"name": CANARY, "external_id": CANARY, "metadata": {CANARY: CANARY}}
    models = [CANARY, f"group:{CANARY}"]
    organization = await make.organization(**named, models=models)
    team = await make.team(
        organization,
        **named,
        description=CANARY,
        tags=[CANARY],
        models=models,
        model_aliases={CANARY: CANARY},
    )
    group = await make.access_group(CANARY, models=[f"{CANARY}-mini"])
    for owner, row in (("organization", organization), ("team", team)):
        await make.access_group_use(group, owner, row.id)
    bird = await make.person(email=f"{CANARY}@example.com", **named)
    joined = [
        await make.organization_member(organization, bird, OrganizationRole.ADMIN),
        await make.organization_member(organization, mate),
        await make.team_member(team, bird, TeamRole.ADMIN),
        await make.team_member(team, mate),
    ]
    hidden = await make.team(
        organization, **{**named, "external_id": f"{CANARY}-open"}, joinable=True
    )
    owners = {"organization": organization, "team": team, "team_default": team, "user": bird.row}
    budgets = [
        await make.budget(kind, row, rpm_limit=CANARY_LIMIT)
        for kind, row in [
            *owners.items(),
            *(("organization_member", member) for member in joined[:2]),
            *(("team_member", member) for member in joined[2:]),
        ]
    ]
    plan = await make.plan(CANARY, rpm_limit=CANARY_LIMIT)
    for budget in (*budgets, plan):
        await make.model_limit(budget, CANARY, tpm_limit=CANARY_LIMIT)
    entries = [
        await make.audit_entry(
            thing,
            organization=organization,
            team=team,
            actor_user_id=bird.id,
            after={CANARY: CANARY},
        )
        for thing in (organization, team, mate.row)
    ]
    keys = [
        (await make.api_key(holder, team=team, alias=f"{CANARY} {kind}")).row
        for kind, holder in (("member", bird), ("service", None))
    ]
    await make.attachment(plan, "api_key", keys[0].id)
    gone = await make.deleted_team(organization, name=CANARY, external_id=CANARY)
    keys.append(await make.deleted_api_key(organization=organization, team=team, alias=CANARY))
    calls = [
        await make.usage_event(
            key,
            model=CANARY,
            provider=CANARY,
            endpoint=CANARY,
            tags=[CANARY],
            request_id=f"{CANARY}-{number}",
            organization_id=organization.id,
            prompt_tokens=CANARY_LIMIT,
            cost=Decimal(CANARY_LIMIT),
        )
        for number, key in enumerate(keys)
    ]
    rows = [
        gone,
        organization,
        team,
        hidden,
        bird.row,
        *joined,
        *budgets,
        plan,
        group,
        *entries,
        *keys,
        *calls,
    ]
    return [*(row.id for row in rows), bird.key_id]


def questions(ids: list[str]) -> list[Question]:
    """Everything that can be asked, and asked of each of these ids."""
    some = {"nodes": f"(ids: {json.dumps(ids)})"}
    some["teamDeletePreview"] = some["nodes"]
    external, email = f'(externalId: "{CANARY}")', f'(email: "{CANARY}@example.com")'
    some |= {name: external for name in everything({}) if name.endswith("ByExternalId")}
    some |= {"userByEmail": email, "resetPreview": '(duration: "1mo")'}
    some |= {"accessGroupByName": f'(name: "{CANARY}")'}
    some |= {"authorize": f'(key: "{CANARY}", model: "gpt-4")'}
    each = ("node", "organization", "team", "user", "apiKey", "budget", "accessGroup")
    keys = [id_ for id_ in ids if id_.startswith("key_")]
    some |= {"explainAccess": f'(keyId: "{keys[0]}", model: "gpt-4")'}
    documents = everything({**some, **dict.fromkeys(each, f'(id: "{ids[0]}")')})
    broad = [(document, {}) for name, document in documents.items() if name not in each]
    one = everything(dict.fromkeys(each, "(id: $id)"), edges=0, variables="($id: ID!)")
    explained = everything(
        {"explainAccess": '(keyId: $id, model: "gpt-4")'}, variables="($id: ID!)"
    )
    return [
        *broad,
        *((one[name], {"id": id_}) for name in each for id_ in ids),
        *((explained["explainAccess"], {"id": id_}) for id_ in keys),
    ]


async def answers(api: Api, person: Person, documents: list[Question]) -> str:
    """The bodies of all answers, none of which has a fault."""
    bodies = []
    for document, variables in documents:
        response = await api.http.post(
            "/graphql",
            json={"query": document, "variables": variables},
            headers={"Authorization": f"Bearer {person.secret}"},
        )
        assert "errors" not in response.json(), response.text
        bodies.append(response.text)
    return "\n".join(bodies)


@pytest.mark.parametrize("who", STRANGERS)
async def test_no_answer_has_a_mark_of_another_organization(
    wide_api: Api, make: Factory, who: str
) -> None:
    world = await build_world(make)
    ids = await make_canaries(make, world.mate)
    me = await ACTORS[who](make, world)
    body = await answers(wide_api, me, questions(ids))
    found = [mark for mark in (CANARY, str(CANARY_LIMIT), *ids) if mark in body]
    assert not found
    assert me.id in body


async def test_every_mark_is_in_the_answers_to_a_platform_viewer(
    wide_api: Api, make: Factory
) -> None:
    world = await build_world(make)
    ids = await make_canaries(make, world.mate)
    me = await ACTORS["platform viewer"](make, world)
    documents = questions(ids)
    body = await answers(wide_api, me, documents)
    assert not [mark for mark in (CANARY, str(CANARY_LIMIT), *ids) if mark not in body]
