"""Where the store of a run is looked for, and where it must not be."""

from pathlib import Path

import pytest

from rlaif.errors import StoreError
from rlaif.store import find_store
from rlaif.store.place import refuse_network

MOUNTS = """\
overlay / overlay rw 0 0
server:/home {home} nfs4 rw,vers=4.2 0 0
/dev/sda1 {home}/local ext4 rw 0 0
//nas/share {home}/my\\040share cifs rw 0 0
me@host: {home}/far fuse.sshfs rw 0 0
"""


def test_the_store_of_a_project_is_found_upward_from_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RLAIF_STORE", raising=False)
    (tmp_path / "project" / ".rlaif").mkdir(parents=True)
    found = find_store(tmp_path / "project" / "runs" / "deep" / "r1")
    assert found == tmp_path / "project" / ".rlaif" / "store.sqlite"


def test_a_new_store_is_made_here_or_beside_a_run_that_is_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RLAIF_STORE", raising=False)
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    monkeypatch.chdir(here)
    assert find_store(Path("runs/r1")) == here / ".rlaif" / "store.sqlite"
    assert find_store(there / "r1") == there / ".rlaif" / "store.sqlite"


def test_a_named_store_wins_over_the_environment_and_that_over_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLAIF_STORE", str(tmp_path / "env.sqlite"))
    assert find_store(tmp_path / "r1") == tmp_path / "env.sqlite"
    assert find_store(tmp_path / "r1", tmp_path / "named.sqlite") == tmp_path / "named.sqlite"
    assert find_store(tmp_path / "r1", tmp_path) == tmp_path / "store.sqlite"


@pytest.mark.parametrize(
    ("place", "kind"),
    [("store.sqlite", "nfs4"), ("my share/a/store.sqlite", "cifs"), ("far/store.sqlite", "fuse.sshfs")],
)
def test_a_network_file_system_is_refused_with_the_remedy(tmp_path: Path, place: str, kind: str) -> None:
    table = tmp_path / "mounts"
    table.write_text(MOUNTS.format(home=tmp_path))
    with pytest.raises(StoreError, match=rf"\({kind}\).*--store or RLAIF_STORE"):
        refuse_network(tmp_path / place, table)


def test_a_local_disk_below_a_network_mount_is_fine(tmp_path: Path) -> None:
    table = tmp_path / "mounts"
    table.write_text(MOUNTS.format(home=tmp_path))
    refuse_network(tmp_path / "local" / "store.sqlite", table)
    refuse_network(Path("/store.sqlite"), table)
    refuse_network(tmp_path / "store.sqlite", tmp_path / "no-such-table")
