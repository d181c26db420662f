"""Solve -Laplace(u) = 2 pi^2 sin(pi x) sin(pi y) on the unit square, u = 0 on its boundary."""

import math

import torch

from pinnlearn import PINNRegressor, relative_l2_error
from pinnlearn.domains import Box
from pinnlearn.pdes import Poisson


def exact(x):
    return torch.sin(math.pi * x[:, 0]) * torch.sin(math.pi * x[:, 1])


def main() -> float:
    pde = Poisson(Box([0, 0], [1, 1]), source=lambda x: 2 * math.pi**2 * exact(x), boundary=0.0)
    X = pde.sample(n_interior=900, n_boundary=120, random_state=0)
    model = PINNRegressor(pde=pde, random_state=0).fit(X)

    X_new = pde.sample(n_interior=10_000, n_boundary=0, method="uniform", random_state=1)
    error = relative_l2_error(exact(torch.tensor(X_new)), model.predict(X_new))
    print(f"relative L2 error {error:.1e} after {model.n_iter_} steps")
    return error


if __name__ == "__main__":
    main()
