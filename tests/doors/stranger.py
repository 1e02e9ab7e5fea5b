"""Become somebody who may do little, then run a command: no network but this machine's own, not root.

    python stranger.py PATH_OF_A_NOTE command ...

Writes into the note what could be taken away: `offline`, `nobody`. With RLAIF_DOORS=network the network stays.
Loads nothing of ours.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys
from contextlib import suppress

CLONE_NEWNET = 0x40000000
UID = 54321
PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 8, 47, 2
CAP_DAC_READ_SEARCH, CAPABILITY_VERSION_3 = 2, 0x20080522
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def offline() -> bool:
    """Whether this process is now in a network of its own, in which only loopback is up."""
    if os.environ.get("RLAIF_DOORS") == "network":
        return False
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        _, flags = struct.unpack("16sH", fcntl.ioctl(any_socket, SIOCGIFFLAGS, struct.pack("16sH", b"lo", 0)))
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH", b"lo", flags | IFF_UP))
    return True


def nobody() -> bool:
    """Whether this process now belongs to somebody who is not root and, as in a container, has no name.

    Python may be installed where only root looks, so the right to read everything is kept; none to write is.
    """
    if os.geteuid() == 0:
        system = ctypes.CDLL(None, use_errno=True)
        with suppress(OSError):
            system.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
            os.setgroups([])
            os.setgid(UID)
            os.setuid(UID)
        right = 1 << CAP_DAC_READ_SEARCH
        header, rights = struct.pack("Ii", CAPABILITY_VERSION_3, 0), struct.pack("6I", *[right] * 3, *[0] * 3)
        if system.capset(header, rights) == 0:
            system.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0)
    return os.geteuid() != 0


if __name__ == "__main__":
    note, *command = sys.argv[1:]
    with open(note, "w", encoding="utf-8") as told:
        can = [each.__name__ for each in (offline, nobody) if each()]
        told.write(" ".join(can))
    os.execv(command[0], command)
