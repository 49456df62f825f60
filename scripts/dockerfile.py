"""Takes the steps of a Dockerfile on this machine, below a folder that stands for the image's root.

It knows the instructions that Bursar's Dockerfile has, and stops at any other. All stages share the
folder, so what one copies from another has to keep its path. Base images are not had: python, node
and npm are this machine's, and for `npm ci` stand the packages that scripts/node.py installs.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from string import Template

import pip
from node import install, programs

PLACES = re.compile(r"(?<![\w.-])/(build|opt)\b")
"""The folders of the image that its steps write to."""


@dataclass
class Image:
    """What the last stage says of how it is run."""

    env: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health_check: list[str] = field(default_factory=list)


class Builder:
    """Builds below `root` from the files of `context` that its .dockerignore lets pass."""

    def __init__(self, context: Path, root: Path) -> None:
        self._context = context
        self._root = root
        self._folder = root
        self._image = Image()
        lines = (context / ".dockerignore").read_text().splitlines()
        self._ignored = [line for line in lines if line and not line.startswith("#")]
        self._env = {"PATH": f"{root / 'tools'}{os.pathsep}{os.defpath}"}
        python = [sys.executable] if os.geteuid() else [str(self._copy_python())]
        (root / "tools").mkdir()
        for name, command in {"python": python, **programs()}.items():
            tool = root / "tools" / name
            tool.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
            tool.chmod(0o755)

    def _copy_python(self) -> Path:
        """This Python where every account can run it: root's own may be in a private home."""
        copy, base = self._root / "python", Path(sys.base_prefix)
        library = f"lib/python{sys.version_info.major}.{sys.version_info.minor}"
        skipped = shutil.ignore_patterns("test", "site-packages", "dist-packages")
        shutil.copytree(base / library, copy / library, ignore=skipped)
        for packages in ("site-packages", "dist-packages"):  # the second is Debian's name for it
            shutil.copytree(Path(pip.__file__).parent, copy / library / packages / "pip")
        for shared in (base / "lib").glob("libpython3*.so*"):
            shutil.copy(shared, copy / "lib")
        self._env["LD_LIBRARY_PATH"] = str(copy / "lib")
        (copy / "bin").mkdir()
        return Path(shutil.copy(os.path.realpath(sys.executable), copy / "bin/python3"))

    def build(self) -> Image:
        """Take every step; the first that fails ends the script with what it said."""
        for name, text in _instructions((self._context / "Dockerfile").read_text()):
            began = time.monotonic()
            self._take(name, PLACES.sub(rf"{self._root}/\1", text))
            print(f"{time.monotonic() - began:4.0f} s  {name} {text}"[:100], flush=True)
        return self._image

    def _take(self, name: str, text: str) -> None:
        match name:
            case "FROM":
                self._image, self._folder = Image(env=dict(self._env)), self._root
            case "WORKDIR":
                self._folder = self._root if text == "/" else Path(text)
                self._folder.mkdir(parents=True, exist_ok=True)
            case "COPY":
                self._copy(*text.split())
            case "RUN" if text == "npm ci":
                self._link_packages()
            case "RUN":
                self._run(text)
            case "EXPOSE":
                pass
            case _:
                _note(self._image, name, text)

    def _run(self, command: str) -> None:
        # The machine's own environment beneath: it may be needed to reach the registries.
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self._folder,
            env={**os.environ, **self._image.env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{done.stdout}\nDockerfile: that was RUN {command}")

    def _link_packages(self) -> None:
        """Use the packages of the context's own folder, which are those of the same lock file."""
        source = self._context / self._folder.relative_to(self._root / "build")
        install(source)
        (self._folder / "node_modules").symlink_to(source / "node_modules")

    def _copy(self, *words: str) -> None:
        *sources, target = words
        if sources[0].startswith("--from="):
            if sources[1:] != [target] or not Path(target).exists():
                sys.exit(f"Dockerfile: {target} has to be there, at the same path in both stages.")
            return
        for source in sources:
            found = self._context / source
            if self._skipped(PurePosixPath(source)):
                sys.exit(f"Dockerfile: {source} is copied, and .dockerignore keeps it out.")
            if found.is_dir():
                goal = self._folder / target
                shutil.copytree(found, goal, ignore=self._left_out, dirs_exist_ok=True)
            else:
                goal = self._folder / target / found.name
                goal.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(found, goal)

    def _left_out(self, folder: str, names: list[str]) -> set[str]:
        place = PurePosixPath(Path(folder).relative_to(self._context))
        return {name for name in names if self._skipped(place / name)}

    def _skipped(self, path: PurePosixPath) -> bool:
        """As an engine decides: the last line that fits the path or a folder above it."""
        skipped = False
        for line in self._ignored:
            pattern = line.removeprefix("!")
            if any(_fits(place, pattern) for place in [path, *path.parents][:-1]):
                skipped = not line.startswith("!")
        return skipped


def _note(image: Image, name: str, text: str) -> None:
    match name:
        case "ENV":
            for pair in shlex.split(text):
                key, _, value = pair.partition("=")
                image.env[key] = Template(value).substitute(image.env)
        case "USER":
            image.user = text
        case "ENTRYPOINT":
            image.entrypoint = json.loads(text)
        case "CMD":
            image.command = json.loads(text)
        case "HEALTHCHECK":
            image.health_check = json.loads(text.partition("CMD ")[2])
        case _:
            sys.exit(f"Dockerfile: {name} is more than scripts/dockerfile.py knows.")


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        name, _, rest = line.partition(" ")
        if name:
            yield name, rest


def _fits(path: PurePosixPath, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatchcase(path.name, pattern.removeprefix("**/"))
    return len(path.parts) == len(PurePosixPath(pattern).parts) and fnmatchcase(str(path), pattern)
