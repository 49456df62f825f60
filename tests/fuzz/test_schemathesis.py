"""Schemathesis asks a server that listens whatever the schema allows: nothing is a fault of ours."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from math import ceil
from pathlib import Path

import httpx2
import pytest
from graphql import build_schema

from live_server import LiveServer, serving

ROOT = Path(__file__).parents[2]
KEY = "the-key-of-the-operator-of-this-server"
SIGNED_IN = {"Authorization": f"Bearer {KEY}"}
SEED = ["--organizations", "5", "--teams", "20", "--users", "50", "--members-per-team", "3"]
SEED += ["--events-per-day", "10"]
THINGS = """
    query Things {
        organizations(first: 10) { nodes { id } }
        teams(first: 20) { nodes { id members { nodes { id user { id } } } } }
        viewer { user { id } key { id } }
    }
"""
# What it makes up is well-typed, not true: an id of nothing, a cursor of no list, both `first` and
# `last`. That such a value is refused is right, so the check that all are accepted stays out.
EXCLUDED = "positive_data_acceptance"


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with tempfile.TemporaryDirectory(prefix="bursar-test-") as parent:
        Path(parent).chmod(0o711)
        settings = {"BURSAR_DATA_DIR": f"{parent}/data", "BURSAR_ADMIN_KEY": KEY}
        seed = [sys.executable, "-m", "bursar", "seed", *SEED]
        subprocess.run(seed, env={**os.environ, **settings}, check=True, stdout=subprocess.DEVNULL)
        with serving(**settings) as server:
            yield server


@pytest.mark.timeout(90)
def test_no_document_of_schemathesis_is_answered_with_a_fault(
    server: LiveServer, tmp_path: Path
) -> None:
    fuzz(server, tmp_path, cases=200, seed=1)


@pytest.mark.soak
def test_no_document_of_schemathesis_is_answered_with_a_fault_for_long(
    server: LiveServer, tmp_path: Path
) -> None:
    fuzz(server, tmp_path, cases=2000, seed=None)


def fuzz(server: LiveServer, folder: Path, *, cases: int, seed: int | None) -> None:
    """Run at least so many cases, spread over all root fields; without a seed others each time."""
    report = folder / "report.json"
    run = subprocess.run(
        [
            Path(sys.executable).with_name("st"),
            *("run", f"{server.url}/graphql"),
            *("--header", f"Authorization: Bearer {KEY}"),
            *("--phases", "fuzzing"),
            *("--mode", "positive"),
            *("--exclude-checks", EXCLUDED),
            *("--max-examples", str(ceil(cases / operations()))),
            *([] if seed is None else ["--seed", str(seed)]),
            *("--report-json-path", report),
        ],
        cwd=folder,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": str(Path(__file__).with_name("values.py")),
            "BURSAR_TEST_IDS": ",".join(sorted(ids(server))),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    done = json.loads(report.read_text())
    assert done["operations"]["tested"] == operations()
    assert done["test_cases"]["generated"] >= cases
    assert done["test_cases"]["with_failures"] == done["test_cases"]["errored"] == 0
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert len(lines) > cases
    assert [
        line for line in lines if line["level"] == "error" or line.get("status", 0) >= 500
    ] == []


def operations() -> int:
    """How many root fields the schema has."""
    schema = build_schema((ROOT / "schema.graphql").read_text())
    return sum(len(root.fields) for root in (schema.query_type, schema.mutation_type) if root)


def ids(server: LiveServer) -> set[str]:
    """The ids of things that are there, but for the operator's own: without them it ends soon."""
    body = {"query": THINGS}
    response = httpx2.post(f"{server.url}/graphql", json=body, headers=SIGNED_IN)
    data = response.json()["data"]
    return set(identified(data)) - set(identified(data["viewer"]))


def identified(data: object) -> list[str]:
    return re.findall(r'"id": "(\w+)"', json.dumps(data))
