"""What a watch gives to the user it becomes is its own, and nothing that only looks so."""

import os
import tempfile
from pathlib import Path

import pytest

from sensor.guard import account
from sensor.guard.protection import GuardError
from sensor.watching import ownership

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
NOBODY = account.nobody()


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="otsensor-owner-") as name:
        yield Path(name)


def owner(path):
    return path.lstat().st_uid


def test_a_file_is_given_and_made_where_there_is_none(folder):
    (folder / "there").write_text("kept")
    ownership.give((folder / "there", folder / "new"), NOBODY)
    assert (owner(folder / "there"), owner(folder / "new")) == (NOBODY.uid, NOBODY.uid)
    assert ((folder / "there").read_text(), (folder / "new").read_text()) == ("kept", "")


def test_another_name_of_a_file_is_not_given(folder):
    (folder / "secret").touch()
    (folder / "plant.db-wal").hardlink_to(folder / "secret")
    with pytest.raises(GuardError, match=r"plant.db-wal: has 2 names .*; it is not given to"):
        ownership.give((folder / "plant.db-wal",), NOBODY)
    assert owner(folder / "secret") == 0


def test_a_copy_by_links_of_what_the_user_has_already_ends_no_watch(folder):
    ownership.give((folder / "plant.db",), NOBODY)
    (folder / "backup").hardlink_to(folder / "plant.db")
    ownership.give((folder / "plant.db",), NOBODY)
    assert owner(folder / "plant.db") == NOBODY.uid


def test_nor_is_another_name_of_a_file_of_roots_taken_where_it_stays_root(folder):
    (folder / "secret").touch()
    (folder / "plant.db-wal").hardlink_to(folder / "secret")
    with pytest.raises(GuardError, match="has 2 names"):
        ownership.give((folder / "plant.db-wal",), account.find("root"))


@pytest.mark.parametrize("suffix", ownership.SUFFIXES)
@pytest.mark.parametrize("link", [Path.hardlink_to, Path.symlink_to])
def test_nothing_is_written_to_what_a_store_only_seems_to_have(folder, suffix, link):
    kept = b"" if suffix == "" else b"somebody else's" * 2_000  # SQLite takes an empty file for a new store
    (folder / "secret").write_bytes(kept)
    link(folder / f"plant.db{suffix}", folder / "secret")
    with pytest.raises(GuardError, match="it is not given to"):
        ownership.give_store(folder / "plant.db", NOBODY)
    assert (owner(folder / "secret"), (folder / "secret").read_bytes()) == (0, kept)
    assert (folder / "plant.db").exists() == (suffix == "")


def test_what_is_no_file_is_not_given_nor_waited_with(folder):
    os.mkfifo(folder / "pipe")
    os.mknod(folder / "device", 0o600 | 0o020000, os.makedev(1, 7))
    for path in (folder / "pipe", folder / "device"):
        with pytest.raises(GuardError, match="is no regular file; expected one, or none yet"):
            ownership.give((path,), NOBODY)
        assert owner(path) == 0


def test_a_link_is_not_followed(folder):
    (folder / "secret").touch()
    (folder / "alerts.json").symlink_to(folder / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        ownership.give((folder / "alerts.json",), NOBODY)
    assert owner(folder / "secret") == 0


def test_a_folder_is_made_and_given_and_one_that_is_there_left_alone(folder):
    for _ in range(2):
        ownership.give_folder(folder / "captures", NOBODY)
    ownership.give_folder(folder, NOBODY)
    assert (owner(folder / "captures"), owner(folder)) == (NOBODY.uid, 0)


def test_a_link_put_where_a_folder_was_made_is_not_given(folder, monkeypatch):
    (folder / "secret").mkdir()

    def raced(path, **_):
        Path.symlink_to(path, folder / "secret")

    monkeypatch.setattr(Path, "mkdir", raced)
    with pytest.raises(GuardError, match=r"captures: is no folder .*; it is not given to"):
        ownership.give_folder(folder / "captures", NOBODY)
    assert owner(folder / "secret") == 0


@pytest.mark.parametrize("put", [Path.touch, lambda path: path.symlink_to("nowhere")])
def test_what_is_no_folder_is_refused_as_that(folder, put):
    put(folder / "captures")
    with pytest.raises(GuardError, match=r"captures: is no folder .*; it is not given to"):
        ownership.give_folder(folder / "captures", NOBODY)
