"""Where a project's store lies, and whether SQLite's write-ahead log is safe there."""

from __future__ import annotations

import os
from pathlib import Path

from rlaif.errors import StoreError

FOLDER = ".rlaif"
FILE = "store.sqlite"
VARIABLE = "RLAIF_STORE"
# the log's index is shared memory, which these do not share between machines
_NETWORK = {
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "gpfs", "beegfs", "pvfs2", "coda"),
    *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.cifs"),
}


def find_store(out: Path, explicit: str | Path | None = None) -> Path:
    """The store for a run in `out`: the named one, `RLAIF_STORE`, or the nearest `.rlaif` folder upward.

    Without any, it is made in the working directory when `out` lies inside it, else beside `out`.
    """
    if named := explicit or os.environ.get(VARIABLE):
        path = Path(named)
        return path / FILE if path.is_dir() else path
    out, here = out.absolute(), Path.cwd()
    for folder in out.parents:
        if (folder / FOLDER).is_dir():
            return folder / FOLDER / FILE
    return (here if here in out.parents else out.parent) / FOLDER / FILE


def refuse_network(path: Path, mounts: Path = Path("/proc/mounts")) -> None:
    """Raise StoreError when `path` lies on a network file system."""
    kind = _file_system(path, mounts)
    if kind in _NETWORK:
        raise StoreError(
            f"{path}: lies on a network file system ({kind}), where SQLite loses data; "
            f"name a local file with --store or {VARIABLE}"
        )


def _file_system(path: Path, mounts: Path) -> str:
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""  # no such table on this system; opening the log will tell
    path = path.resolve()
    best, kind = -1, ""
    for line in lines:
        fields = line.split(" ")
        point = Path(fields[1].encode().decode("unicode_escape"))
        # of mounts on one point the last one is seen, hence >=
        if (point == path or point in path.parents) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[2]
    return kind
