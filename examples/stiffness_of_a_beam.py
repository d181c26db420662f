r"""
The stiffness of a beam, and an unknown load
============================================

A beam that lies on both ends, :math:`(k\, w'')'' = q`, under a load that is known, with deflections that were measured
at forty places. Its stiffness k(x) is an unknown function; on a second beam of stiffness one it is the load q(x) that
nobody knows.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from pinnlearn import PINNRegressor
from pinnlearn.conditions import Condition, Dirichlet
from pinnlearn.domains import Interval
from pinnlearn.pdes import PDE, Field

rng = np.random.default_rng(0)
places, x_new = rng.uniform(size=(40, 1)), np.linspace(0, 1, 101)[:, None]
supports = [Dirichlet(0.0), Condition(lambda x, u: u.d(0, 0), name="no moment")]


def rows(pde, deflection):
    X = np.concatenate([pde.sample(n_interior=100, n_boundary=2, random_state=0), places])
    return X, np.concatenate([np.full(102, np.nan), deflection(places[:, 0])])


# %%
# The moment :math:`m = k w''` of a beam on two ends follows from the load, here :math:`m = -\sin(\pi x)`: then the
# equation reads k alone, and no derivative of it. With :math:`k = 1 / (1 + x)` the deflection has a closed form.


def deflection(x):
    # w'' = -(1 + x) sin(pi x), w = 0 at both ends.
    return (1 + x) * np.sin(np.pi * x) / np.pi**2 + 2 * np.cos(np.pi * x) / np.pi**3 - 2 * (1 - 2 * x) / np.pi**3


stiffness = PDE(
    Interval(0, 1),
    equation=lambda x, w, k: k.value * w.d(0, 0) + torch.sin(torch.pi * x[:, 0]),
    conditions=[Dirichlet(0.0)],
    unknowns={"k": Field(initial=1.0)},
)
model = PINNRegressor(stiffness, random_state=0).fit(*rows(stiffness, deflection))
k, k_true = model.unknowns_["k"](x_new), 1 / (1 + x_new[:, 0])
inside = (x_new[:, 0] > 0.02) & (x_new[:, 0] < 0.98)  # at the ends there is no moment, and nothing tells k
error_of_stiffness = np.abs(k - k_true)[inside].max()
print(f"stiffness: error {error_of_stiffness:.1e}")

# %%
# The load of a beam of stiffness one, :math:`w'''' = q`.

load = PDE(
    Interval(0, 1), equation=lambda x, w, q: w.d(0, 0, 0, 0) - q.value, conditions=supports, unknowns={"q": Field()}
)
other = PINNRegressor(load, random_state=0).fit(*rows(load, lambda x: np.sin(np.pi * x) + 0.1 * np.sin(2 * np.pi * x)))
q, q_true = other.unknowns_["q"](x_new), np.pi**4 * (np.sin(np.pi * x_new) + 1.6 * np.sin(2 * np.pi * x_new))[:, 0]
error = max(error_of_stiffness, np.linalg.norm(q - q_true) / np.linalg.norm(q_true))
print(f"load: relative error {np.linalg.norm(q - q_true) / np.linalg.norm(q_true):.1e}")

figure, panels = plt.subplots(1, 2, figsize=(7.4, 3.0), layout="constrained")
for ax, found, true, name in zip(panels, (k, q), (k_true, q_true), ("stiffness k", "load q"), strict=True):
    ax.plot(x_new[:, 0], found, label="estimate")
    ax.plot(x_new[:, 0], true, "k--", label="true")
    ax.set(xlabel="x", title=name)
    ax.legend()
