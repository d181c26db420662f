r"""
Your own nonlinear equation
===========================

An equation is a function of the points x and of u, which carries its derivatives. Here it is Burgers' equation,
:math:`u_t + u u_x = \nu u_{xx}` on :math:`[-1, 1]`, from :math:`u = -\sin(\pi x)`: a front forms in the middle.
"""

import matplotlib.pyplot as plt
import torch

from pinnlearn import PINNRegressor, problems, relative_l2_error
from pinnlearn.conditions import Dirichlet, Initial
from pinnlearn.displays import LossCurveDisplay, SolutionDisplay
from pinnlearn.domains import Interval, SpaceTime
from pinnlearn.metrics import exact_solution
from pinnlearn.pdes import PDE

VISCOSITY = 0.1


def burgers(x, u):
    return u.dt + u.value * u.d(0) - VISCOSITY * u.d(0, 0)


pde = PDE(
    SpaceTime(Interval(-1, 1), t_start=0, t_end=0.5),
    equation=burgers,
    conditions=[Dirichlet(0.0), Initial(lambda x: -torch.sin(torch.pi * x[:, 0]))],
)
X = pde.sample(n_interior=400, n_boundary=150, random_state=0)
model = PINNRegressor(pde=pde, width=300, random_state=0).fit(X)
print(model.describe())

# %%
# The solution is known as an integral, which `pinnlearn.problems` evaluates. It tells how far we are off.

X_new = pde.sample(n_interior=2000, n_boundary=0, method="uniform", random_state=1)
error = relative_l2_error(exact_solution(problems.burgers_shock(VISCOSITY), X_new), model.predict(X_new))
print(f"relative L2 error {error:.1e}")

# %%
# The equation is nonlinear in the output weights too, so that hidden units are trained as well; the loss jumps where
# another stage begins.

figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.4), layout="constrained")
for time, dashes in ((0.0, "-"), (0.2, "--"), (0.35, "-."), (0.5, ":")):
    SolutionDisplay.from_estimator(model, axes=0, at={1: time}, ax=left, label=f"t = {time}", linestyle=dashes)
left.legend()
left.set_title("")
LossCurveDisplay.from_estimator(model, ax=right)
