"""Every example runs as it stands, comes to the error that it shows, and ends in a figure."""

import pathlib
import runpy

import pytest

plt = pytest.importorskip("matplotlib.pyplot")
EXAMPLES = {path.stem: path for path in (pathlib.Path(__file__).parents[1] / "examples").glob("*.py")}
# What the examples print is a tenth of this and less; the page of the theory tells a distance from a limit.
BOUNDS = {
    "dask_cluster": 1e-4,
    "diffusivity_from_measurements": 3e-2,
    "grid_search": 1e-1,
    "lorenz_from_a_noisy_trajectory": 2e-2,
    "mixed_conditions": 1e-7,
    "on_a_gpu": 1e-2,
    "paper_table_in_small": 1e-4,
    "pipeline_with_dataframes": 1e-7,
    "poisson_in_six_lines": 1e-10,
    "seeds_in_parallel": 1e-5,
    "stiffness_of_a_beam": 1e-5,
    "theory_of_a_problem": 3e-2,
    "two_plain_arrays": 1e-8,
    "your_own_equation": 1e-3,
}


def run(name):
    return runpy.run_path(str(EXAMPLES[name]), run_name="__main__")


def test_every_example_is_tested():
    assert set(BOUNDS) == set(EXAMPLES)


@pytest.mark.parametrize("name", sorted(set(BOUNDS) - {"dask_cluster"}))
def test_example(name):
    assert run(name)["error"] < BOUNDS[name]
    assert plt.get_fignums()


def test_two_workers_of_dask_share_the_fits():
    pytest.importorskip("distributed")
    example = run("dask_cluster")
    assert example["error"] < BOUNDS["dask_cluster"]
    assert len(example["n_tasks"]) == 2
    assert min(example["n_tasks"].values()) > 0
    assert plt.get_fignums()
