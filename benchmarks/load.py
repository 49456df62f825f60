"""Load by wrk, and what the server did under it by the clock and by its own CPU time."""

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import orjson
from dataset import Served

SCRIPT = Path(__file__).with_suffix(".lua")


class Measured(NamedTuple):
    """How many a second, by the clock and by the CPU time of who answers them; and the p99."""

    per_second: float
    per_cpu_second: float
    p99_ms: float


def over_http(
    server: Served, path: str, key: str, bodies: Sequence[object], clients: int, seconds: float
) -> Measured:
    """Any of these bodies again and again, from so many connections, each when it was answered."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\n".join(map(orjson.dumps, bodies)))
        file.flush()
        given = {"KEY": key, "PATH": path, "BODIES": file.name}
        environment = {f"BENCHMARK_{name}": value for name, value in given.items()}
        wrk = ["wrk", "-t1", f"-c{clients}", f"-d{seconds:g}s", "--latency", "-s", str(SCRIPT)]
        before = server.core_seconds()
        said = subprocess.run(
            [*wrk, f"http://127.0.0.1:{server.port}"],
            env=os.environ | environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
        used = server.core_seconds() - before
    told = json.loads(said.splitlines()[-1])
    if told["failed"]:
        raise SystemExit(said)
    rate = told["requests"] / told["microseconds"] * 1e6
    return Measured(rate, told["requests"] / used, told["p99"] / 1000)
