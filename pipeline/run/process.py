"""Who is running: this process and host, and whether another process of this host still lives."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

_START_TIME_FIELD = 19
"""In /proc/PID/stat after the command's closing bracket: field 22 of proc(5), in ticks since boot."""


def this_host() -> str:
    """The host's name and, on Linux, its process numbering: two containers of one name are two hosts."""
    numbering = Path("/proc/self/ns/pid")
    name = socket.gethostname()
    try:
        return f"{name} {numbering.readlink()}"
    except OSError:
        return name


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
