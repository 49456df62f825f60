"""What strangers ask about the organization full of marks, and what of it they were told."""

import re
from base64 import urlsafe_b64decode
from binascii import Error
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from access.canaries import CANARY, make_canaries, marks
from access.world import ACTORS, build_world
from api_client import Api
from bursar.domain.ids import new_id, prefix_of
from bursar.domain.roles import KeyScope
from execution.corpus import Case, Corpus
from execution.test_same_answer import SCHEMA, valid
from factories import Factory, Key, Person

# Request ids and microseconds, of which one in a million has the digits of a mark.
_BY_CHANCE = re.compile(
    r'(?<=requestId":")[0-9a-f]{32}|(?<=x-request-id: )[0-9a-f]{32}|(?<=:\d\d)\.\d{6}'
)
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
# After these, done to what is one's own, not all callers could ask any more.
LAST = ["organizationDelete", "organizationMembersRemove", "teamsDelete", "teamBlock", "teamMove"]
LAST += ["teamMembersRemove", "teamLeave", "userDelete", "userUpdate", "userBlock"]
LAST += ["apiKeysDelete", "apiKeyBlock", "apiKeyRotate", "apiKeyUpdate"]


@dataclass(frozen=True)
class Scene:
    """Who asks, what they ask with, and what they must not hear.

    The ids of the callers' own, of the other's, and both, as corpora take them.
    """

    callers: Mapping[str, Person | Key]
    own: Mapping[str, Sequence[str]]
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
        text = _BY_CHANCE.sub("", "\n".join([answer.decode(), *_decoded(answer.decode())]))
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
    kinds = map(_by_kind, (own, hidden, [*hidden, *own * 4]))
    return Scene(callers, *kinds, cursors, marks(hidden), ghosts)


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


def drawn(scene: Scene, seed: int, operation: str) -> Iterator[Case]:
    """Of two one names what is the other's alone, and one also what is the callers' own."""
    known = {"scalars": WORDS[operation], "cursors": scene.cursors}
    foreign = Corpus(SCHEMA, scene.hidden, leave_out=FOR_GATEWAYS, **known)
    mixed = Corpus(SCHEMA, scene.ids, leave_out=[*LAST, *FOR_GATEWAYS], **known)
    pairs = zip(valid(foreign, seed, operation), valid(mixed, seed + 1, operation), strict=True)
    return chain.from_iterable(pairs)
