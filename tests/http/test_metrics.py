"""/metrics: what Prometheus reads, who may, and that several workers count as one."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bursar import __version__
from bursar.domain.roles import PlatformRole
from factories import Factory, Person

Serve = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]
CREATE = """mutation ($input: OrganizationCreateInput!) {
    organizationCreate(input: $input) { errors { code } }
}"""


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels, in the order of their names."""
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def post(caller: httpx2.AsyncClient, person: Person, query: str, **variables: object) -> None:
    await caller.post(
        "/graphql",
        json={"query": query, "variables": variables},
        headers={"Authorization": f"Bearer {person.secret}"},
    )


async def scrape(caller: httpx2.AsyncClient, person: Person) -> httpx2.Response:
    return await caller.get("/metrics", headers={"Authorization": f"Bearer {person.secret}"})


async def test_requests_are_counted_by_what_they_asked_and_how_it_ended(
    serve: Serve, make: Factory
) -> None:
    admin = await make.admin()
    async with serve() as caller:
        for _ in range(3):
            await post(caller, admin, "query Mine { a: viewer { platformRole } }")
        await post(caller, admin, "{ teams { totalCount } users { totalCount } }")
        await post(
            caller, admin, "{ ...Root } fragment Root on Query { teams(first: -1) { totalCount } }"
        )
        await post(caller, admin, "{ nothing }")
        for name in ("Acme", ""):
            await post(caller, admin, CREATE, input={"name": name, "externalId": "acme"})
        await caller.post("/graphql", json={"query": "{ viewer { platformRole } }"})
        found = samples((await scrape(caller, admin)).text)
    requests = {key[1:]: count for key, count in found.items() if key[0] == "bursar_requests_total"}
    assert requests == {
        ("", "viewer", "query", "ok"): 3,
        ("", "several", "query", "ok"): 1,
        ("BAD_USER_INPUT", "teams", "query", "errors"): 1,
        ("GRAPHQL_VALIDATION_FAILED", "", "", "refused"): 1,
        ("", "organizationCreate", "mutation", "ok"): 1,
        ("BAD_INPUT", "organizationCreate", "mutation", "refused"): 1,
        ("UNAUTHENTICATED", "", "", "refused"): 1,
    }
    assert found["bursar_request_duration_seconds_count", "viewer", "query"] == 3
    assert 0 < found["bursar_request_duration_seconds_sum", "viewer", "query"] < 3
    assert found["bursar_request_statements_sum", "viewer", "query"] == 3  # a sign-in each
    assert found["bursar_request_statements_bucket", "viewer", "1.0", "query"] == 3


async def test_executions_are_counted_by_what_executed_them_and_why(
    serve: Serve, make: Factory
) -> None:
    admin = await make.admin()
    documents = ("{ viewer { platformRole } }", "{ __typename __schema { description } }")
    counted = []
    for compiled in (True, False):
        async with serve(compiled=compiled) as caller:
            for document in (*documents, "query($n: Int!) { teams(first: $n) { totalCount } }"):
                await post(caller, admin, document)
            found = samples((await scrape(caller, admin)).text)
        counted.append({k[1:]: n for k, n in found.items() if k[0] == "bursar_executions_total"})
    assert counted == [
        {("plan", ""): 1, ("graphql-core", "refused: introspection"): 1},
        {("graphql-core", "refused: off"): 2},
    ]


async def test_a_fault_of_ours_is_counted_as_one(
    serve: Serve, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await make.admin()
    async with serve() as caller:
        with monkeypatch.context() as patch:
            patch.setattr("bursar.http.endpoint.Documents.prepare", None)
            await post(caller, admin, "{ viewer { platformRole } }")
        found = samples((await scrape(caller, admin)).text)
    assert found["bursar_requests_total", "INTERNAL_SERVER_ERROR", "", "", "errors"] == 1


async def test_the_pool_the_process_and_the_version_are_told(serve: Serve, make: Factory) -> None:
    admin = await make.admin()
    async with serve(pool_size=7) as caller:
        answer = await scrape(caller, admin)
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    found = samples(answer.text)
    assert found["bursar_pool_size",] == 7 + 4
    assert (found["bursar_pool_lent",], found["bursar_pool_free",]) == (0, 1)
    assert found["bursar_pool_waiting",] == 0
    assert found["bursar_workers",] == 1
    assert found["bursar_info", __version__] == 1
    assert found["process_resident_memory_bytes",] > 1_000_000


async def test_only_platform_admins_and_viewers_read_them(serve: Serve, make: Factory) -> None:
    answers = {}
    async with serve() as caller:
        for role in PlatformRole:
            answers[role] = (await scrape(caller, await make.person(role))).status_code
        anonymous = await caller.get("/metrics")
    assert answers == {"ADMIN": 200, "VIEWER": 200, "USER": 403, "USER_VIEWER": 403}
    assert anonymous.status_code == 401
    assert anonymous.headers["WWW-Authenticate"] == "Bearer"
    assert "bursar_" not in anonymous.text


async def test_a_database_that_is_away_hides_them(serve: Serve, make: Factory) -> None:
    admin = await make.admin()
    async with serve("postgresql://ada:secret@127.0.0.1:1/bursar") as caller:
        answer = await scrape(caller, admin)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


WORKERS = """
import asyncio, os, sys
from bursar.http import lines, metrics

def metrics_of_a_worker():
    from bursar.database.pool import Database
    from bursar.services.failed_sign_ins import FailedSignIns
    from bursar.services.sign_in import SignIn
    database = Database("postgresql://", size=5)
    return metrics.Metrics(database, SignIn(database, [], FailedSignIns(1)))

async def work():
    worker = metrics_of_a_worker()
    async with worker.sampled():
        await asyncio.sleep(0)
        told = {"operation_type": "query", "field": "team", "outcome": "ok", "statements": 2}
        worker.count(told, 0.5)
        lines.lost().inc(2)

metrics.prepare(3)
folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]
pids = []
for _ in range(3):
    if (pid := os.fork()) == 0:
        asyncio.run(work())
        sys.exit(0)
    pids.append(pid)
for pid in pids:
    os.waitpid(pid, 0)
metrics.worker_died(pids[0])
from prometheus_client import generate_latest
assert os.stat(folder).st_mode & 0o777 == 0o700
print(generate_latest(metrics_of_a_worker()._registry).decode())
print("#", folder)
"""


def test_several_workers_count_together_and_a_dead_one_holds_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WORKERS], capture_output=True, text=True, check=True
    )
    found = samples(done.stdout)
    assert found["bursar_requests_total", "", "team", "query", "ok"] == 3
    assert found["bursar_request_duration_seconds_sum", "team", "query"] == 1.5
    assert found["bursar_log_lines_lost_total",] == 6
    assert found["bursar_request_statements_bucket", "team", "2.0", "query"] == 3
    assert (found["bursar_workers",], found["bursar_pool_size",]) == (2, 10)
    assert not any(name.startswith("process_") for name, *_ in found)
    folder = done.stdout.splitlines()[-1].removeprefix("# ")
    gone = subprocess.run(["test", "-e", folder], check=False)
    assert gone.returncode == 1
