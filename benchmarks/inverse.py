"""Unknown coefficients: how near estimates come, and how often their intervals hold the truth.

Run as `python benchmarks/inverse.py accuracy [NAMES...] [--seeds 0 1 2]`, measurements without noise: relative errors
of the unknowns, the largest over those of a problem (of a function in L2); or as `python benchmarks/inverse.py coverage
[NAMES...] [--noise 0.01 0.1] [--sets 100]`: data sets that differ by their noise, of this size relative to that of each
output, of which so many have the truth in the 95 % interval of each unknown, and of u at points that were not measured;
and the error of the estimate over the standard error that no unbiased estimate is below (Cramer and Rao), the median.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from pinnlearn import PINNRegressor
from pinnlearn.conditions import Dirichlet, Initial
from pinnlearn.domains import Box, Interval, SpaceTime, Time
from pinnlearn.pdes import PDE, Field
from pinnlearn.problems import hard

# Half the width of a 95 % interval in standard errors.
HALF_WIDTH = 1.96
KAPPA, VISCOSITY = 0.3, 0.05


class Inverse(NamedTuple):
    """A problem with unknown coefficients, and what is right.

    Attributes
    ----------
    pde : PDE
    rows : callable
        rows(rng) gives rows without measurements, (n, n_dims).
    places : callable
        places(rng) gives those with measurements.
    solution : callable
        X -> (n,) or (n, n_outputs); NaN where an output is not measured.
    true : dict of str to float or callable
    """

    pde: PDE
    rows: Callable[[np.random.Generator], NDArray]
    places: Callable[[np.random.Generator], NDArray]
    solution: Callable[[NDArray], NDArray]
    true: dict[str, Any]


def heat() -> Inverse:
    """u_t = kappa u_xx, 40 values."""
    domain = SpaceTime(Interval(0.0, 1.0), 0.0, 1.0)
    pde = PDE(
        domain,
        equation=lambda x, u, kappa: u.dt - kappa * u.laplacian,
        conditions=[Dirichlet(0.0), Initial(lambda x: torch.sin(np.pi * x[:, 0]))],
        unknowns={"kappa": 1.0},
    )
    return Inverse(
        pde,
        lambda rng: pde.sample(300, 90, random_state=int(rng.integers(2**31))),
        lambda rng: rng.uniform(size=(40, 2)),
        lambda X: np.exp(-KAPPA * np.pi**2 * X[:, 1]) * np.sin(np.pi * X[:, 0]),
        {"kappa": KAPPA},
    )


def burgers() -> Inverse:
    """u_t + l1 u u_x = l2 u_xx with a shock, 2,000 values and nothing else, as Raissi et al. (2019) have it."""
    forward = hard.burgers()
    pde = PDE(
        forward.domain,
        equation=lambda x, u, l1, l2: u.dt + l1 * u.value * u.d(0) - l2 * u.d(0, 0),
        unknowns={"l1": 0.0, "l2": 0.0025},
    )
    return Inverse(
        pde,
        lambda rng: np.empty((0, 2)),
        lambda rng: rng.uniform([-1.0, 0.0], [1.0, 1.0], (2000, 2)),
        lambda X: forward.solution(torch.as_tensor(X)).numpy(),
        {"l1": 1.0, "l2": 0.01 / np.pi},
    )


def _integrated(rates: Callable, start: list[float], end: float) -> Callable[[NDArray], NDArray]:
    solved = solve_ivp(rates, (0.0, end), start, method="DOP853", rtol=1e-13, atol=1e-13, dense_output=True)
    return lambda X: solved.sol(X[:, 0]).T


def _in_time(equation: Callable, rates: Callable, start: list[float], end: float, n: int, true: dict) -> Inverse:
    pde = PDE(Time(0.0, end), equation=equation, n_outputs=len(start), unknowns={k: 1.5 * v for k, v in true.items()})
    return Inverse(
        pde,
        lambda rng: np.linspace(0.0, end, 202)[1:-1, None],
        lambda rng: np.linspace(0.0, end, n)[:, None],
        _integrated(rates, start, end),
        true,
    )


def _lorenz(x, u, s, r, b):
    p, q, w = u[0].value, u[1].value, u[2].value
    return torch.stack([u[0].dt - s * (q - p), u[1].dt - p * (r - w) + q, u[2].dt - p * q + b * w], dim=1)


def lorenz() -> Inverse:
    """The three numbers of the Lorenz equations, 25 values of each output."""
    true = {"s": 10.0, "r": 15.0, "b": 8 / 3}
    rates = lambda t, w: [10 * (w[1] - w[0]), w[0] * (15 - w[2]) - w[1], w[0] * w[1] - 8 / 3 * w[2]]  # noqa: E731
    return _in_time(_lorenz, rates, [-8.0, 7.0, 27.0], 1.0, 25, true)


def _lotka_volterra(x, u, a, b, c, d):
    p, q = u[0].value, u[1].value
    return torch.stack([u[0].dt - p * (a - b * q), u[1].dt - q * (d * p - c)], dim=1)


def lotka_volterra() -> Inverse:
    """Four rates of prey and predators, 30 values of both."""
    true = {"a": 1.0, "b": 0.5, "c": 0.6, "d": 0.25}
    rates = lambda t, w: [w[0] * (1 - 0.5 * w[1]), w[1] * (0.25 * w[0] - 0.6)]  # noqa: E731
    return _in_time(_lotka_volterra, rates, [4.0, 1.0], 10.0, 30, true)


def _navier_stokes(x, q, nu):
    u, v, p = q[0], q[1], q[2]
    x_momentum = u.d(2) + u.value * u.d(0) + v.value * u.d(1) + p.d(0) - nu * (u.d(0, 0) + u.d(1, 1))
    y_momentum = v.d(2) + u.value * v.d(0) + v.value * v.d(1) + p.d(1) - nu * (v.d(0, 0) + v.d(1, 1))
    return torch.stack([x_momentum, y_momentum, u.d(0) + v.d(1)], dim=1)


def _taylor_green(X: NDArray) -> NDArray:
    x, y, t = X.T
    decay = np.exp(-2 * VISCOSITY * t)
    u, v = -np.cos(x) * np.sin(y) * decay, np.sin(x) * np.cos(y) * decay
    return np.stack([u, v, -0.25 * (np.cos(2 * x) + np.cos(2 * y)) * decay**2], axis=1)


def navier_stokes() -> Inverse:
    """The viscosity of decaying vortices, 60 values of the velocity and of the pressure."""
    pde = PDE(
        SpaceTime(Box([0.0, 0.0], [np.pi, np.pi]), 0.0, 1.0),
        equation=_navier_stokes,
        n_outputs=3,
        unknowns={"nu": 1.0},
    )
    return Inverse(
        pde,
        lambda rng: pde.sample(700, 0, 0, random_state=int(rng.integers(2**31))),
        lambda rng: rng.uniform(*pde.domain.bounds, (60, 3)),
        _taylor_green,
        {"nu": VISCOSITY},
    )


def source() -> Inverse:
    """-u'' = f with an unknown f, 40 values."""
    pde = PDE(
        Interval(0.0, 1.0),
        equation=lambda x, u, f: -u.d(0, 0) - f.value,
        conditions=[Dirichlet(0.0)],
        unknowns={"f": Field()},
    )
    return Inverse(
        pde,
        lambda rng: pde.sample(60, 2, random_state=int(rng.integers(2**31))),
        lambda rng: rng.uniform(size=(40, 1)),
        lambda X: np.sin(np.pi * X[:, 0]) + 0.3 * np.sin(3 * np.pi * X[:, 0]),
        {"f": lambda X: np.pi**2 * (np.sin(np.pi * X[:, 0]) + 2.7 * np.sin(3 * np.pi * X[:, 0]))},
    )


PROBLEMS = {each.__name__: each for each in (heat, burgers, lorenz, lotka_volterra, navier_stokes, source)}
WITH_NOISE = ("heat", "lotka_volterra")


def fitted(problem: Inverse, seed: int, noise: float = 0.0) -> PINNRegressor:
    """A model with nothing chosen, fitted to measurements with noise relative to the size of each output."""
    rng = np.random.default_rng(seed)
    rows, places = problem.rows(rng), problem.places(rng)
    values = problem.solution(places).reshape(len(places), -1)
    values = values + noise * values.std(axis=0) * rng.standard_normal(values.shape)
    y = np.concatenate([np.full((len(rows), values.shape[1]), np.nan), values])
    model = PINNRegressor(problem.pde, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(np.concatenate([rows, places]), y[:, 0] if y.shape[1] == 1 else y)


def relative_error(problem: Inverse, model: PINNRegressor) -> float:
    """The largest over all unknowns."""
    errors = []
    for name, true in problem.true.items():
        found = model.unknowns_[name]
        if callable(true):
            X = np.linspace(*problem.pde.domain.bounds, 201)
            errors.append(np.linalg.norm(found(X) - true(X)) / np.linalg.norm(true(X)))
        else:
            errors.append(abs(found / true - 1))
    return float(max(errors))


def accuracy(names: list[str], seeds: list[int]) -> None:
    """Print relative errors without noise."""
    print("| problem | " + " | ".join(f"seed {seed}" for seed in seeds) + " | seconds |")
    print("|---|" + "---|" * (len(seeds) + 1))
    for name in names:
        errors, seconds = [], []
        for seed in seeds:
            begun = time.perf_counter()
            errors.append(relative_error(PROBLEMS[name](), fitted(PROBLEMS[name](), seed)))
            seconds.append(time.perf_counter() - begun)
        cells = " | ".join(f"{error:.1e}" for error in errors)
        print(f"| {name} | {cells} | {np.median(seconds):.0f} |", flush=True)


def coverage(names: list[str], noises: list[float], n_sets: int) -> None:
    """Print how many of the intervals hold the truth."""
    print("| problem | noise | " + "unknowns | u | median error / standard error |\n|---|---|---|---|---|")
    for name in names:
        problem = PROBLEMS[name]()
        X = problem.places(np.random.default_rng(12345)) * 0.97 + 0.01
        exact = problem.solution(X)
        for noise in noises:
            held, of_u, errors = [], [], []
            for seed in range(n_sets):
                model = fitted(problem, seed, noise)
                std = np.array([model.unknowns_std_[k] for k in problem.true])
                off = np.abs([model.unknowns_[k] - v for k, v in problem.true.items()])
                held.append(off <= HALF_WIDTH * std)
                errors.append(off / std)
                u, spread = model.predict(X, return_std=True)
                of_u.append(np.mean(np.abs(u - exact) <= HALF_WIDTH * spread))
            counts = ", ".join(f"{k} {100 * h:.0f} %" for k, h in zip(problem.true, np.mean(held, axis=0), strict=True))
            print(
                f"| {name} | {noise} | {counts} | {100 * np.mean(of_u):.0f} % | {np.median(errors):.2f} |", flush=True
            )


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["accuracy", "coverage"])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PROBLEMS)}")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--noise", nargs="+", type=float, default=[0.01, 0.1])
    parser.add_argument("--sets", type=int, default=100)
    args = parser.parse_args()
    if args.what == "accuracy":
        accuracy(args.names or list(PROBLEMS), args.seeds)
    else:
        coverage(args.names or list(WITH_NOISE), args.noise, args.sets)


if __name__ == "__main__":
    main()
