"""A real nginx before something that answers calls, as the page for gateways configures it."""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx2
import pytest

from bursar.domain.roles import KeyScope
from factories import Factory
from live_server import LiveServer

pytestmark = pytest.mark.nginx

PAGE = (Path(__file__).parents[2] / "docs/gateways.md").read_text()
CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
    access_log off; client_body_temp_path {folder}/1; proxy_temp_path {folder}/2;
    fastcgi_temp_path {folder}/3; uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    {servers}
}}
"""
BLOCK = "mutation($input: TeamBlockInput!) { teamBlock(input: $input) { errors { code } } }"
CHAT = "/models/gpt-4/chat/completions"


class Models(BaseHTTPRequestHandler):
    """Answers a call with what it got."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {name.title(): value for name, value in self.headers.items()}
        answer = json.dumps({"path": self.path, "headers": headers, "body": body}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


@pytest.fixture
def models() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Models) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@contextmanager
def nginx(bursar: str, models: int, key: str) -> Iterator[str]:
    """nginx by the page's configuration, but for addresses and the gateway's key."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = re.search(r"^```nginx\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    servers = found[1]
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program
    for pattern, value in (
        (r"127\.0\.0\.1:8080", bursar.removeprefix("http://")),
        (r"127\.0\.0\.1:4000", f"127.0.0.1:{models}"),
        (r"listen \d+", f"listen 127.0.0.1:{port}"),
        (r"bk_the-gateway's-own-key", key),
    ):
        servers, times = re.subn(pattern, value, servers)
        assert times == 1, pattern
    with tempfile.TemporaryDirectory(prefix="bursar-nginx-") as folder:
        file = Path(folder, "conf")
        file.write_text(CONFIGURATION.format(folder=folder, servers=servers))
        with subprocess.Popen(
            [program, "-p", folder, "-c", file, "-e", "stderr"], stderr=subprocess.DEVNULL
        ) as process:
            try:
                url = f"http://127.0.0.1:{port}"
                for _ in range(200):
                    try:
                        httpx2.get(url)
                        break
                    except httpx2.ConnectError:
                        assert process.poll() is None
                        time.sleep(0.02)
                yield url
            finally:
                process.terminate()


def call(
    url: str, key: str | None, path: str = CHAT, **headers: str
) -> tuple[httpx2.Response, str]:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers |= {"Authorization": f"Bearer {key}"} if key else {}
    answer = httpx2.post(f"{url}{path}", headers=headers, content='{"messages": []}')
    return answer, answer.headers.get("X-Bursar-Reason", "")


async def test_calls_go_through_as_the_decision_says(
    make: Factory,
    live_server: Callable[..., AbstractContextManager[LiveServer]],
    models: int,
) -> None:
    team = await make.team(models=["gpt-4", "gpt-4-mini"], model_aliases={"mini": "gpt-4-mini"})
    gateway = await make.api_key(team=await make.team(), scopes=[KeyScope.GATEWAY])
    key, admin = await make.api_key(team=team), await make.admin()
    with live_server() as server, nginx(server.url, models, gateway.secret) as url:
        made_up = {"X_Bursar_Key_Id": "key_1", "X_Model": "o3", "Bursar_Gateway_Key": "bk_1"}
        answer, _ = call(url, key.secret, "/models/mini/chat/completions", **made_up)
        assert answer.status_code == 200
        got = answer.json()
        assert (got["path"], got["body"]) == ("/models/mini/chat/completions", '{"messages": []}')
        facts = {n: v for n, v in got["headers"].items() if n.startswith(("X-Bursar", "X-Model"))}
        assert facts == {"X-Model": "gpt-4-mini", "X-Bursar-Key-Id": key.id}
        assert not {gateway.secret, f"Bearer {key.secret}", "bk_1"} & set(got["headers"].values())

        for path, secret, expected in (
            ("/models/o3/chat/completions", key.secret, (403, "MODEL_NOT_ALLOWED")),
            (CHAT, "bk_nothing", (403, "KEY_UNKNOWN")),
            (CHAT, None, (401, "KEY_MISSING")),
            ("/models/a%0d%0aX-Model:%20gpt-4/chat/completions", key.secret, (404, "")),
            ("/authorize", key.secret, (404, "")),
        ):
            answer, reason = call(url, secret, path)
            assert (answer.status_code, reason) == expected, path

        httpx2.post(
            f"{server.url}/graphql",
            json={"query": BLOCK, "variables": {"input": {"id": team.id}}},
            headers={"Authorization": f"Bearer {admin.secret}"},
        ).raise_for_status()
        answer, reason = call(url, key.secret)
        assert (answer.status_code, reason) == (403, "TEAM_BLOCKED")

    with nginx(server.url, models, gateway.secret) as url:
        answer, _ = call(url, key.secret)
        assert answer.status_code == 500, "Bursar is away"
