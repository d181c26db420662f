"""A step of plain NGD beside its floor: its matrix products and its factorisation alone, in the same process.

Run as `python benchmarks/step.py [REPETITIONS]`: Poisson's equation on a cube, a tenth of the rows on the boundary, all
weights trained, tanh, float64. The products are those of J^T J, or of J J^T from J or by its structure, whichever a
count of multiplications says is cheapest. Medians; step and floor take turns, and the ratio is the median of theirs.
The last column is the time to form J and J J^T alone, over the whole step's.
"""

import statistics
import sys
import time

import numpy as np
import torch

from pinnlearn import NGD
from pinnlearn.activations import get_activation
from pinnlearn.domains import Box
from pinnlearn.least_squares import LeastSquares, Unknowns
from pinnlearn.linalg import gram_is_cheaper
from pinnlearn.networks import trainable_blocks
from pinnlearn.pdes import Poisson
from pinnlearn.posing.pose import pose as pose_rows
from pinnlearn.posing.rows import Rows
from pinnlearn.training.placement import Placement

SIZES: tuple[tuple[int, int | tuple[int, ...], int], ...] = (
    (1020, 100, 2),
    (1020, 1000, 2),
    (2000, 320, 10),
    (3000, 1000, 10),
    (3000, 1000, 100),
    (2000, (20, 20, 20), 2),
    (5000, (40, 40, 40, 40), 2),
    (3000, (200, 200), 2),
)
DAMPING = 1e-6
LARGEST = 8e9  # bytes of a J that is still formed for comparison
CPU = torch.device("cpu")


def pose(
    n: int, m: int | tuple[int, ...], d: int, device: torch.device = CPU, dtype: torch.dtype = torch.float64
) -> LeastSquares:
    """The problem of a size; several hidden layers have a width each."""
    pde = Poisson(Box([0.0] * d, [1.0] * d), source=1.0, boundary=0.0)
    X = pde.sample(n - n // 10, n // 10, random_state=0)
    placement = Placement((np.zeros(d), np.ones(d)), 1, get_activation("tanh"), 0, device, dtype)
    network = placement.gaussian(m) if isinstance(m, int) else placement.deep(m, zero=False)
    return pose_rows(pde, Rows.of(pde, X), Unknowns(network, trainable_blocks(network, "all")))


def seconds(function, *arguments):
    """How long a call takes, and what it returns."""
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def make_floor(problem: LeastSquares):
    """Products and factorisation of matrices of the step's sizes."""
    n, p = problem.n_residuals, len(problem.start)
    linear = problem.linearize(problem.start)
    size, inner = (n, linear.gram_size) if gram_is_cheaper(n, p, linear.gram_size) else (p, n)
    left, right = torch.randn(size, inner, dtype=torch.float64), torch.randn(inner, size, dtype=torch.float64)
    gram = left @ left.T + size * torch.eye(size, dtype=torch.float64)

    def floor():
        left @ right
        torch.linalg.cholesky(gram)

    return floor


def parts(problem: LeastSquares) -> dict[str, float]:
    """Seconds of the parts of a step."""
    times = {}
    times["terms"], linear = seconds(problem.linearize, problem.start)
    if not gram_is_cheaper(problem.n_residuals, len(problem.start), linear.gram_size):
        times["matrix"], J = seconds(linear.jacobian)
        times["products"], gram = seconds(lambda: J.T @ J)
        times["J^T"], _ = seconds(lambda: J.T @ linear.residual)
    else:
        times["matrix"] = 0.0
        times["products"], gram = seconds(linear.gram)
        times["J^T"], _ = seconds(linear.rmatvec, linear.residual)
    gram.diagonal().add_(DAMPING * gram.diagonal().mean())
    times["factor"], _ = seconds(torch.linalg.cholesky, gram)
    times["loss"], _ = seconds(problem.loss, problem.start)
    return times


def form_directly(problem: LeastSquares) -> None:
    """J, and J J^T from it."""
    J = problem.linearize(problem.start).jacobian()
    J @ J.T


def main(repetitions: int) -> None:
    """Print a line for each size."""
    names = ("terms", "matrix", "products", "J^T", "factor", "loss")
    print(
        f"| rows, width, dimensions | {', ms | '.join(names)}, ms | step, ms | floor, ms | ratio | forming J, ratio |"
    )
    print("|" + "---|" * (len(names) + 5))
    for n, m, d in SIZES:
        problem, optimizer = pose(n, m, d), NGD(learning_rate=0.1, damping=DAMPING)
        state, floor = optimizer.begin(problem, problem.start), make_floor(problem)
        state, pairs = optimizer.step(problem, state), [(seconds(floor)[0], 0.0)]
        for _ in range(repetitions):
            taken, state = seconds(optimizer.step, problem, state)
            pairs.append((taken, seconds(floor)[0]))
        pairs = pairs[1:]
        measured = [parts(problem) for _ in range(repetitions)]
        width = m if isinstance(m, int) else " + ".join(map(str, m))
        cells = [statistics.median(times[name] for times in measured) for name in names]
        cells += [statistics.median(column) for column in zip(*pairs, strict=True)]
        ratio = statistics.median(step / least for step, least in pairs)
        fits = 8 * n * len(problem.start) < LARGEST
        formed = seconds(form_directly, problem)[0] / cells[-2] if fits else float("nan")
        figures = " | ".join(f"{1e3 * cell:.1f}" for cell in cells)
        print(f"| {n}, {width}, {d} | {figures} | {ratio:.2f} | {formed:.1f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
