import pathlib
import runpy

import pytest

ROOT = pathlib.Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("name", "bound"),
    # What README says of the first two is far below; grid_search stops its fits after 100 steps.
    [("poisson_in_six_lines", 1e-10), ("two_plain_arrays", 1e-8), ("grid_search", 1e-2)],
)
def test_example(name, bound):
    assert runpy.run_path(str(ROOT / "examples" / f"{name}.py"))["main"]() < bound
