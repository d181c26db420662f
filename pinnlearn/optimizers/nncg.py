"""NysNewton-CG: Newton's method with the true Hessian, by preconditioned conjugate gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from pinnlearn.krylov import Nystrom, Product, conjugate_gradients, nystrom
from pinnlearn.optimizers.base import Optimizer, Problem, State, check_count, check_positive
from pinnlearn.optimizers.searches import Armijo, follow, moving


class _Sketch(NamedTuple):
    """The Hessian's sketch, and the number of steps it has served."""

    hessian: Nystrom
    age: int = 0


class NNCG(Optimizer):
    """NysNewton-CG: w <- w - eta (H + lambda I)^-1 g, H the Hessian of the loss, solved by conjugate gradients.

    The Hessian is known by its products with vectors, which differentiate the closed-form gradient: exact, no finite
    differences. A Nyström sketch of it preconditions. The system is solved to a tolerance, or until a direction of
    negative curvature is met, of which the way so far is still one of descent.

    Parameters
    ----------
    learning_rate : float
        The first step length eta; it is halved until the loss falls by a tenth of what its slope promises (Armijo).
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

    See Also
    --------
    NGD : With J^T J in place of the Hessian; solver="cg" is as free of matrices.

    Notes
    -----
    The reference takes sketch = 60, refresh = 20, 1000 products to a tolerance of 1e-16 and an absolute lambda from
    1e-5 to 1e-1, after Adam and L-BFGS, as in `optimizer=["adam", "lbfgs", "nncg"]`. It can be used alone, too. A
    sketch loses negative eigenvalues; conjugate gradients see them.

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
    ):
        self.learning_rate = learning_rate
        self.damping = damping
        self.sketch = sketch
        self.refresh = refresh
        self.tol = tol
        self.max_products = max_products
        self.max_iter = max_iter

    def check(self) -> None:
        """Check the hyperparameters."""
        super().check()
        check_positive("damping", self.damping)
        check_positive("tol", self.tol, or_zero=True)
        for name in ("sketch", "refresh", "max_products"):
            check_count(name, getattr(self, name))

    def holds(self, n: int, parameters: Tensor, gram_size: int) -> frozenset[str]:
        """What autograd keeps to differentiate the gradient."""
        return frozenset(("graph",))

    def step(self, problem: Problem, state: State) -> State:
        """Make one step."""
        linear, hessian = problem.linearize(state.parameters), problem.hessian(state.parameters)
        gradient = linear.gradient
        known = state.memory is not None and state.memory.age < self.refresh
        sketch = state.memory if known else _Sketch(nystrom(_columnwise(hessian), gradient, self.sketch))
        shift = max(self.damping, torch.finfo(gradient.dtype).eps) * sketch.hessian.norm
        if not shift > 0:
            return replace(state, stop="stalled")
        direction = -conjugate_gradients(
            lambda v: hessian(v) + shift * v,
            gradient,
            lambda v: sketch.hessian.precondition(v, shift),
            self.tol,
            self.max_products,
        )
        ahead = replace(state, memory=sketch._replace(age=sketch.age + 1))
        return follow(Armijo(), moving(problem, ahead), ahead, self.learning_rate * direction, linear)


def _columnwise(product: Product) -> Product:
    """V -> A V from v -> A v."""
    return lambda V: torch.stack([product(v) for v in V.T], dim=1)
