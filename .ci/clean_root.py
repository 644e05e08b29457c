"""Roots with nothing of this machine but its /usr and its Python without packages, and commands in them."""

import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_FROM_ETC = (
    "alternatives",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "login.defs",
    "nsswitch.conf",
    "ssl",
    "resolv.conf",
    "hosts",
)
_FOLDERS = ("usr", "proc", "dev", "tmp", "root/.cache/uv", "etc", "opt", "home", "mirror", "work")
_DEVICES = ("null", "zero", "full", "random", "urandom")
_TEMPORARY = ("tmp", "home/mnist")  # as in compose.yaml


@dataclass
class Stage:
    """A stage of a Dockerfile: its root, and what later instructions begin with."""

    root: Path
    variables: dict[str, str]
    arguments: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    folder: str = "/"
    entrypoint: list[str] = field(default_factory=list)

    def place(self, path: str) -> Path:
        """A path of the stage, as this machine sees it."""
        return self.root / str(Path(self.folder, path)).lstrip("/")


def why_not() -> str:
    """Why no root can be made here; empty if one can."""
    ended = subprocess.run(
        ["unshare", "--mount", "--pid", "--net", "--fork", "mount", "-t", "tmpfs", "none", "/mnt"],
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.stderr.strip() if ended.returncode else ""


def make_root(root: Path) -> None:
    """Make what a base image has besides /usr."""
    for name in _FOLDERS:
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    for name in ("bin", "sbin", "lib", "lib64"):  # links into /usr on all present systems
        if Path("/", name).is_symlink():
            (root / name).symlink_to(Path("/", name).readlink())
    for name in _FROM_ETC:
        place = Path("/etc", name)
        if place.is_dir():
            shutil.copytree(place, root / "etc" / name, symlinks=True)
        elif place.exists():
            shutil.copy(place, root / "etc" / name)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n", encoding="utf-8")
    (root / "etc/group").write_text("root:x:0:\n", encoding="utf-8")


def in_root(stage: Stage, words: list[str], binds: dict[str, Path], running: bool, **options: Any) -> Any:
    """Start a command in a stage, as process 1 of its own namespaces.

    Args:
        stage: Where.
        words: The command.
        binds: Folders of this machine by the places where the stage sees them.
        running: As a container runs: without a network, with a root that is read-only but for ``binds`` and temporary
            folders. Else as an image is built.
        options: For ``subprocess.Popen``.
    """
    lines = ["set -e", "mount --make-rprivate /", *_mounts(stage.root, binds, running)]
    lines += ["ip link set lo up"] if running else []
    variables = [f"{name}={value}" for name, value in stage.variables.items()]
    chroot = ["chroot", f"--userspec={stage.user}", str(stage.root), "env", "-i", f"--chdir={stage.folder}"]
    lines.append(f"exec {shlex.join([*chroot, *variables, *words])}")
    namespaces = ["--mount", "--pid", "--fork", "--kill-child", *(["--net"] if running else [])]
    return subprocess.Popen(["unshare", *namespaces, "sh", "-c", "\n".join(lines)], **options)


def _mounts(root: Path, binds: dict[str, Path], running: bool) -> list[str]:
    lines = [f"mount --bind {root} {root}", f"cd {root}"]
    lines += [f"mount --bind {here} .{place}" for place, here in binds.items()]
    if running:
        lines += [f"mount -t tmpfs -o mode=1777 none {name}" for name in _TEMPORARY]
        lines += [f"mount -o remount,bind,ro {root}"]
    lines += ["mount --bind /usr usr", "mount -o remount,bind,ro usr", *_python()]
    lines += [
        "mount -t proc proc proc",
        "mount -t tmpfs none dev",
        "mkdir -m 1777 dev/shm",
        "ln -s /proc/self/fd dev/fd",
    ]
    return lines + [f"touch dev/{name}; mount --bind /dev/{name} dev/{name}" for name in _DEVICES]


def _python() -> list[str]:
    """This machine's Python at the place where an image of Python has its own, without packages."""
    own = Path(sys.base_prefix)
    if own == Path("/usr"):
        return ["mount -t tmpfs none usr/lib/python3/dist-packages"]
    packages = f"usr/local/lib/python3.{sys.version_info.minor}/site-packages"
    bound = [f"mount --bind {own} usr/local", "mount -o remount,bind,ro usr/local"]
    return [*bound, f"mount -t tmpfs none {packages}"]
