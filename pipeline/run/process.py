"""Who is running: this process and host, and whether another process of this host still lives."""

from __future__ import annotations

import os
import socket
import sys
import uuid
from pathlib import Path

_START_TIME_FIELD = 19
"""In /proc/PID/stat after the command's closing bracket: field 22 of proc(5), in ticks since boot."""


def this_host() -> str:
    """The host's name and what tells it from others of that name, so that no process of another machine is
    ever taken for a dead one of ours: on Linux the boot and the process numbering (two containers are two
    hosts), elsewhere the network hardware's address.
    """
    name = socket.gethostname().replace(" ", "-")
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{name} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{name} {uuid.getnode():012x}"


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _QUERY_LIMITED_INFORMATION = 0x1000
    _STILL_ACTIVE = 259

    def _start(pid: int) -> float | None:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = wintypes.HANDLE
        found = kernel.OpenProcess(_QUERY_LIMITED_INFORMATION, 0, pid)
        if not found:
            return None
        process = wintypes.HANDLE(found)
        exit_code = wintypes.DWORD()
        times = [wintypes.FILETIME() for _ in range(4)]
        kernel.GetExitCodeProcess(process, ctypes.byref(exit_code))
        kernel.GetProcessTimes(process, *(ctypes.byref(each) for each in times))
        kernel.CloseHandle(process)
        if exit_code.value != _STILL_ACTIVE:
            return None
        return float((times[0].dwHighDateTime << 32) | times[0].dwLowDateTime)

else:

    def _start(pid: int) -> float | None:
        if Path("/proc/self/stat").exists():
            return _linux_start(Path(f"/proc/{pid}/stat"))
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            return 0.0
        return 0.0

    def _linux_start(stat: Path) -> float | None:
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        is_dead = fields[0] in {"Z", "X"}
        return None if is_dead else float(fields[_START_TIME_FIELD])


def process_start(pid: int) -> float | None:
    """When the process started, in units of the platform's own, to be compared for equality only.

    None where no such process lives. Where the platform does not tell, 0.0 for a living process.
    """
    return _start(pid)
