"""The memory and time of matrix-free steps on many rows: the largest that the process held, and seconds a step.

Run as `python benchmarks/matrix_free.py [ROWS]`, 100,000 by default: Poisson's equation on a square, a tenth of the
rows on the boundary, width 200, all weights trained, tanh, float64, two steps of NGD(solver="cg"). What the process
held before the fit, with torch and its points, is counted too.
"""

import resource
import sys

from pinnlearn import NGD, PINNRegressor, problems
from pinnlearn.reports import in_bytes

WIDTH, STEPS = 200, 2


def main(n: int = 100_000) -> None:
    """Fit, and print a line before and after."""
    pde = problems.poisson_2d()
    X = pde.sample(n - n // 10, n // 10, random_state=0)
    print(f"before the fit {in_bytes(largest())}")
    optimizer = NGD(solver="cg", max_iter=STEPS)
    model = PINNRegressor(pde=pde, optimizer=optimizer, width=WIDTH, tol=0, random_state=0).fit(X)
    n_numbers = n * (model.hidden_weights_.size + 2 * WIDTH)
    print(f"{n} rows, width {WIDTH}: J would take {in_bytes(8 * n_numbers)}, a damped solve by QR 3 to 4 times as much")
    print(f"estimated {in_bytes(model.n_bytes_)}, largest {in_bytes(largest())}")
    first, last = model.loss_curve_[0], model.loss_
    print(f"{model.n_iter_} steps in {model.seconds_:.0f} s, loss {first:.1e} to {last:.1e}")


def largest() -> int:
    """The most bytes that this process held at a time."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
