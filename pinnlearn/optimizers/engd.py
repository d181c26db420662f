"""Energy natural gradient descent, w <- w - eta (J^T J)^+ J^T r, with the step length of a grid."""

from __future__ import annotations

from torch import Tensor

from pinnlearn.hyperparameters import check_positive
from pinnlearn.linalg import gram_of_rows, pseudo_solve
from pinnlearn.optimizers.base import Optimizer, Problem, State
from pinnlearn.optimizers.searches import Grid, StepLength, check_length, chosen_length, follow, moving


class ENGD(Optimizer):
    """Energy natural gradient descent: the pseudo-inverse in the space of parameters, and a grid of step lengths.

    For a loss of squares, the energy's Gram matrix is J^T J. The direction is that of `NGD` and of `GaussNewton` with
    the same damping; what differs is how it is computed and how far it is followed.

    Parameters
    ----------
    learning_rate : float, optional
        The step length eta. None searches in every step.
    damping : float
        lambda, relative to the mean diagonal of J J^T; the paper has none.
    max_iter : int
    line_search : StepLength, optional
        How the step length is searched for; None is `Grid()`, which tries 1, 1/2, ..., 2^-30 and takes the best.

    See Also
    --------
    NGD : Solves the smaller of the two systems, by factors that do not square the condition number.
    GaussNewton : Adapts the damping.

    Notes
    -----
    Eigenvalues of J^T J below p eps times the largest, eps the machine epsilon, count as zero. So singular values of J
    below sqrt(p eps) times the largest do, which bounds the digits; the eigenvalue decomposition takes p^3.

    References
    ----------
    Müller & Zeinhofer (2023), "Achieving high accuracy with PINNs via energy natural gradient descent", ICML,
    arXiv:2302.13163; the damping is of Guzmán-Cordero et al. (2025), arXiv:2505.12149.

    Examples
    --------
    >>> ENGD(max_iter=50)
    ENGD(max_iter=50)
    """

    def __init__(
        self,
        learning_rate: float | None = None,
        damping: float = 0.0,
        max_iter: int = 200,
        line_search: StepLength | None = None,
    ):
        self.learning_rate = learning_rate
        self.damping = damping
        self.max_iter = max_iter
        self.line_search = line_search

    def check(self) -> None:
        """Check the hyperparameters."""
        super().check()
        check_positive("damping", self.damping, or_zero=True)
        check_length(self.learning_rate, self.line_search)

    def holds(self, n: int, parameters: Tensor, gram_size: int) -> frozenset[str]:
        """J, and J^T J with its eigenvectors."""
        return frozenset(("jacobian", "hessian"))

    def step(self, problem: Problem, state: State) -> State:
        """Make one step."""
        linear = problem.linearize(state.parameters)
        J = linear.jacobian()
        gram = gram_of_rows(J.T)
        gram.diagonal().add_(self.damping * gram.diagonal().sum() / len(J))
        length = chosen_length(self.learning_rate, self.line_search or Grid())
        return follow(length, moving(problem, state), state, -pseudo_solve(gram, linear.gradient), linear)
