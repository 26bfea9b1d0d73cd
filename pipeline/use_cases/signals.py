"""Stopping early in good order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def stop_on_signals(stop: asyncio.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM let the calls in flight finish and start nothing new."""
    loop = asyncio.get_running_loop()
    with ExitStack() as restore:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                loop.add_signal_handler(number, stop.set)
            except (NotImplementedError, RuntimeError, ValueError):
                # No handlers on this loop (Windows, other threads): a kill is survived by the journal.
                continue
            restore.callback(loop.remove_signal_handler, number)
        yield
