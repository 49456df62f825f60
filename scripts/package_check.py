#!/usr/bin/env python
"""Takes the Dockerfile's steps without an engine, runs what they make as the image would, and asks it.

DATABASE_URL, or what scripts/postgres.py gives, is an empty PostgreSQL to be used. The server runs
from the wheel alone: as another account where this one is root, in a folder that it cannot write to,
with no right to write to a file anywhere, and with no more environment than the image has.
"""

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import httpx2
from dockerfile import Builder, Image

ROOT = Path(__file__).parents[1]
START_SECONDS = 60
VIEWER = {"query": "{ viewer { user { externalId } platformRole } }"}
ADMIN = {"data": {"viewer": {"user": {"externalId": "admin"}, "platformRole": "ADMIN"}}}
MEDIA_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
SECRETS = {"DATABASE_URL", "BURSAR_PEPPER", "BURSAR_ADMIN_KEY"}


@dataclass(frozen=True)
class Container:
    """Runs commands as the image would, but on a port of this machine's loopback alone."""

    image: Image
    folder: Path
    settings: dict[str, str]

    def started(self, *command: str) -> subprocess.Popen[str]:
        user, _, group = self.image.user.partition(":")
        account = {"user": int(user), "group": int(group), "extra_groups": []}
        return subprocess.Popen(
            # The limit is one on files alone: it speaks into a pipe.
            ["/bin/sh", "-c", 'ulimit -f 0 && exec "$@"', "sh", *command],
            cwd=self.folder,
            env={"HOME": "/", **self.image.env, **self.settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **({} if os.geteuid() else account),
        )

    def run(self, *command: str) -> str:
        with self.started(*command) as process:
            said, _ = process.communicate()
        expect(process.returncode == 0, f"{' '.join(command)} ends well", said)
        return said

    def healthy(self) -> bool:
        with self.started(*self.image.health_check) as process:
            process.communicate()
        return process.returncode == 0

    @contextmanager
    def serving(self) -> Iterator[None]:
        with self.started(*self.image.entrypoint, *self.image.command) as server:
            deadline = time.monotonic() + START_SECONDS
            try:
                while not self.healthy():
                    expect(server.poll() is None, "the server lives")
                    expect(time.monotonic() < deadline, "the health check passes in time")
                yield
            finally:
                server.terminate()
                said, _ = server.communicate()
                print(said, end="")
        expect(server.returncode == 0, "the server stops well at SIGTERM", server.returncode)
        expect(not self.healthy(), "the health check fails where nothing is served")


def expect(holds: object, sentence: str, *facts: object) -> None:
    if not holds:
        sys.exit(f"package: not so: {sentence} {' '.join(map(str, facts))}")


def check_files(build: Path, root: Path) -> None:
    """The wheel holds all that runs, and the source archive all that makes the same wheel."""
    (wheel,) = build.glob("dist/*.whl")
    held = set(ZipFile(wheel).namelist())
    for path in (ROOT / "migrations").rglob("*.py"):
        name = f"bursar/migrations/{path.relative_to(ROOT / 'migrations')}"
        expect(name in held, "every migration is in the wheel", name)
    expect("bursar/http/graphiql/index.html" in held, "GraphiQL is in the wheel")
    hatchling = [root / "opt/bursar/bin/python", "-m", "hatchling", "build", "--target"]
    subprocess.run([*hatchling, "sdist"], cwd=build, check=True)
    (archive,) = build.glob("dist/*.tar.gz")
    shutil.unpack_archive(archive, root / "sdist")
    (source,) = (root / "sdist").iterdir()
    subprocess.run([*hatchling, "wheel"], cwd=source, check=True)
    (again,) = source.glob("dist/*.whl")
    missing = held ^ set(ZipFile(again).namelist())
    expect(not missing, "the source archive makes the same wheel", missing)


def check_compiled(packages: Path) -> None:
    """No start compiles what it imports: the image's user could not keep what comes of it."""
    for module in [*packages.glob("*/__init__.py"), *packages.glob("bursar/**/*.py")]:
        compiled = module.parent.glob(f"__pycache__/{module.stem}.*.pyc")
        expect(any(compiled), "every module is compiled", module)


def check_answers(url: str, key: str) -> None:
    """GraphiQL and each file that its page names are served, and a query is answered."""
    with httpx2.Client(base_url=url, trust_env=False) as http:
        page = http.get("/graphql", headers={"Accept": "text/html"})
        named = re.findall(r'(?:src|href)="(/graphql/assets/[^"]+\.(\w+))"', page.text)
        expect({kind for _, kind in named} == set(MEDIA_TYPES), "the page is GraphiQL", page.text)
        for path, kind in named:
            asset = http.get(path)
            expect(asset.is_success, f"{path} is served", asset.status_code)
            expect(asset.headers["content-type"] == MEDIA_TYPES[kind], f"{path} has its type")
            expect(asset.headers.get("content-encoding") == "gzip", f"{path} is sent by gzip")
        ready = http.get("/readyz")
        expect(ready.is_success, "the server is ready", ready.text)
        answer = http.post("/graphql", json=VIEWER, headers={"Authorization": f"Bearer {key}"})
        expect(answer.json() == ADMIN, "the admin's query is answered", answer.text)


def main(database_url: str) -> None:
    with tempfile.TemporaryDirectory(prefix="bursar-package-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        image = Builder(ROOT, root).build()
        expect(not SECRETS & set(image.env), "no secret is in the image")
        expect(image.user.partition(":")[0] != "0", "the image does not run as root")
        check_files(root / "build", root)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        nowhere = root / "nowhere"
        nowhere.mkdir(mode=0o555)
        key = secrets.token_urlsafe(32)
        settings = {
            "DATABASE_URL": database_url,
            "BURSAR_PEPPER": secrets.token_hex(32),
            "BURSAR_ADMIN_KEY": key,
            "BURSAR_HOST": "127.0.0.1",
            "BURSAR_PORT": str(port),
        }
        container = Container(image, nowhere, settings)
        where = container.run("python", "-c", "import bursar; print(bursar.__file__)")
        expect(where.startswith(f"{root}/opt/bursar/lib/"), "the wheel is what runs", where)
        check_compiled(Path(where).parents[1])
        print(container.run(*image.entrypoint, "migrate"), end="")
        with container.serving():
            check_answers(f"http://127.0.0.1:{port}", key)
            container.run(*image.entrypoint, "migrate", "--check")
    print(f"The package is good ({time.monotonic() - started:.0f} s).")


if __name__ == "__main__":
    started = time.monotonic()
    found = os.environ.get("BURSAR_TEST_DATABASE_URL") or os.environ.get("DATABASE_URL")
    main(
        found
        or sys.exit("Which PostgreSQL? Run it as scripts/postgres.py COMMAND, or set DATABASE_URL.")
    )
