import gzip
import io
import re
import tarfile
import tempfile

import pytest

from mnist_resnet.config import DebianSource, NpmSource
from mnist_resnet.data.registries import DebianPackage, NpmPackage
from mnist_resnet.data.sources import MEGABYTE, DeliveryError
from tests.data.conftest import read

NPM = NpmSource(kind="npm", package="made-squares", version="1.2.3", folder="package/data")


@pytest.fixture
def debian(tmp_path):
    return DebianSource(kind="debian", package="dataset-made-squares", folder=str(tmp_path / "installed"))


@pytest.fixture
def workspaces(tmp_path, monkeypatch):
    """The folder that temporary ones are made in."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def pack(path, contents, links=None):
    """A tar file, compressed if its name ends so."""
    with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return path


def inside(folder, contents, suffix=""):
    return {f"{folder}/{name}{suffix}": content for name, content in contents.items()}


def compressed(contents):
    return {name: gzip.compress(content, mtime=0) for name, content in contents.items()}


def refusal(place, files):
    """Why a place is refused."""
    with pytest.raises(DeliveryError) as refused:
        read(place, files)
    return str(refused.value)


# An npm package


@pytest.fixture
def npm(tmp_path, install):
    """Have npm deliver an archive of files and links; what it was asked for is in the file ``log``."""

    def deliver(contents, links=None):
        (tmp_path / "log").touch()
        archive = pack(tmp_path / "made.tgz", contents, links)
        install("npm", f'printf "%s\\n" "$*" >> {tmp_path}/log\ncp {archive} .')
        return archive

    return deliver


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_an_npm_package_of_its_version_hands_over_its_files_and_runs_no_scripts(
    npm, tmp_path, workspaces, files, contents, suffix
):
    npm(inside("package/data", contents, suffix))
    assert read(NpmPackage(NPM), files) == contents
    assert list(workspaces.iterdir()) == []
    (arguments,) = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    assert arguments[:2] == ["pack", "made-squares@1.2.3"]
    assert "--ignore-scripts" in arguments


def test_a_package_leaves_out_what_it_does_not_hold(npm, files, contents):
    (name, content), *_ = contents.items()
    elsewhere = inside("package", contents) | inside("package/data/more", contents)
    npm({**elsewhere, f"package/data/{name}": content})
    assert read(NpmPackage(NPM), files) == {name: content}


def test_a_package_with_none_of_the_files_is_refused(npm, files, contents):
    npm(inside("package", contents))
    assert "holds none of the files under package/data" in refusal(NpmPackage(NPM), files)


@pytest.mark.parametrize(("excess", "taken"), [(MEGABYTE, True), (MEGABYTE + 1, False)])
def test_a_member_that_is_too_large_is_not_read(npm, files, contents, excess, taken):
    (name, content), *_ = contents.items()
    large = {name: bytes(len(content) + excess)}
    small = dict(list(contents.items())[1:])
    npm(inside("package/data", large | small))
    assert set(read(NpmPackage(NPM), files)) == (set(contents) if taken else set(small))


@pytest.mark.parametrize("target", ["nowhere", "huge"])
def test_a_link_leads_neither_nowhere_nor_to_a_member_that_is_too_large(npm, files, target):
    huge = {"package/data/huge": bytes(files[0].size + MEGABYTE + 1)}
    npm(huge, {f"package/data/{files[0].name}": target})
    assert "holds none of the files" in refusal(NpmPackage(NPM), files)


def test_no_name_in_an_archive_is_a_path_on_this_machine(npm, tmp_path, workspaces, files, contents):
    outside = tmp_path / "outside"
    evil = {f"package/data/../../../{outside.name}": b"climbed", str(outside): b"absolute"}
    links = {"package/data/link": str(tmp_path), "package/data/link/../outside": "/"}
    npm(evil | inside("package/data", contents), links)
    before = sorted(tmp_path.rglob("*"))
    assert read(NpmPackage(NPM), files) == contents
    assert sorted(tmp_path.rglob("*")) == before


def test_an_archive_that_expands_without_end_is_given_up(npm, workspaces, files, contents, monkeypatch):
    monkeypatch.setattr("mnist_resnet.data.registries.LARGEST_ARCHIVE", 3_000_000)
    npm({"bomb": bytes(5_000_000)} | inside("package/data", contents))
    assert "its archive expands to more than 3000000 bytes" in refusal(NpmPackage(NPM), files)
    assert list(workspaces.iterdir()) == []


@pytest.mark.parametrize("claimed", [b"77777777777", b"\x80" + b"\xff" * 10], ids=["8 GB", "beyond all numbers"])
def test_a_header_that_claims_the_impossible_is_refused(npm, files, claimed):
    header = bytearray(tarfile.TarInfo("attributes").tobuf(tarfile.USTAR_FORMAT))
    header[156:157], header[124:136] = tarfile.XHDTYPE, claimed.ljust(12, b"\0")
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + sum(b" " * 8) + sum(header[156:512]))
    npm({}).write_bytes(gzip.compress(bytes(header) + bytes(10_240)))
    assert refusal(NpmPackage(NPM), files)


DAMAGED = {
    "cut short": lambda archive: archive[: len(archive) // 2],
    "a page": lambda archive: b"<html>Please log in</html>".ljust(len(archive)),
    "empty": lambda archive: archive[:0],
    "garbled": lambda archive: archive[: len(archive) // 2].ljust(len(archive), b"\xff"),
}


@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_archive_is_refused(npm, workspaces, files, contents, damaged):
    archive = npm(inside("package/data", contents))
    archive.write_bytes(damaged(archive.read_bytes()))
    assert "\n" not in refusal(NpmPackage(NPM), files)
    assert list(workspaces.iterdir()) == []


def test_a_client_that_delivers_nothing_is_refused(install, files):
    install("npm", "exit 0")
    assert refusal(NpmPackage(NPM), files)


def test_a_failure_of_npm_is_told_with_its_reason(install, workspaces, files):
    # npm itself says nothing at all if told to be silent, and ends with where its log is.
    said = [
        "npm error code E404",
        "npm error 404 Not Found - GET https://registry.example/made-squares",
        "npm error A complete log of this run can be found in: /home/user/.npm/_logs/debug-0.log",
    ]
    echoed = "\n".join(f"echo '{line}' >&2" for line in said)
    install("npm", f'case "$*" in *silent*) exit 1;; esac\n{echoed}\nexit 1')
    assert re.search(r"npm failed: .*404", refusal(NpmPackage(NPM), files))
    assert list(workspaces.iterdir()) == []


def test_a_client_that_hangs_is_stopped(install, files, monkeypatch):
    monkeypatch.setattr("mnist_resnet.data.registries.CLIENT_SECONDS", 0.2)
    install("npm", "exec tail -f /dev/null")
    assert "npm did not finish within 0.2 s" in refusal(NpmPackage(NPM), files)


# A Debian package


def apt_that_delivers(install, archive, log="/dev/null"):
    install(
        "apt-get",
        f'printf "%s\\n" "$*" >> {log}\n'
        'case "$*" in *download*) echo archive > dataset-made-squares_1-1_all.deb;; esac',
    )
    install("dpkg-deb", f'test "$1" = --fsys-tarfile && test -s "$2" && cat {archive}')


def test_an_installed_package_is_read_where_it_is(tmp_path, made_data, debian, no_clients, files, contents):
    made_data.write(tmp_path / "installed")
    assert read(DebianPackage(debian), files) == contents


@pytest.mark.parametrize("root", ["./", ""])
def test_a_package_that_is_not_installed_is_downloaded(tmp_path, install, workspaces, debian, files, contents, root):
    members = inside(f"{root}{debian.folder.removeprefix('/')}", compressed(contents), ".gz")
    log = tmp_path / "log"
    apt_that_delivers(install, pack(tmp_path / "made.tar", members), log)
    assert read(DebianPackage(debian), files) == compressed(contents)
    update, download = log.read_text().splitlines()
    assert update.endswith(" update")
    assert download.endswith(" download dataset-made-squares")
    for arguments in (update.split(), download.split()):
        (lists,) = [each for each in arguments if each.startswith("-oDir::State::Lists=")]
        assert str(workspaces) in lists
        assert "-oAPT::Sandbox::User=" in arguments  # apt's own user may not write to the workspace
    assert list(workspaces.iterdir()) == []
    assert not (tmp_path / "installed").exists()


@pytest.mark.parametrize(
    ("client", "script", "message"),
    [
        ("apt-get", "echo 'W: odd' >&2; echo 'E: No such package' >&2; exit 100", "apt-get failed: E: No such package"),
        ("apt-get", "exit 7", "apt-get failed: exit code 7"),
        ("apt-get", r"printf 'E: \377' >&2; exit 1", "apt-get failed: E: \ufffd"),
        ("dpkg-deb", "echo 'not a Debian archive' >&2; exit 2", "dpkg-deb failed: not a Debian archive"),
    ],
)
def test_a_client_that_fails_is_refused_with_its_last_line(
    tmp_path, install, workspaces, debian, files, contents, client, script, message
):
    apt_that_delivers(install, pack(tmp_path / "made.tar", contents))
    install(client, script)
    assert refusal(DebianPackage(debian), files) == message
    assert list(workspaces.iterdir()) == []


# Either of them


def test_the_client_must_be_installed(debian, no_clients, files):
    assert refusal(NpmPackage(NPM), files) == "npm is not installed"
    assert refusal(DebianPackage(debian), files) == "apt-get is not installed"


def test_packages_are_named_as_a_reader_knows_them(debian):
    assert str(NpmPackage(NPM)) == "npm package made-squares@1.2.3"
    assert str(DebianPackage(debian)) == "Debian package dataset-made-squares"
