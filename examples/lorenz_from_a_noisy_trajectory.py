r"""
The Lorenz equations from a noisy trajectory
============================================

:math:`x' = \sigma (y - x),\ y' = x (\rho - z) - y,\ z' = x y - \beta z`: fifty noisy values of each coordinate, no
initial value, and guesses that are off by a factor of three.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.integrate import solve_ivp

from pinnlearn import PINNRegressor
from pinnlearn.displays import UnknownsDisplay
from pinnlearn.domains import Time
from pinnlearn.pdes import PDE

TRUE = {"sigma": 10.0, "rho": 28.0, "beta": 8 / 3}
NOISE = 0.2


def lorenz(t, u, sigma, rho, beta):
    x, y, z = (u[k].value for k in range(3))
    return torch.stack([u[0].dt - sigma * (y - x), u[1].dt - x * (rho - z) + y, u[2].dt - x * y + beta * z], dim=1)


def rates(t, w, sigma=10.0, rho=28.0, beta=8 / 3):
    x, y, z = w
    return [sigma * (y - x), x * (rho - z) - y, x * y - beta * z]


solved = solve_ivp(rates, (0, 2), [-8.0, 7.0, 27.0], method="DOP853", rtol=1e-12, atol=1e-12, dense_output=True)
times, rng = np.linspace(0, 2, 50), np.random.default_rng(0)
values = solved.sol(times).T + NOISE * rng.standard_normal((50, 3))

# %%
# The equations hold at 200 times, and at those of the measurements.

pde = PDE(Time(0, 2), equation=lorenz, n_outputs=3, unknowns={name: 3 * value for name, value in TRUE.items()})
t = np.concatenate([np.linspace(0, 2, 200), times])[:, None]
y = np.concatenate([np.full((200, 3), np.nan), values])
model = PINNRegressor(pde, random_state=0).fit(t, y)
print(model.describe())
error = max(abs(model.unknowns_[name] / value - 1) for name, value in TRUE.items())

# %%
# The trajectory, with twice its standard error, beside the measurements.

figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.0), layout="constrained")
dense = np.linspace(0, 2, 300)
u, std = model.predict(dense[:, None], return_std=True)
for k, name in enumerate("xyz"):
    left.plot(times, values[:, k], ".", color=f"C{k}", markersize=4)
    left.plot(dense, u[:, k], color=f"C{k}", label=name)
    left.fill_between(dense, u[:, k] - 2 * std[:, k], u[:, k] + 2 * std[:, k], color=f"C{k}", alpha=0.3)
left.set_xlabel("t")
left.legend()
UnknownsDisplay.from_estimator(model, true=TRUE, ax=right)
