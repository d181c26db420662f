"""
Why gradient descent crawls
===========================

Gradient descent contracts the loss along each eigenvector of the Gram matrix :math:`H = J J^T` at a rate of its
eigenvalue; natural gradient descent contracts all of them alike. ``pinnlearn.theory`` measures both, for your PDE and
your points.
"""

import matplotlib.pyplot as plt
import numpy as np

from pinnlearn import NGD, problems
from pinnlearn.displays import GramSpectrumDisplay
from pinnlearn.theory import gram_spectrum, loss_curve, ngd_bound, pose, step_sizes

pde = problems.poisson_1d()
X = pde.sample(n_interior=30, n_boundary=2, random_state=0)
spectrum = gram_spectrum(pde, X, width=2000, random_state=0)
print(spectrum)
print(step_sizes(spectrum))

# %%
# The eigenvalues fall by dozens of orders of magnitude; those below round-off are marked as such. NGD's loss falls as
# (1 - eta)^2 a step in a wide network, within the theorem's bound (1 - eta)^k.

few = pde.sample(n_interior=4, n_boundary=2, random_state=0)
wide = pose(pde, few).draw(20_000, np.random.default_rng(0))
losses = {eta: loss_curve(NGD(eta, damping=0.0), wide, 8) for eta in (0.1, 0.5, 0.9)}
error = max(abs(loss[1] / loss[0] - (1 - eta) ** 2) for eta, loss in losses.items())
print(f"largest distance of the first contraction from (1 - eta)^2: {error:.3f}")

# %%

figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.6), layout="constrained")
plain = gram_spectrum(None, X, width=2000, random_state=0)
GramSpectrumDisplay(spectra={"PDE": spectrum, "regression, same points": plain}).plot(left)
for (eta, loss), marker in zip(losses.items(), "osv", strict=True):
    (line,) = right.semilogy(loss / loss[0], marker + "-", markersize=4, label=f"eta = {eta}")
    right.semilogy(ngd_bound(eta, 8), ":", color=line.get_color())
right.set(xlabel="step", ylabel="loss / first loss", title="dotted: the theorem's bound")
right.legend()
