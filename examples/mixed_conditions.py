r"""
Conditions of several kinds
===========================

Heat flows through a wall, :math:`u_t = u_{xx}`. Its left side is kept at 1, its right side cools in air of
temperature 0, :math:`\partial u / \partial n + 5 u = 0`. From a warm start the profile falls to a straight line, from
1 to 1/6.
"""

import torch

from pinnlearn import PINNRegressor, relative_l2_error
from pinnlearn.conditions import Dirichlet, Initial, Robin
from pinnlearn.displays import SolutionDisplay
from pinnlearn.domains import Interval, SpaceTime
from pinnlearn.metrics import exact_solution
from pinnlearn.pdes import PDE

K = 2.653662403  # k + 5 tan(k) = 0: the slowest mode that the two sides allow


def exact(x):
    return 1 - 5 / 6 * x[:, 0] + torch.exp(-(K**2) * x[:, 1]) * torch.sin(K * x[:, 0])


# %%
# ``where`` restricts a condition to a part of the boundary; it is asked at points that lie exactly there.

pde = PDE(
    SpaceTime(Interval(0, 1), t_start=0, t_end=0.5),
    equation=lambda x, u: u.dt - u.laplacian,
    conditions=[
        Dirichlet(1.0, where=lambda x: x[:, 0] == 0),
        Robin(a=5.0, b=1.0, value=0.0, where=lambda x: x[:, 0] == 1),
        Initial(exact),
    ],
    solution=exact,
)
X = pde.sample(n_interior=800, n_boundary=200, random_state=0)
model = PINNRegressor(pde=pde, random_state=0).fit(X)
print(model.describe())

X_new = pde.sample(n_interior=5000, n_boundary=0, method="uniform", random_state=1)
error = relative_l2_error(exact_solution(pde, X_new), model.predict(X_new))
print(f"relative L2 error {error:.1e}")

# %%

display = SolutionDisplay.from_estimator(model, axes=0, at={1: 0.0}, label="t = 0")
for time, dashes in ((0.1, "--"), (0.2, "-."), (0.5, ":")):
    SolutionDisplay.from_estimator(model, axes=0, at={1: time}, ax=display.ax_, label=f"t = {time}", linestyle=dashes)
display.ax_.legend()
display.ax_.set_title("")
