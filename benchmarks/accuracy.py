"""Error and seconds of the default settings on the five problems, over seeds.

Run as `python benchmarks/accuracy.py [SEEDS]`; the table goes to standard output, one line a problem, in Markdown.
"""

import statistics
import sys
import time

from pinnlearn import PINNRegressor, relative_l2_error
from pinnlearn.metrics import exact_solution, new_points
from pinnlearn.problems import PROBLEMS


def fit(name: str, seed: int) -> tuple[float, float]:
    """The relative L2 error on new points, and the seconds of the fit."""
    pde, X = PROBLEMS[name].sample(seed)
    start = time.perf_counter()
    model = PINNRegressor(pde=pde, random_state=seed).fit(X)
    seconds = time.perf_counter() - start
    X_new = new_points(pde.domain)
    return relative_l2_error(exact_solution(pde, X_new), model.predict(X_new)), seconds


def main(n_seeds: int) -> None:
    """Print the table."""
    print("| problem | median error | largest error | median seconds | most seconds |")
    print("|---|---|---|---|---|")
    for name in PROBLEMS:
        errors, seconds = zip(*(fit(name, seed) for seed in range(n_seeds)), strict=True)
        print(
            f"| {name} | {statistics.median(errors):.1e} | {max(errors):.1e} "
            f"| {statistics.median(seconds):.1f} | {max(seconds):.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
