"""A process gives up the network and the starting of programs for good: a seccomp filter, where Linux offers it."""

import ctypes
import errno
import platform
import struct
import sys
from typing import Final

__all__ = ["forbid_network"]

SET_NO_NEW_PRIVILEGES: Final = 38
SET_SECCOMP: Final = 22
MODE_FILTER: Final = 2
ALLOW: Final = 0x7FFF_0000
REFUSE: Final = 0x0005_0000 | errno.EPERM
LOAD_WORD: Final = 0x20
JUMP_IF_EQUAL: Final = 0x15
RETURN: Final = 0x06
X32_BIT: Final = 0x4000_0000
JUMP_IF_SET: Final = 0x45

ARCHITECTURES: Final = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
FORBIDDEN: Final[dict[str, tuple[int, ...]]] = {
    "x86_64": (41, 42, 43, 49, 50, 53, 57, 58, 59, 101, 288, 310, 311, 322, 425),
    "aarch64": (198, 199, 200, 201, 202, 203, 117, 221, 242, 270, 271, 281, 425),
}
"""socket, socketpair, connect, accept, bind, listen, ptrace, execve, execveat, reading other processes, io_uring."""


def forbid_network() -> bool:
    """Whether sockets, other programs and other processes are out of reach from now on; threads started later too.

    False where the system has no such fence; ``prctl(2)``, ``seccomp(2)``.
    """
    machine = platform.machine()
    if sys.platform != "linux" or machine not in ARCHITECTURES:
        return False
    control = ctypes.CDLL(None, use_errno=True).prctl
    control.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    rules = _rules(machine)
    code = ctypes.create_string_buffer(b"".join(rules))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rules), ctypes.addressof(code)))
    if control(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    return bool(control(SET_SECCOMP, MODE_FILTER, ctypes.addressof(program), 0, 0) == 0)


def _rules(machine: str) -> list[bytes]:
    """The filter: refuse foreign architectures' calls and the forbidden ones, allow the rest."""
    forbidden = FORBIDDEN[machine]
    checks = [
        _rule(JUMP_IF_EQUAL, number, met=len(forbidden) - place, unmet=0) for place, number in enumerate(forbidden)
    ]
    return [
        _rule(LOAD_WORD, 4),  # the architecture
        _rule(JUMP_IF_EQUAL, ARCHITECTURES[machine], met=1, unmet=0),
        _rule(RETURN, REFUSE),
        _rule(LOAD_WORD, 0),  # the number of the call
        _rule(JUMP_IF_SET, X32_BIT, met=len(forbidden) + 1, unmet=0),
        *checks,
        _rule(RETURN, ALLOW),
        _rule(RETURN, REFUSE),
    ]


def _rule(operation: int, value: int, *, met: int = 0, unmet: int = 0) -> bytes:
    return struct.pack("HBBI", operation, met, unmet, value)
