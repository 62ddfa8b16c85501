"""Takes a system call away from a program, as a container's seccomp profile may."""

import ctypes
import os
import platform
import struct

OPENAT2 = 437  # the same number on every architecture
_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2
_LOAD_NUMBER, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


def without(number, error):
    """For preexec_fn: from then on the call `number` fails with `error`."""
    def prepare():
        program = b"".join(struct.pack("HBBI", *step) for step in (
            (_LOAD_NUMBER, 0, 0, 0), (_JUMP_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | error), (_RETURN, 0, 0, _ALLOW)))
        steps = ctypes.create_string_buffer(program)
        filter_ = struct.pack("HP", 4, ctypes.addressof(steps)) if platform.architecture()[0] == "64bit" else None
        if _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or _LIBC.prctl(_PR_SET_SECCOMP, _FILTER, filter_, 0, 0):
            os._exit(97)
    return prepare
