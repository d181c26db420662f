"""Slow, obviously right references: derivatives by nested autograd, residuals by hand, problems with a dense Jacobian.

A case is a list of laws, each written twice: once as a user of the package would, once for plain functions of x.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy.fft
import torch

from pinnlearn.activations import get_activation
from pinnlearn.arrays import CPU, as_tensor
from pinnlearn.conditions import InitialVelocity, Neumann, Robin
from pinnlearn.least_squares import Equation, LeastSquares, Unknowns
from pinnlearn.networks import BLOCKS, TwoLayerNetwork, Weights
from pinnlearn.pdes import Heat, Helmholtz, Poisson
from pinnlearn.posing.pose import pose
from pinnlearn.posing.rows import Rows

WIDTH = 5
LOSS_WEIGHTS = {"interior": 2.0, "boundary": 30.0, "initial": 0.5, "data": 7.0}


ACTIVATIONS_BY_HAND = {
    "tanh": torch.tanh,
    "logistic": torch.sigmoid,
    "softplus": lambda z: torch.log1p(torch.exp(z)),
    "swish": lambda z: z * torch.sigmoid(z),
    "relu3": lambda z: torch.relu(z) ** 3,
    "sin": torch.sin,
    "gaussian": lambda z: torch.exp(-(z**2) / 2),
}


def two_layers(weights: Weights, trainable="all", activation="tanh", dtype=torch.float64) -> Unknowns:
    """A two-layer network of given weights, and what of it is trained."""
    return Unknowns(TwoLayerNetwork.of(weights, get_activation(activation), CPU, dtype), BLOCKS[trainable])


def problem_of(pde, X, unknowns: Unknowns, y=None, region=None) -> LeastSquares:
    """A PDE at points, its weights ones."""
    return pose(pde, Rows.of(pde, np.asarray(X, dtype=float), y, region), unknowns)


def relative_error(result, reference) -> float:
    """||result - reference|| / ||reference||, Euclidean or Frobenius."""
    result, reference = np.asarray(result), np.asarray(reference)
    assert result.shape == reference.shape
    return np.linalg.norm(result - reference) / np.linalg.norm(reference)


def with_spectrum(n: int, p: int, singular_values) -> torch.Tensor:
    """An (n, p) matrix with these singular values, between the cosine bases of R^n and R^p."""
    left, right = (scipy.fft.dct(np.eye(size), norm="ortho") for size in (n, p))
    k = len(singular_values)
    return torch.tensor(left[:, :k] * singular_values @ right[:k])


def right_side(n: int) -> torch.Tensor:
    """(n,) numbers of size 1, in the direction of none of these bases."""
    return torch.cos(torch.arange(1.0, n + 1, dtype=torch.float64))


def normal_equations(J, r, damping):
    """J^T (J J^T + lambda I)^-1 r, lambda = damping * mean diag(J J^T), as it is written."""
    gram = J @ J.T
    return J.T @ torch.linalg.solve(gram + damping * gram.diagonal().mean() * torch.eye(len(J), dtype=J.dtype), r)


def derivative(values, x, *axes):
    """A partial derivative of values (n,), each a function of its row of x, by nested autograd."""
    for axis in axes:
        (gradient,) = torch.autograd.grad(values.sum(), x, create_graph=True, materialize_grads=True)
        values = gradient[:, axis]
    return values


def laplacian(values, x, n_space):
    return sum(derivative(values, x, axis, axis) for axis in range(n_space))


class FunctionTerms:
    """Any function of x as the source of a jet; `functions` are its outputs, x -> (n,)."""

    def __init__(self, x, *functions):
        self.points = [x.detach().clone().requires_grad_()]
        self.functions = functions
        self.n_dims, self.n_outputs = x.shape[1], len(functions)

    def term(self, term):
        x = self.points[term.points]
        values = self.functions[term.output](x)
        return sum(derivative(values, x, *axes) for axes in term.symbol.monomials)

    def add_points(self, x):
        self.points.append(x.detach().clone().requires_grad_())
        return len(self.points) - 1


@dataclass(frozen=True)
class Law:
    """An equation(x, jet), and the same by hand: (x, u, normals) -> (n,) or (n, q), u(x, k) being output k."""

    group: str
    equation: Callable
    by_hand: Callable
    n: int = 4
    known: bool = False  # the equation is "residual(x, u) = known values"


@dataclass(frozen=True)
class Case:
    laws: tuple[Law, ...]
    n_dims: int = 2
    n_outputs: int = 1
    has_time: bool | None = None


def _dn(values, x, normals):
    return sum(normals[:, axis] * derivative(values, x, axis) for axis in range(x.shape[1]))


def _variable(x, u):
    divergence = (1 + x[:, 0] ** 2) * u.d(0, 0) + 2 * x[:, 0] * u.d(0) + torch.exp(x[:, 1]) * u.d(1, 1)
    return -divergence + torch.sin(x[:, 0]) * u.d(0, 1) + u.value * u.d(0) - x[:, 1]


def _variable_by_hand(x, u, _):
    v = u(x, 0)
    divergence = (1 + x[:, 0] ** 2) * derivative(v, x, 0, 0) + 2 * x[:, 0] * derivative(v, x, 0)
    divergence = divergence + torch.exp(x[:, 1]) * derivative(v, x, 1, 1)
    return -divergence + torch.sin(x[:, 0]) * derivative(v, x, 0, 1) + v * derivative(v, x, 0) - x[:, 1]


def _system(x, u):
    first = -u[0].laplacian + u[0].value * u[1].value - 1
    return torch.stack([first, u[0].d(0) * u[1].d(1, 1) + u[1].value ** 2 - x[:, 0]], dim=1)


def _system_by_hand(x, u, _):
    v, w = u(x, 0), u(x, 1)
    second = derivative(v, x, 0) * derivative(w, x, 1, 1) + w**2 - x[:, 0]
    return torch.stack([-laplacian(v, x, 2) + v * w - 1, second], dim=1)


def _other_side(x):
    return x + torch.tensor([1.0, 0.0], dtype=x.dtype)


def _periodic(x, u):
    other = u.at(_other_side(x))
    return torch.stack([u.value - other.value, u.d(0) - other.d(0) * other.value], dim=1)


def _periodic_by_hand(x, u, _):
    x2 = _other_side(x)
    v, w = u(x, 0), u(x2, 0)
    return torch.stack([v - w, derivative(v, x, 0) - derivative(w, x2, 0) * w], dim=1)


def _value(group, n=4):
    return Law(group, lambda x, u: u.value - x[:, 0], lambda x, u, _: u(x, 0) - x[:, 0], n)


def _sine(x):
    return torch.sin(3 * x[:, 0])


CASES = {
    "poisson": Case(
        (
            Law("interior", Poisson(source=_sine).residual, lambda x, u, _: -laplacian(u(x, 0), x, 2) - _sine(x), 6),
            _value("boundary"),
        )
    ),
    "helmholtz": Case(
        (
            Law(
                "interior",
                Helmholtz(wavenumber=3.0, source=_sine).residual,
                lambda x, u, _: laplacian(u(x, 0), x, 3) + 9 * u(x, 0) - _sine(x),
            ),
            _value("boundary", 3),
        ),
        n_dims=3,
    ),
    "heat": Case(
        (
            Law(
                "interior",
                Heat(diffusivity=0.3, source=1.5).residual,
                lambda x, u, _: derivative(u(x, 0), x, 2) - 0.3 * laplacian(u(x, 0), x, 2) - 1.5,
            ),
            _value("boundary"),
            _value("initial", 3),
        ),
        n_dims=3,
        has_time=True,
    ),
    "cubic": Case(
        (
            Law(
                "interior",
                lambda x, u: -u.laplacian + u.value**3 - torch.exp(x[:, 0]),
                lambda x, u, _: -laplacian(u(x, 0), x, 2) + u(x, 0) ** 3 - torch.exp(x[:, 0]),
            ),
            Law("data", lambda x, u: u.value, lambda x, u, _: u(x, 0), 3, known=True),
        )
    ),
    "variable": Case(
        (
            Law("interior", _variable, _variable_by_hand, 5),
            Law(
                "boundary",
                lambda x, u: 2 * u.value + u.dn - torch.cos(x[:, 1]),
                lambda x, u, normals: 2 * u(x, 0) + _dn(u(x, 0), x, normals) - torch.cos(x[:, 1]),
            ),
            _value("boundary", 2),
        )
    ),
    "system": Case(
        (
            Law("interior", _system, _system_by_hand),
            Law("boundary", lambda x, u: u.value - x, lambda x, u, _: torch.stack([u(x, 0), u(x, 1)], dim=1) - x, 3),
            Law("boundary", lambda x, u: u.dn[:, 1], lambda x, u, normals: _dn(u(x, 1), x, normals), 2),
        ),
        n_outputs=2,
    ),
    "periodic": Case((Law("boundary", _periodic, _periodic_by_hand), _value("interior", 3))),
    "wave": Case(
        (
            Law(
                "interior",
                lambda x, u: u.d(2, 2) - 4 * u.laplacian,
                lambda x, u, _: derivative(u(x, 0), x, 2, 2) - 4 * laplacian(u(x, 0), x, 2),
            ),
            _value("initial"),
            Law("initial", InitialVelocity(_sine).residual, lambda x, u, _: derivative(u(x, 0), x, 2) - _sine(x)),
        ),
        n_dims=3,
        has_time=True,
    ),
    "biharmonic": Case(
        (
            Law(
                "interior",
                lambda x, u: u.d(0, 0, 0, 0) + 2 * u.d(0, 0, 1, 1) + u.d(1, 1, 1, 1) - _sine(x),
                lambda x, u, _: laplacian(laplacian(u(x, 0), x, 2), x, 2) - _sine(x),
            ),
            _value("boundary"),
            Law("boundary", Neumann(_sine).residual, lambda x, u, normals: _dn(u(x, 0), x, normals) - _sine(x)),
        )
    ),
    "third_order": Case(
        (
            Law(
                "interior",
                lambda x, u: u.d(1) + 6 * u.value * u.d(0) + u.d(0, 0, 0),
                lambda x, u, _: (
                    derivative(u(x, 0), x, 1)
                    + 6 * u(x, 0) * derivative(u(x, 0), x, 0)
                    + derivative(u(x, 0), x, 0, 0, 0)
                ),
            ),
            Law(
                "boundary",
                Robin(2.0, -3.0, _sine).residual,
                lambda x, u, normals: 2 * u(x, 0) - 3 * _dn(u(x, 0), x, normals) - _sine(x),
            ),
        )
    ),
    "fourth_order": Case(
        (
            Law(
                "interior",
                lambda x, u: u.d(0, 0, 1, 1) + u.value * u.d(0, 0, 1),
                lambda x, u, _: derivative(u(x, 0), x, 0, 0, 1, 1) + u(x, 0) * derivative(u(x, 0), x, 0, 0, 1),
            ),
        )
    ),
}


@dataclass(frozen=True)
class Example:
    """A case with numbers: points, normals, known values, weights of a network."""

    case: Case
    weights: Weights
    X: np.ndarray
    normals: np.ndarray
    known: np.ndarray

    @property
    def rows(self) -> list[np.ndarray]:
        return np.split(np.arange(len(self.X)), np.cumsum([law.n for law in self.case.laws])[:-1])

    def problem(self, trainable="all", dtype=torch.float64, activation="tanh") -> LeastSquares:
        """The problem in the package's way."""
        equations = [
            Equation(
                f"law {k}", law.group, law.equation, rows, self.normals[rows], self.known[rows] if law.known else None
            )
            for k, (law, rows) in enumerate(zip(self.case.laws, self.rows, strict=True))
        ]
        unknowns = two_layers(self.weights, trainable, activation, dtype)
        return LeastSquares.of(unknowns, as_tensor(self.X, CPU, dtype), equations, LOSS_WEIGHTS, self.case.has_time)

    def residual(self, parameters, trainable, activation="tanh"):
        """The weighted residuals by nested autograd: u(x) = m^(-1/2) sum_r a_r sigma(w_r . x + b_r)."""
        W, b, a = _unpack(parameters, trainable, self.weights)
        sigma = ACTIVATIONS_BY_HAND[activation]
        parts = []
        for law, rows in zip(self.case.laws, self.rows, strict=True):
            x = torch.tensor(self.X[rows], requires_grad=True)
            r = law.by_hand(
                x,
                lambda points, k: sigma(points @ W.T + b) @ a[:, k] / math.sqrt(WIDTH),
                torch.tensor(self.normals[rows]),
            )
            parts.append(r - torch.tensor(self.known[rows]) if law.known else r)
        counts = {law.group: 0 for law in self.case.laws}
        for law, part in zip(self.case.laws, parts, strict=True):
            counts[law.group] += part.numel()
        factors = [math.sqrt(LOSS_WEIGHTS[law.group] / counts[law.group]) for law in self.case.laws]
        return torch.cat([(factor * part).reshape(-1) for factor, part in zip(factors, parts, strict=True)])


def _unpack(parameters, trainable, weights):
    """Hidden weights (axis by axis), bias, output weights (output by output): those that are not trained stay."""
    W, b, a = (torch.tensor(block) for block in weights)
    if trainable in ("hidden", "all"):
        W, b = parameters[: W.numel()].reshape(W.T.shape).T, parameters[W.numel() :][: b.numel()]
    if trainable in ("output", "all"):
        a = parameters[-a.numel() :].reshape(a.T.shape).T
    return W, b, a


@cache
def example(name: str) -> Example:
    case = CASES[name]
    rng = np.random.default_rng(0)
    weights = Weights(*(rng.standard_normal((WIDTH, *shape)) for shape in ((case.n_dims,), (), (case.n_outputs,))))
    n = sum(law.n for law in case.laws)
    normals = rng.standard_normal((n, case.n_dims))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Example(case, weights, rng.random((n, case.n_dims)), normals, rng.standard_normal(n))


@cache
def reference(name: str, trainable: str, activation: str = "tanh"):
    """The residual and the dense Jacobian of a case, by autograd row by row."""
    ex = example(name)
    start = ex.problem(trainable).start
    residual = ex.residual(start, trainable, activation).detach()
    return residual, torch.autograd.functional.jacobian(lambda w: ex.residual(w, trainable, activation), start)


@dataclass
class Dense:
    """A least-squares problem to first order, with its Jacobian at hand."""

    residual: torch.Tensor
    J: torch.Tensor
    problem: "TorchProblem | None" = None
    w: torch.Tensor | None = None

    @property
    def loss(self):
        return self.residual @ self.residual / 2

    @property
    def gradient(self):
        return self.J.T @ self.residual

    def jacobian(self):
        return self.J.clone()

    def jacobian_blocks(self, n_rows):
        yield from self.J.split(n_rows)

    @property
    def gram_size(self):
        return self.J.shape[1]

    def gram(self):
        return self.J @ self.J.T

    def linear_jacobian(self):
        return self.J[:, self.problem.linear].clone()

    def along_linear(self, step):
        w = self.w.clone()
        w[self.problem.linear] += step
        return self.problem.linearize(w)

    def matvec(self, v):
        return self.J @ v

    def rmatvec(self, v):
        return self.J.T @ v


class TorchProblem:
    """The least-squares problem of any torch function w -> r(w); no network and no PDE."""

    def __init__(self, residual, n_parameters, linear=False):
        self.residual = residual
        self.layout = {"w": slice(0, n_parameters)}
        self.linear = slice(0, n_parameters) if linear else None

    def loss(self, w):
        r = self.residual(w)
        return r @ r / 2

    def hessian(self, w):
        H = torch.autograd.functional.hessian(self.loss, w)
        return lambda v: H @ v

    def linearize(self, w):
        return Dense(self.residual(w), torch.func.jacrev(self.residual)(w), self, w)
