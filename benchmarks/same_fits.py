"""The same fits, before and after a change of the code: errors, losses, stages and steps.

Run as `python benchmarks/same_fits.py save FILE` with the code as it was, then as `python benchmarks/same_fits.py
compare FILE`. Fits of all kinds: the five problems, nonlinear ones, fronts, a wave, a periodic problem, plain
regression, `region`, a system, measurements, float32, a warm start, and every optimizer by its name. Equal means the
same stages and steps, losses and predictions up to a part of `TOLERANCE` of themselves (a difference in rounding grows
in many steps of training). A table in Markdown goes to standard output, one line a fit; the exit status tells whether
all are the same.
"""

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from pinnlearn import NGD, Adam, PINNRegressor, problems, relative_l2_error, stack_points
from pinnlearn.conditions import Dirichlet, Initial, InitialVelocity, Neumann, Periodic, Robin
from pinnlearn.domains import Box, Interval, SpaceTime
from pinnlearn.optimizers import OPTIMIZERS
from pinnlearn.pdes import PDE
from pinnlearn.problems import NONLINEAR_PROBLEMS, PROBLEMS

PI = np.pi
TOLERANCE = 1e-6
N_POINTS = 500
UNIT = Box([0.0, 0.0], [1.0, 1.0])


def named(problem, **parameters):
    """A problem of the package at its usual points."""
    pde, X = problem.sample(0)
    return PINNRegressor(pde, random_state=0, **parameters).fit(X)


def posed(pde: PDE, n_interior: int, n_boundary: int, **parameters):
    """A problem at sampled points."""
    return PINNRegressor(pde, random_state=0, **parameters).fit(pde.sample(n_interior, n_boundary, random_state=0))


def wave() -> PDE:
    """u_tt = u_xx, u = sin(pi x) cos(pi t)."""
    return PDE(
        SpaceTime(Interval(0.0, 1.0), 0.0, 1.0),
        equation=lambda x, u: u.d(1, 1) - u.laplacian,
        conditions=[Dirichlet(0.0), Initial(lambda x: torch.sin(PI * x[:, 0])), InitialVelocity(0.0)],
        solution=lambda x: torch.sin(PI * x[:, 0]) * torch.cos(PI * x[:, 1]),
    )


def convection() -> PDE:
    """u_t + 2 u_x = 0, periodic, u = sin(x - 2 t)."""
    return PDE(
        SpaceTime(Interval(0.0, 2 * PI), 0.0, 1.0),
        equation=lambda x, u: u.dt + 2 * u.d(0),
        conditions=[Periodic(0), Initial(lambda x: torch.sin(x[:, 0]))],
        solution=lambda x: torch.sin(x[:, 0] - 2 * x[:, 1]),
    )


def mixed() -> PDE:
    """-Laplace(u) = 0 with a value, a flux and a Robin condition, u = exp(x) sin(y)."""

    def exact(x):
        return torch.exp(x[:, 0]) * torch.sin(x[:, 1])

    return PDE(
        UNIT,
        equation=lambda x, u: -u.laplacian,
        conditions=[
            Neumann(exact, where=lambda x: x[:, 0] == 1),
            Robin(1.0, 1.0, lambda x: exact(x) + torch.exp(x[:, 0]) * torch.cos(x[:, 1]), where=lambda x: x[:, 1] == 1),
            Dirichlet(exact, where=lambda x: (x[:, 0] == 0) | (x[:, 1] == 0)),
        ],
        solution=exact,
    )


def system() -> PDE:
    """-Laplace(u) = v, -Laplace(v) = 2 v: u = sin(x + y), v = 2 u."""

    def exact(x):
        u = torch.sin(x[:, 0] + x[:, 1])
        return torch.stack([u, 2 * u], dim=1)

    return PDE(
        UNIT,
        equation=lambda x, u: torch.stack([-u[0].laplacian - u[1].value, -u[1].laplacian - 2 * u[1].value], dim=1),
        conditions=[Dirichlet(exact)],
        n_outputs=2,
        solution=exact,
    )


def regression():
    """Known values alone."""
    X = np.random.default_rng(0).random((200, 2))
    return PINNRegressor(random_state=0).fit(X, np.sin(3 * X[:, 0]) * np.exp(X[:, 1]))


def with_region():
    """-Laplace(u) = 0 in an annulus given by arrays, u = log(r)."""
    rng = np.random.default_rng(0)
    r, angle = np.sqrt(rng.uniform(1, 4, 400)), rng.uniform(0, 2 * PI, 400)
    inside = np.column_stack([r * np.cos(angle), r * np.sin(angle)])
    angle = rng.uniform(0, 2 * PI, 80)
    rim = np.repeat([1.0, 2.0], 40)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    pde = PDE(
        equation=lambda x, u: -u.laplacian,
        conditions=[Dirichlet(lambda x: torch.log(x.norm(dim=1)))],
        solution=lambda x: torch.log(x.norm(dim=1)),
    )
    region = np.repeat(["interior", "boundary"], [400, 80])
    return PINNRegressor(pde, random_state=0).fit(np.concatenate([inside, rim]), region=region)


def measured():
    """Heat with measurements inside in place of the initial condition's part."""
    pde = problems.heat_1d()
    rng = np.random.default_rng(0)
    inside, rim = pde.domain.sample_interior(300, rng), pde.domain.sample_boundary(40, rng)
    X, y = stack_points(inside, rim, random_state=0)
    known = rng.random(len(X)) < 0.1
    y[known] = pde.solution(torch.tensor(X[known])).numpy()
    return PINNRegressor(pde, random_state=0).fit(X, y)


def warm():
    """Other points after a first fit."""
    pde, X = problems.poisson_2d(), problems.poisson_2d().sample(200, 60, random_state=0)
    model = PINNRegressor(pde, width=60, warm_start=True, random_state=0).fit(X)
    return model.fit(pde.sample(200, 60, random_state=1))


def by_name(name: str):
    """An optimizer at its defaults, on a nonlinear problem, for some steps."""
    pde = problems.cubic_poisson()
    X = pde.sample(150, 50, random_state=0)
    return PINNRegressor(pde, optimizer=name, width=40, max_iter=15, random_state=0).fit(X)


FITS: dict[str, Callable[[], PINNRegressor]] = {
    **{name: (lambda problem=problem: named(problem)) for name, problem in PROBLEMS.items()},
    **{name: (lambda problem=problem: named(problem)) for name, problem in NONLINEAR_PROBLEMS.items()},
    "wave": lambda: posed(wave(), 600, 120),
    "periodic": lambda: posed(convection(), 400, 90),
    "mixed": lambda: posed(mixed(), 400, 120),
    "system": lambda: posed(system(), 400, 120),
    "regression": regression,
    "region": with_region,
    "measurements": measured,
    "float32": lambda: named(PROBLEMS["poisson_2d"], dtype="float32"),
    "hidden": lambda: posed(problems.poisson_2d(), 200, 60, trainable="hidden", optimizer=NGD(max_iter=20), width=50),
    "list": lambda: posed(problems.cubic_poisson(), 150, 50, optimizer=[Adam(max_iter=50), NGD(max_iter=10)], width=40),
    "warm start": warm,
    **{f"optimizer={name!r}": (lambda name=name: by_name(name)) for name in OPTIMIZERS},
}


def figures(model: PINNRegressor) -> dict:
    """What has to stay the same."""
    rng = np.random.default_rng(7)
    domain = getattr(model.pde_, "domain", None)
    if domain is None:
        points = rng.uniform(0.3, 0.7, size=(N_POINTS, model.n_features_in_))
    else:
        points = domain.sample_interior(N_POINTS, rng, "uniform")
    predicted, solution = model.predict(points), getattr(model.pde_, "solution", None)
    return {
        "stages": [list(stage) for stage in model.stages_],
        "n_iter": model.n_iter_,
        "stop": model.stop_reason_.partition(":")[0],
        "loss": model.loss_,
        "width": len(model.hidden_bias_),
        "error": None if solution is None else relative_l2_error(solution(torch.tensor(points)).numpy(), predicted),
        "predicted": predicted.ravel()[::10].tolist(),
    }


def compare(before: dict, after: dict) -> str:
    """What differs; nothing if it is the same."""
    differs = [name for name in ("stages", "n_iter", "stop", "width") if before[name] != after[name]]
    off = relative_l2_error(before["predicted"], after["predicted"])
    if off > TOLERANCE:
        differs.append(f"predictions by {off:.1e}")
    return ", ".join(differs)


def line(name: str, found: dict, said: str) -> str:
    """A row of the table."""
    error = "" if found["error"] is None else f"{found['error']:.1e}"
    return f"| {name} | {error} | {found['loss']:.1e} | {found['n_iter']} | {found['stop']} | {said} |"


def main(verb: str, path: str, *names: str) -> int:
    """Save the figures, or compare with saved ones; of the fits named, or of all."""
    warnings.simplefilter("ignore")
    saved = json.loads(Path(path).read_text()) if verb == "compare" else {}
    found, n_other = {}, 0
    print("| fit | error | loss | steps | stop | differs in |\n|---|---|---|---|---|---|")
    for name in names or FITS:
        found[name] = figures(FITS[name]())
        said = compare(saved[name], found[name]) if verb == "compare" else ""
        n_other += bool(said)
        print(line(name, found[name], said or ("nothing" if verb == "compare" else "")), flush=True)
    if verb == "save":
        Path(path).write_text(json.dumps(found))
    return int(n_other > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
