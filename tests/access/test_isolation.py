"""Documents at random about another organization: answered without a mark, as if it were not there."""

import re
from base64 import urlsafe_b64decode
from binascii import Error
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import asyncpg
import orjson
import pytest
from conftest import EMPTY

from access.canaries import CANARY, make_canaries, marks
from access.world import ACTORS, build_world
from api_client import Api
from bursar.domain.ids import new_id, prefix_of
from bursar.domain.roles import KeyScope
from execution.corpus import Case, Corpus
from execution.test_same_answer import SCHEMA, valid
from factories import Factory, Key, Person

GHOST = "wraith"  # as long as a canary, and nothing's name
WORDS = {
    "query": {
        "String": (CANARY, f"{CANARY}@example.com", f"group:{CANARY}", "gpt-4", "", CANARY[:4])
    },
    # What a mutation was told may be in what it makes: here no word is the other's.
    "mutation": {
        "String": ("New", "gpt-4", "group:small"),
        "email": ("new@example.com",),
        "timezone": ("UTC",),
        "expectedVersion": (1,),
        "idempotencyKey": (None,),  # another's document would be no repetition
        "externalId": (None,),
        "Int": (1, 2),
        "Decimal": ("0", "1"),
    },
}
LISTS = ["teams", "organizations", "users", "apiKeys", "budgets", "accessGroups", "auditEntries"]
LISTS += ["usageEvents", "deletedTeams", "deletedApiKeys"]
KINDS = {
    "org": ("Organization", "organizationId", "organizationIds", "holderId"),
    "team": ("Team", "teamId", "teamIds", "holderId"),
    "user": ("User", "userId", "userIds"),
    "key": ("ApiKey", "keyId", "apiKeyIds", "holderId"),
    "member": ("TeamMember", "holderId"),
    "budget": ("Budget", "budgetId"),
    "group": ("AccessGroup",),
}
# By a gateway a platform admin lets it be told of any key, and count its calls.
FOR_GATEWAYS = ["authorize", "usageRecord"]
PER_WORLD = 500
# After these, done to what is one's own, not all callers could ask any more.
LAST = [
    *FOR_GATEWAYS,
    "organizationDelete",
    "organizationMembersRemove",
    "teamsDelete",
    "teamBlock",
]
LAST += ["teamMove", "teamMembersRemove", "teamLeave", "userDelete", "userBlock", "apiKeysDelete"]
LAST += ["apiKeyBlock", "apiKeyRotate", "apiKeyUpdate"]


@dataclass(frozen=True)
class Scene:
    """Who asks, what they ask with, and what they must not hear."""

    callers: Mapping[str, Person | Key]
    hidden: Mapping[str, Sequence[str]]
    ids: Mapping[str, Sequence[str]]
    cursors: Sequence[str]
    marks: Sequence[str]
    ghosts: Mapping[str, str]

    def haunted(self, text: str) -> str:
        """The same, asked of what is not there at all."""
        for there, ghost in self.ghosts.items():
            text = text.replace(there, ghost)
        return text

    def told(self, answer: bytes, sent: str) -> list[str]:
        """Marks in an answer, and in what is encoded in it, which were not in the question."""
        text = "\n".join([answer.decode(), *_decoded(answer.decode())])
        return [mark for mark in self.marks if mark in text and mark not in sent]


async def enter(make: Factory, api: Api) -> Scene:
    world = await build_world(make, metered=True)
    hidden = await make_canaries(make, world.mate)
    callers: dict[str, Person | Key] = {
        who: await arrive(make, world)
        for who, arrive in ACTORS.items()
        if not who.startswith("platform")
    }
    # Those of the mate, who belongs to the other one too, are left out.
    callers |= {f"{kind} key": world.keys[kind] for kind in ("service", "gateway")}
    await make.team_member(world.team, world.newcomer)
    callers["member's key"] = await make.api_key(world.newcomer, team=world.team)
    callers["managing key"] = await make.api_key(
        world.newcomer, team=world.team, scopes=[KeyScope.MANAGE]
    )
    own = [*world.ids(), world.newcomer.id, world.free_group.id]
    admin = await make.admin()
    cursors = []
    for field in LISTS:
        answer = await api(admin, f"{{ {field}(first: 50) {{ edges {{ cursor }} }} }}")
        cursors += [edge["cursor"] for edge in answer.payload["edges"]]
    ghosts = {there: new_id(prefix_of(there)) for there in hidden} | {CANARY: GHOST}
    return Scene(
        callers, _by_kind(hidden), _by_kind([*hidden, *own * 4]), cursors, marks(hidden), ghosts
    )


def _by_kind(ids: Sequence[str]) -> dict[str, list[str]]:
    """By the names that corpora know them by: of types, of arguments, and of what mutations answer."""
    found: dict[str, list[str]] = {}
    for each in ids:
        prefix = str(prefix_of(each))
        for name in KINDS.get(prefix, (prefix,)):
            found.setdefault(name, []).append(each)
    assert SCHEMA.mutation_type is not None
    for field, mutation in SCHEMA.mutation_type.fields.items():
        for kind in ("organization", "team", "user", "apiKey", "budget", "accessGroup"):
            if field.startswith(kind):
                found[mutation.type.of_type.name] = found[f"{kind[0].upper()}{kind[1:]}"]
    return found


def _decoded(text: str) -> Iterator[str]:
    for token in re.findall(r"[A-Za-z0-9_=-]{16,}", text):
        try:
            yield urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode(errors="replace")
        except Error:
            continue


async def ask(api: Api, caller: Person | Key, body: bytes) -> bytes:
    """Every byte of the answer but the id of the request."""
    response = await api.http.post(
        "/graphql",
        content=body,
        headers={"Authorization": f"Bearer {caller.secret}", "Content-Type": "application/json"},
    )
    headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
    request_id = response.headers["X-Request-Id"]
    return f"{response.status_code}\n{headers}\n{response.text}".replace(request_id, "").encode()


@pytest.mark.parametrize("operation", ["query", "mutation"])
@pytest.mark.parametrize(
    "size", [150, pytest.param(10_000, marks=[pytest.mark.soak, pytest.mark.timeout(7200)])]
)
async def test_no_document_drawn_at_random_hears_of_another_organization(
    wide_apis: list[Api],
    make: Factory,
    owner: asyncpg.Connection,
    record_property: Callable[[str, object], None],
    operation: str,
    size: int,
) -> None:
    counted: Counter[str] = Counter()
    for first in range(0, size, PER_WORLD):
        await owner.execute(EMPTY)
        scene = await enter(make, wide_apis[0])
        for number, case in zip(
            range(first, min(first + PER_WORLD, size)), drawn(scene, first, operation), strict=False
        ):
            who = [*scene.callers][number % len(scene.callers)]
            api = wide_apis[number // len(scene.callers) % 2]
            sent = orjson.dumps({"query": case.text, "variables": case.variables}).decode()
            before = await changes(owner)
            answer = await ask(api, scene.callers[who], sent.encode())
            assert not scene.told(answer, sent), (number, who, case, answer)
            assert answer.startswith(b"200\n"), (number, who, case, answer)
            counted[
                f"isolation: {operation} by {'plans' if api is wide_apis[0] else 'graphql-core'}"
            ] += 1
            if await changes(owner) > before:
                counted["isolation: documents that changed something"] += 1
                continue
            absent = await ask(api, scene.callers[who], scene.haunted(sent).encode())
            assert absent == scene.haunted(answer.decode()).encode(), (number, who, case)
            counted["isolation: answers equal to those about nothing"] += 1
    for what, count in counted.items():
        record_property(what, count)


def drawn(scene: Scene, seed: int, operation: str) -> Iterator[Case]:
    """Of two one names what is the other's alone, and one also what is the callers' own."""
    known = {"scalars": WORDS[operation], "cursors": scene.cursors}
    foreign = Corpus(SCHEMA, scene.hidden, leave_out=FOR_GATEWAYS, **known)
    mixed = Corpus(SCHEMA, scene.ids, leave_out=LAST, **known)
    pairs = zip(valid(foreign, seed, operation), valid(mixed, seed + 1, operation), strict=True)
    return chain.from_iterable(pairs)


async def changes(owner: asyncpg.Connection) -> int:
    """Every change writes an entry of the audit."""
    count: int = await owner.fetchval("SELECT count(*) FROM audit_entries")
    return count
