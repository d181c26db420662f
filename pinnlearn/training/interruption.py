"""Ctrl-C as a wish to stop, so that what runs can end with what it has."""

from __future__ import annotations

import math
import multiprocessing
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from pinnlearn.optimizers.base import Interrupted

# Seconds in which a second Ctrl-C raises KeyboardInterrupt, even where another fit has begun since the first.
AGAIN = 2.0


def in_main() -> bool:
    """Whether this is the main thread of the main process: no worker of joblib, Dask or a server."""
    return threading.current_thread() is threading.main_thread() and multiprocessing.parent_process() is None


class Interruption:
    """While it is entered, the first Ctrl-C sets `asked`, and the second one raises KeyboardInterrupt as ever.

    What is computed while it is `heeding` changes nothing until it is done, so that the first one raises `Interrupted`
    there at once, in the middle of a step.

    Where Ctrl-C does something else than raise KeyboardInterrupt, that stays.

    Attributes
    ----------
    asked : bool
    """

    _last: ClassVar[float] = -math.inf

    def __init__(self) -> None:
        self.asked = False
        self._is_installed = False
        self._is_heeding = False

    def __enter__(self) -> Interruption:
        if in_main() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._ask)
            self._is_installed = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    @contextmanager
    def heeding(self) -> Iterator[None]:
        """While it is entered, Ctrl-C raises `Interrupted`."""
        before, self._is_heeding = self._is_heeding, True
        try:
            if self.asked:
                raise Interrupted
            yield
        finally:
            self._is_heeding = before

    def _ask(self, signum, frame) -> None:
        now = time.monotonic()
        is_again = self.asked or now - Interruption._last < AGAIN
        self.asked, Interruption._last = True, now
        if is_again:
            signal.default_int_handler(signum, frame)
        if self._is_heeding:
            self._is_heeding = False
            raise Interrupted
