"""NysNewton-CG: Newton's method with the true Hessian, by preconditioned conjugate gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from pinnlearn.hyperparameters import check_count, check_positive
from pinnlearn.krylov import Nystrom, Product, conjugate_gradients, nystrom
from pinnlearn.optimizers.base import Optimizer, Problem, State
from pinnlearn.optimizers.searches import Armijo, StepLength, check_length, follow, moving
from pinnlearn.optimizers.trust import check_patience, hardly_falls


class _Sketch(NamedTuple):
    """The Hessian's sketch, the number of steps it has served, and the loss after each of the last products."""

    hessian: Nystrom | None = None
    age: int = 0
    losses: tuple[float, ...] = ()


class _Counted:
    """A product that counts how often it is formed."""

    def __init__(self, product: Product):
        self.product, self.count = product, 0

    def __call__(self, v: Tensor) -> Tensor:
        self.count += 1
        return self.product(v)


class NNCG(Optimizer):
    """NysNewton-CG: w <- w - eta (H + lambda I)^-1 g, H the Hessian of the loss, solved by conjugate gradients.

    The Hessian is known by its products with vectors, which differentiate the closed-form gradient: exact, no finite
    differences. A Nyström sketch of it preconditions. The system is solved to a tolerance, or until a direction of
    negative curvature is met, of which the way so far is still one of descent.

    Parameters
    ----------
    learning_rate : float
        The first step length eta; what `line_search` tries are parts of it.
    damping : float
        lambda, relative to the norm of the Hessian, as the sketch sees it; at least the machine epsilon.
    sketch : int
        The rank of the Nyström sketch.
    refresh : int
        The number of steps that a sketch serves.
    tol : float
        The relative residual of the linear system at which conjugate gradients end.
    max_products : int
        The most products with the Hessian that they take in a step.
    max_iter : int
    line_search : StepLength, optional
        None is `Armijo()`: eta is halved until the loss falls by a tenth of what its slope promises.
    patience : tuple (products, part)
        Training has stalled when the loss has not fallen to this part while so many products with the Hessian were
        taken, those of the sketch included. A part of 1 is patience without end.

    See Also
    --------
    NGD : With J^T J in place of the Hessian; solver="cg" is as free of matrices.

    Notes
    -----
    The reference takes sketch = 60, refresh = 20, 1000 products to a tolerance of 1e-16 and an absolute lambda from
    1e-5 to 1e-1, after Adam and L-BFGS, as in `optimizer=["adam", "lbfgs", "nncg"]`. It can be used alone, too. A
    sketch loses negative eigenvalues; conjugate gradients see them.

    Products are nearly all of the cost. The loss falls like a power of their number, without an end of its own: on
    -Laplace(u) + u^3 = f with 1800 rows to 5e-10 of its first value with the first 1000, to 1e-12 after 6000. So
    patience counts them; steps, of which some take one product and some fifty, say little. How they are dealt out
    hardly matters: `tol` from 0.01 to 0.5 and sketches of rank 30 to 60 come to the same loss with the same number.

    References
    ----------
    .. [1] Rathore, Lei, Frangella, Lu & Udell (2024), "Challenges in training PINNs: A loss landscape perspective",
       ICML, arXiv:2402.01868, Section 7 and Appendix E.
    .. [2] Frangella, Tropp & Udell (2023), "Randomized Nyström preconditioning", SIAM J. Matrix Anal. Appl. 44.

    Examples
    --------
    >>> NNCG(sketch=20)
    NNCG(sketch=20)
    """

    chooses_rate = False
    learning_rate: float

    def __init__(
        self,
        learning_rate: float = 1.0,
        damping: float = 1e-9,
        sketch: int = 60,
        refresh: int = 20,
        tol: float = 0.1,
        max_products: int = 200,
        max_iter: int = 1000,
        line_search: StepLength | None = None,
        patience: tuple[int, float] = (500, 0.2),
    ):
        self.learning_rate = learning_rate
        self.damping = damping
        self.sketch = sketch
        self.refresh = refresh
        self.tol = tol
        self.max_products = max_products
        self.max_iter = max_iter
        self.line_search = line_search
        self.patience = patience

    def check(self) -> None:
        """Check the hyperparameters."""
        super().check()
        check_positive("damping", self.damping)
        check_positive("tol", self.tol, or_zero=True)
        for name in ("sketch", "refresh", "max_products"):
            check_count(name, getattr(self, name))
        check_length(None, self.line_search)
        check_patience("patience", self.patience)

    def holds(self, n: int, parameters: Tensor, gram_size: int) -> frozenset[str]:
        """What autograd keeps to differentiate the gradient."""
        return frozenset(("graph",))

    def begin(self, problem: Problem, parameters: Tensor) -> State:
        """The state before the first step."""
        state = super().begin(problem, parameters)
        return replace(state, memory=_Sketch(losses=(state.loss,)))

    def step(self, problem: Problem, state: State) -> State:
        """Make one step."""
        linear, hessian = problem.linearize(state.parameters), _Counted(problem.hessian(state.parameters))
        gradient, (sketch, age, losses) = linear.gradient, state.memory
        if sketch is None or age >= self.refresh:
            sketch, age = nystrom(_columnwise(hessian), gradient, self.sketch), 0
        shift = max(self.damping, torch.finfo(gradient.dtype).eps) * sketch.norm
        if not shift > 0:
            return replace(state, stop="stalled")
        direction = -conjugate_gradients(
            lambda v: hessian(v) + shift * v,
            gradient,
            lambda v: sketch.precondition(v, shift),
            self.tol,
            self.max_products,
        )
        length = self.line_search or Armijo()
        ahead = follow(length, moving(problem, state), state, self.learning_rate * direction, linear)
        losses = (*losses, *[state.loss] * (hessian.count - 1), ahead.loss)[-1 - self.patience[0] :]
        stop = "stalled" if hardly_falls(losses, self.patience) else ahead.stop
        return replace(ahead, memory=_Sketch(sketch, age + 1, losses), stop=stop)


def _columnwise(product: Product) -> Product:
    """V -> A V from v -> A v."""
    return lambda V: torch.stack([product(v) for v in V.T], dim=1)
