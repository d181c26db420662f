"""A step of plain NGD beside the card's measured rate of products, and the five problems' times, on a GPU.

Run as `python benchmarks/gpu.py [DEVICE]` (default cuda); without a GPU it says so and exits with 0. The rate is that
of a product of two square matrices of 8192 rows (1024 on a CPU); a step's operations are those of its matrix products
and its factorisation, as in step.py, so that the last column says how far the step is from that rate.
"""

import statistics
import sys
import time

import torch
from step import DAMPING, SIZES, pose

from pinnlearn import NGD, PINNRegressor, relative_l2_error
from pinnlearn.linalg import gram_is_cheaper
from pinnlearn.metrics import exact_solution, new_points
from pinnlearn.problems import PROBLEMS

REPETITIONS = 5
DTYPES = (torch.float64, torch.float32)


def seconds(device: torch.device, function, *arguments) -> float:
    """The median time of a call, all its work on the device included."""
    times = []
    for _ in range(REPETITIONS + 1):  # the first one warms up
        start = time.perf_counter()
        function(*arguments)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def product_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Multiplications and additions a second in a product of square matrices."""
    size = 8192 if device.type == "cuda" else 1024
    matrix = torch.randn(size, size, device=device, dtype=dtype)
    return 2 * size**3 / seconds(device, torch.matmul, matrix, matrix)


def operations(problem) -> float:
    """Multiplications and additions of a step's products and factorisation."""
    n, p = problem.n_residuals, len(problem.start)
    inner = problem.linearize(problem.start).gram_size
    size, inner = (n, inner) if gram_is_cheaper(n, p, inner) else (p, n)
    return 2 * size**2 * inner + size**3 / 3


def print_steps(device: torch.device) -> None:
    """A table of steps."""
    print("| rows, width, dimensions | dtype | step, ms | step's rate, TFlop/s | product's rate, TFlop/s | ratio |")
    print("|" + "---|" * 6)
    for dtype in DTYPES:
        rate = product_rate(device, dtype)
        for size in SIZES:
            problem, optimizer = pose(*size, device, dtype), NGD(learning_rate=0.1, damping=DAMPING)
            state = optimizer.begin(problem, problem.start)
            spent = seconds(device, optimizer.step, problem, state)
            reached = operations(problem) / spent
            name = f"{', '.join(map(str, size))} | {str(dtype).removeprefix('torch.')}"
            print(f"| {name} | {1e3 * spent:.1f} | {reached / 1e12:.3g} | {rate / 1e12:.3g} | {rate / reached:.2f} |")


def print_problems(device: torch.device) -> None:
    """A table of the five problems; the second fit is timed, for the first one loads libraries."""
    print("| problem | dtype | seconds | relative L2 error |")
    print("|" + "---|" * 4)
    for dtype in ("float64", "float32"):
        for name, problem in PROBLEMS.items():
            pde, X = problem.sample(0)
            fits = [PINNRegressor(pde=pde, random_state=0, device=device.type, dtype=dtype).fit(X) for _ in range(2)]
            X_new = new_points(pde.domain)
            error = relative_l2_error(exact_solution(pde, X_new), fits[1].predict(X_new))
            print(f"| {name} | {dtype} | {fits[1].seconds_:.2f} | {error:.1e} |", flush=True)


def main(name: str) -> None:
    """Print the tables, or why there are none."""
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("No GPU that torch can use was found, so there is nothing to measure here.")
        return
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"
    print(f"{card}, torch {torch.__version__}\n")
    print_steps(device)
    print()
    print_problems(device)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "cuda")
