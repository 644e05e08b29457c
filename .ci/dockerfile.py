"""Dockerfiles as data: instructions with their flags, build arguments, and what .dockerignore leaves of the context."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

KNOWN = frozenset(
    ["ARG", "FROM", "ENV", "COPY", "RUN", "USER", "WORKDIR", "ENTRYPOINT", "CMD", "LABEL", "VOLUME", "EXPOSE"]
)


class DockerfileError(ValueError):
    """A Dockerfile that this reader does not understand."""


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name, its flags by name, and the rest of its text."""

    name: str
    flags: dict[str, str]
    text: str

    def words(self, variables: Mapping[str, str]) -> list[str]:
        """The words of the text, of JSON or of a shell, with variables in their place."""
        if self.text.startswith("["):
            return [str(word) for word in json.loads(self.text)]
        return shlex.split(substitute(self.text, variables))

    def pairs(self, variables: Mapping[str, str]) -> dict[str, str]:
        """The text as ``key=value`` pairs."""
        return dict(word.split("=", 1) for word in self.words(variables))


def read_dockerfile(path: Path) -> list[Instruction]:
    """The instructions of a Dockerfile.

    Raises:
        DockerfileError: If one of them is not known here: then the file is not what is checked.
    """
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [_instruction(line) for line in joined.splitlines() if line.strip()]


def _instruction(line: str) -> Instruction:
    name, _, text = line.strip().partition(" ")
    if name not in KNOWN:
        raise DockerfileError(f"Dockerfile: {name} is not known to .ci/dockerfile.py; add it there")
    flags = {}
    while found := re.match(r"--([a-z]+)=(\S+)\s+", text.lstrip()):
        flags[found[1]] = found[2]
        text = text.lstrip()[found.end() :]
    return Instruction(name, flags, text.strip())


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """A text with ``${NAME}`` replaced.

    Raises:
        DockerfileError: If there is no such variable: Docker would take it as empty.
    """

    def value(found: re.Match[str]) -> str:
        if found[1] not in variables:
            raise DockerfileError(f"Dockerfile: ${{{found[1]}}} is not declared there")
        return variables[found[1]]

    return re.sub(r"\$\{(\w+)\}", value, text)


class Context:
    """The files of a folder that ``docker build`` would be given.

    Args:
        folder: It holds ``.dockerignore``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        lines = (folder / ".dockerignore").read_text(encoding="utf-8").splitlines()
        self._rules = [line for line in lines if line and not line.startswith("#")]

    def files(self, name: str) -> list[Path]:
        """The files below a name, or the file by that name, relative to the folder; none if all are ignored."""
        place = self.folder / name
        found = sorted(place.rglob("*")) if place.is_dir() else [place]
        relative = [each.relative_to(self.folder) for each in found if each.is_file()]
        return [each for each in relative if not self._is_ignored(each)]

    def _is_ignored(self, path: Path) -> bool:
        ignored = False
        for rule in self._rules:
            if any(_matches(rule.lstrip("!"), each.as_posix()) for each in (path, *path.parents[:-1])):
                ignored = not rule.startswith("!")
        return ignored


def _matches(pattern: str, path: str) -> bool:
    parts = {"**/": "(?:.*/)?", "*": "[^/]*"}
    expression = "".join(parts.get(part, re.escape(part)) for part in re.split(r"(\*\*/|\*)", pattern))
    return re.fullmatch(expression, path) is not None
