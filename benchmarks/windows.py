"""Initial value problems in windows: how many, in what time, with which error.

Run as `python benchmarks/windows.py`, or with the first words of some problems. A table in Markdown goes to standard
output, a line a problem: windows, those that were tried, seconds, the largest relative L2 error of an output at 200
times, and the estimate of it. The reference is scipy's integrator, from one of these times to the next.
"""

import sys
import time
from itertools import pairwise

import numpy as np
import torch
from scipy.integrate import solve_ivp

from pinnlearn import PINNRegressor
from pinnlearn.conditions import Initial
from pinnlearn.domains import Time
from pinnlearn.pdes import PDE

PEOPLE = 7_900_010.0
N_TIMES = 200


def flame(t, u):
    """A flame that catches late."""
    return (u**2 - u**3,)


def epidemic(t, s, i, r):
    """Susceptible, infected and recovered heads."""
    return -0.5 * s * i / PEOPLE, 0.5 * s * i / PEOPLE - 0.33 * i, 0.33 * i


def lorenz(rho):
    """Convection, chaotic for rho = 28."""
    return lambda t, x, y, z: (10 * (y - x), x * (rho - z) - y, x * y - 8 / 3 * z)


def van_der_pol(t, u, v):
    """Relaxation oscillations: slow, and a thousand times as fast."""
    return v, 1000 * (1 - u**2) * v - u


def robertson(t, x, y, z):
    """Three reactions, with rates from 0.04 to 3e7."""
    return -0.04 * x + 1e4 * y * z, 0.04 * x - 1e4 * y * z - 3e7 * y**2, 3e7 * y**2


PROBLEMS = {
    "flame, u(0) = 0.01, t to 200": (flame, [0.01], 0.0, 200.0),
    "logistic, u' = u (1 - u / 1000), u(0) = 1, t to 20": (lambda t, u: (u * (1 - u / 1000),), [1.0], 0.0, 20.0),
    "growth, u' = 5 u, t to 4": (lambda t, u: (5 * u,), [1.0], 0.0, 4.0),
    "epidemic, 10 ill of 7,900,010, 150 days": (epidemic, [PEOPLE - 10, 10.0, 0.0], 1.0, 150.0),
    "Lorenz, rho = 15, from (-8, 7, 27), t to 3": (lorenz(15.0), [-8.0, 7.0, 27.0], 0.0, 3.0),
    "Lorenz, rho = 28, from (1, 1, 1), t to 5": (lorenz(28.0), [1.0, 1.0, 1.0], 0.0, 5.0),
    "van der Pol, mu = 1000, t to 2000": (van_der_pol, [2.0, 0.0], 0.0, 2000.0),
    "Robertson, t to 10,000": (robertson, [1.0, 0.0, 0.0], 0.0, 1e4),
}


def posed(right_side, start, t_start, t_end) -> PDE:
    """Write the system as a PDE."""

    def equation(x, u):
        sides = right_side(x[:, 0], *(u[k].value for k in range(len(start))))
        return torch.stack([u[k].dt - side for k, side in enumerate(sides)], dim=1)

    return PDE(Time(t_start, t_end), equation=equation, conditions=[Initial(start)], n_outputs=len(start))


def integrated(right_side, start, times) -> np.ndarray:
    """The reference at all times but the first."""
    y, values = np.array(start), []
    for span in pairwise(times):
        atol = 1e-14 * np.abs(start).max()
        y = solve_ivp(lambda t, y: right_side(t, *y), span, y, method="Radau", rtol=1e-12, atol=atol).y[:, -1]
        values.append(y)
    return np.array(values)


def line(name: str) -> str:
    """A row of the table."""
    right_side, start, t_start, t_end = PROBLEMS[name]
    pde = posed(right_side, start, t_start, t_end)
    X = pde.sample(n_interior=300, n_boundary=2, random_state=0)
    begin = time.perf_counter()
    model = PINNRegressor(pde=pde, random_state=0).fit(X)
    seconds, times = time.perf_counter() - begin, np.linspace(t_start, t_end, N_TIMES + 1)
    reference = integrated(right_side, start, times)
    off = model.predict(times[1:, None]).reshape(N_TIMES, -1) - reference
    error = (np.linalg.norm(off, axis=0) / np.linalg.norm(reference, axis=0)).max()
    counts = f"{len(model.windows_)} | {len(model.stages_)}"
    return f"| {name} | {counts} | {seconds:.1f} | {error:.0e} | {model.error_estimate_:.0e} |"


if __name__ == "__main__":
    torch.set_num_threads(1)
    print("| problem | windows | tried | seconds | error | estimate |\n|---|---|---|---|---|---|")
    for name in PROBLEMS:
        if len(sys.argv) == 1 or name.startswith(tuple(sys.argv[1:])):
            print(line(name), flush=True)
