"""Fits in parallel that give the same numbers however they are shared out: each on one thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()
_inside = 0
_before = 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread here.

    Sums are rounded in another order on two threads than on one, and many steps of training magnify what that
    changes; besides, jobs that share the cores only get in each other's way with several threads each.
    """
    global _inside, _before
    with _lock:
        if not _inside:
            _before = torch.get_num_threads()
        _inside += 1
        torch.set_num_threads(1)  # for every thread of Python: OpenMP keeps a number for each
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:  # the libraries behind torch have one number for all
                torch.set_num_threads(_before)
