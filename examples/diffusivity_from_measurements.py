r"""
A diffusivity from measurements
===============================

A bar of which one end is kept at 0 and the other is insulated: :math:`u_t = \kappa u_{xx}`. Sixty noisy measurements of
the temperature tell :math:`\kappa`, how the bar was heated at first, :math:`u(x, 0) = s \sin(\pi x / 2)`, and how sure
both are.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from pinnlearn import PINNRegressor
from pinnlearn.conditions import Dirichlet, Initial, Neumann
from pinnlearn.displays import ProfileDisplay, UnknownsDisplay
from pinnlearn.domains import Interval, SpaceTime
from pinnlearn.pdes import PDE, Unknown

KAPPA, SIZE, NOISE = 0.2, 5.0, 0.1

pde = PDE(
    SpaceTime(Interval(0, 1), t_start=0, t_end=2),
    equation=lambda x, u, kappa: u.dt - kappa * u.laplacian,
    conditions=[
        Dirichlet(0.0, where=lambda x: x[:, 0] == 0),
        Neumann(0.0, where=lambda x: x[:, 0] == 1),
        Initial(lambda x, size: size * torch.sin(torch.pi * x[:, 0] / 2)),
    ],
    unknowns={"kappa": Unknown(1.0, lower=0.0), "size": 1.0},
)


def temperature(X):
    return SIZE * np.exp(-KAPPA * (np.pi / 2) ** 2 * X[:, 1]) * np.sin(np.pi * X[:, 0] / 2)


# %%
# Rows of X are places where the equation holds, and places where something was measured; y is NaN in the former.

rng = np.random.default_rng(0)
measured = rng.uniform([0, 0], [1, 2], size=(60, 2))
X = np.concatenate([pde.sample(n_interior=300, n_boundary=120, random_state=0), measured])
y = np.full(len(X), np.nan)
y[-60:] = temperature(measured) + NOISE * rng.standard_normal(60)
model = PINNRegressor(pde, random_state=0).fit(X, y)
print(model.describe())

# %%
# The intervals hold what is right, and so do those of the temperature anywhere. The deviance along :math:`\kappa` is
# nearly the parabola that the standard error stands for.

X_new = rng.uniform([0, 0], [1, 2], size=(1000, 2))
u, std = model.predict(X_new, return_std=True)
print(f"{np.mean(np.abs(u - temperature(X_new)) < 2 * std):.0%} of 1000 values of u within two standard errors")
error = abs(model.unknowns_["kappa"] - KAPPA) / KAPPA

figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.0), layout="constrained")
UnknownsDisplay.from_estimator(model, true={"kappa": KAPPA, "size": SIZE}, ax=left)
ProfileDisplay.from_estimator(model, X, y, "kappa", ax=right)
