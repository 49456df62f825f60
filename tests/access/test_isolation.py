"""Documents at random about another organization: answered without a mark, as if it were not there."""

import re
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Callable

import asyncpg
import orjson
import pytest

from access.scene import Scene, drawn, enter
from api_client import Api
from execution.both_ways import drops_fields
from factories import Factory, Key, Person

WORLD = [pytest.mark.soak, pytest.mark.timeout(0)]


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


async def asked_of_nothing(
    api: Api, scene: Scene, caller: Person | Key, sent: str, answer: bytes
) -> bool:
    """Whether the same is answered about what is not there.

    Of several errors that make one place null graphql-core tells those that came before the others: so
    where answers differ both are asked for again, of which a difference that tells something is in all.
    """
    for _ in range(10):
        absent = await ask(api, caller, scene.haunted(sent).encode())
        if unmarked(absent) == unmarked(scene.haunted(answer.decode()).encode()):
            return True
        answer = await ask(api, caller, sent.encode())
    return False


def unmarked(answer: bytes) -> bytes:
    """Without what every cursor begins with: a digest of the filter, which is of the question."""
    return re.sub(rb'"Wy[IJ][\w=-]+"', lambda found: _position(found[0][1:-1]), answer)


def _position(cursor: bytes) -> bytes:
    return orjson.dumps(orjson.loads(urlsafe_b64decode(cursor))[1:])


@drops_fields
@pytest.mark.parametrize("operation", ["query", "mutation"])
@pytest.mark.parametrize(
    ("first", "size"),
    [
        pytest.param(0, 100, id="some"),
        *(pytest.param(n, 500, id=f"{n}", marks=WORLD) for n in range(0, 10_000, 500)),
    ],
)
async def test_no_document_drawn_at_random_hears_of_another_organization(
    wide_apis: list[Api],
    make: Factory,
    owner: asyncpg.Connection,
    record_property: Callable[[str, object], None],
    operation: str,
    first: int,
    size: int,
) -> None:
    """In the long run so many documents in each of many worlds, which are tests of their own."""
    counted: Counter[str] = Counter()
    scene = await enter(make, wide_apis[0])
    for number, case in zip(range(size), drawn(scene, first, operation), strict=False):
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
        assert await asked_of_nothing(api, scene, scene.callers[who], sent, answer), (
            number,
            who,
            case,
        )
        counted["isolation: answers equal to those about nothing"] += 1
    for what, count in counted.items():
        record_property(what, count)


async def changes(owner: asyncpg.Connection) -> int:
    """Every change writes an entry of the audit."""
    count: int = await owner.fetchval("SELECT count(*) FROM audit_entries")
    return count
