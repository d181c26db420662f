"""For tests and doctests alike: figures need no screen, and are closed."""

import os
import sys

import pytest

os.environ.setdefault("MPLBACKEND", "agg")
if "PYTEST_XDIST_WORKER" in os.environ:  # a thread a worker, set before torch and numpy are imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _closed_figures():
    """Figures of pyplot live until they are closed, and twenty of them are a warning."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
