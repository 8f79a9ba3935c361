"""Kill the process that opens an internet socket, in Python or in any library below it (Linux alone).

A filter of system calls sees what mocks of Python's sockets can't: GDAL's curl, and telemetry inside of runtimes.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys

# Numbers of the system call socket(2), and what the kernel calls the architecture.
SOCKET = {"x86_64": (41, 0xC000003E), "aarch64": (198, 0xC00000B7)}
AF_INET, AF_INET6 = 2, 10
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, KILL = 0x7FFF0000, 0x80000000
SIGSYS = 31


def can_forbid() -> bool:
    """Whether this machine knows how."""
    return sys.platform == "linux" and platform.machine() in SOCKET


def forbid() -> None:
    """From now on, a socket of the internet ends the process with SIGSYS; those of the machine itself don't."""
    number, architecture = SOCKET[platform.machine()]
    steps = [
        (LOAD, 0, 0, 4),  # the architecture
        (EQUAL, 0, 6, architecture),
        (LOAD, 0, 0, 0),  # the system call
        (EQUAL, 0, 4, number),
        (LOAD, 0, 0, 16),  # its first argument, the family
        (EQUAL, 1, 0, AF_INET),
        (EQUAL, 0, 1, AF_INET6),
        (RETURN, 0, 0, KILL),
        (RETURN, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, FILTER, program, 0, 0):
        raise OSError(ctypes.get_errno(), "sockets can't be forbidden here")
