"""
Fits on a Dask cluster
======================

Whatever runs on joblib runs on a Dask cluster: searches, ``run_seeds``, ``cross_val_score``. Here the cluster is two
processes of this machine; ``Client("tcp://scheduler:8786")`` takes one of many machines.
"""

import joblib
from dask.distributed import Client, LocalCluster

from pinnlearn import PINNRegressor, problems
from pinnlearn.displays import SeedsDisplay
from pinnlearn.metrics import solution_scorer
from pinnlearn.model_selection import run_seeds

# %%
# Each fit computes on one thread, so that the numbers are those that one process gives.

if __name__ == "__main__":  # processes are started that import this file
    pde = problems.poisson_2d()
    X = pde.sample(n_interior=200, n_boundary=60, random_state=0)
    model = PINNRegressor(pde=pde, width=100)

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        with joblib.parallel_config(backend="dask"):
            results = run_seeds(model, X, seeds=6, scoring=solution_scorer)
        n_tasks = client.run(lambda dask_worker: dask_worker.state.executed_count)  # by the address of the worker

    error = -results["test_score"].min()
    print(f"fits on {len(n_tasks)} workers; largest relative L2 error {error:.1e}")
    display = SeedsDisplay.from_results(results, negate=True)
    display.ax_.set_ylabel("relative L2 error")
