"""PINNRegressor: the scikit-learn estimator that solves PDEs with two-layer networks."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import ClassVar, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.metrics import r2_score
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from pinnlearn.activations import get_activation
from pinnlearn.collocation import assign_equations, time_axis
from pinnlearn.jets import VALUE, Symbol
from pinnlearn.least_squares import (
    GROUPS,
    LeastSquares,
    as_tensor,
    balanced_weights,
    build_network,
    check_equations,
)
from pinnlearn.metrics import relative_residual
from pinnlearn.networks import BLOCKS, INITS, TwoLayerNetwork, Weights
from pinnlearn.optimizers import NGD, Optimizer, get_optimizer
from pinnlearn.optimizers.base import STOP_REASONS, check_positive
from pinnlearn.pdes import PDE
from pinnlearn.placement import FALLBACK_SCALE, Placement, choose_scale, probe_width
from pinnlearn.sampling import as_generator
from pinnlearn.training import History, train, train_jointly

DTYPES = {"float64": torch.float64, "float32": torch.float32}
DEVICES = ("auto", "cpu", "cuda", "mps")
# width="auto": output solves take as many units as rows determine well; iterations on all weights cost more.
SOLVED_WIDTH, ITERATED_WIDTH = 1000, 200
# Boundary and initial points that `score` adds where X has none.
SCORE_POINTS = 200


class PINNRegressor(RegressorMixin, BaseEstimator):
    """Solve a partial differential equation with a two-layer physics-informed neural network.

    u(x) = width^(-1/2) sum_r a_r sigma(w_r . x + b_r), fitted to the PDE at interior points, to its conditions at
    boundary and initial points, and to known values of u, by natural gradient descent.

    Parameters
    ----------
    pde : PDE, optional
        None is plain regression.
    optimizer : str, Optimizer or list of either
        "ngd" or "gd", or an object such as `NGD(learning_rate=0.1, damping=1e-10)`; a list runs one after the other.
    width : "auto" or int
        The number of hidden units. "auto" takes 0.8 times the number of rows up to 1000 where the output weights
        are solved for (the default), 200 otherwise.
    activation : {"tanh"}
    learning_rate : float, optional
        The step length eta, over the optimizer's own. None lets the method choose; for "ngd" with
        `trainable="all"`, `init="domain"` that is the joined method, see Notes.
    max_iter : int, optional
        The largest number of steps, over the optimizer's own.
    tol : float
        The relative residual, sqrt(loss / loss at the start), at which training is content.
    init : {"domain", "gaussian"}
        "domain" places hidden units in the domain (without one, in the bounding box of X) at a scale chosen from
        the equations; output weights start at zero, or at +-1 if they are not trained. "gaussian" is the paper's:
        hidden weights N(0, I), output weights +-1.
    trainable : {"all", "hidden", "output"}
        Which weights are trained; "hidden" is the paper's setting, "output" is random features.
    loss_weights : "auto", None or dict
        Weights of the groups "interior", "boundary", "initial" and "data" in the loss; None for ones. "auto" makes
        residuals comparable in units of u (see `pinnlearn.least_squares.balanced_weights`).
    device : {"cpu", "cuda", "mps", "auto"}
        "auto" takes CUDA where there is a GPU. Also names such as "cuda:1".
    dtype : {"float64", "float32"}
    random_state : int, RandomState or None
        Seeds the initial weights.
    warm_start : bool
        Go on from the weights of the last fit.
    verbose : int
        Print a line every 10 steps (1) or every step (2).
    callbacks : list of callables, optional
        Each is called with a `pinnlearn.optimizers.Progress` after every step; one that returns True stops the fit.

    Attributes
    ----------
    hidden_weights_ : ndarray of shape (width, n_features_in_)
    hidden_bias_ : ndarray of shape (width,)
    output_weights_ : ndarray of shape (width,) or (width, n_outputs)
        predict(X) = width^(-1/2) sigma(X W^T + b) a, in X's own units.
    loss_ : float
        The loss of these weights, L = 1/2 sum_g weight_g mean over the group of r^2.
    loss_curve_ : list of float
        The loss before the first step and after each.
    stages_ : list of (str, int)
        What ran, and the number of steps made before it.
    n_iter_ : int
        The number of steps.
    stop_reason_ : str
        Why training stopped: "tol", "stalled", "max_iter", "non_finite" or "callback", with what to do about it.
    loss_weights_ : dict of group to float
    pde_, optimizer_
        Clones of the parameters, as used.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X has column names.

    Notes
    -----
    The joined method: one natural gradient step of length 1 on the output weights alone, which for a linear PDE is
    the exact least-squares solution; if the relative residual is above `tol`, some hidden units are trained, all
    their weights, by damped NGD, and the output weights are solved for again. See `pinnlearn.training`.

    A scaler in front of the estimator would change the PDE; the network scales by itself.

    References
    ----------
    "Fast Convergence of Natural Gradient Descent for Over-parameterized Physics-Informed Neural Networks" (2024),
    arXiv:2408.00573.

    Examples
    --------
    >>> from pinnlearn import PINNRegressor, problems
    >>> pde = problems.poisson_1d()
    >>> X = pde.sample(n_interior=50, n_boundary=2, random_state=0)
    >>> model = PINNRegressor(pde=pde, random_state=0).fit(X)
    >>> model.predict([[0.5]]).round(6)
    array([1.])
    >>> model.derivative([[0.5]], 0, 0).round(4)  # u_xx = -pi^2 sin(pi x)
    array([-9.8696])
    """

    # `region` travels through GridSearchCV, cross_validate and Pipeline with no call by the user.
    __metadata_request__fit: ClassVar = {"region": True}
    __metadata_request__score: ClassVar = {"region": True}

    def __init__(
        self,
        pde=None,
        *,
        optimizer="ngd",
        width="auto",
        activation="tanh",
        learning_rate=None,
        max_iter=None,
        tol=1e-6,
        init="domain",
        trainable="all",
        loss_weights="auto",
        device="cpu",
        dtype="float64",
        random_state=None,
        warm_start=False,
        verbose=0,
        callbacks=None,
    ):
        self.pde = pde
        self.optimizer = optimizer
        self.width = width
        self.activation = activation
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.tol = tol
        self.init = init
        self.trainable = trainable
        self.loss_weights = loss_weights
        self.device = device
        self.dtype = dtype
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.callbacks = callbacks

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.pde is None
        tags.target_tags.multi_output = self.pde is None or getattr(self.pde, "n_outputs", 1) > 1
        return tags

    def set_params(self, **params):
        """Set parameters, also nested ones such as `pde__source` and, for an optimizer object, `optimizer__damping`.

        Returns
        -------
        self
        """
        optimizer = params.get("optimizer", self.optimizer)
        nested = [name for name in params if name.startswith("optimizer__")]
        if nested and not isinstance(optimizer, Optimizer):
            raise ValueError(
                f"{nested[0]} needs an optimizer object, but optimizer={optimizer!r}; pass optimizer=NGD() to reach "
                "its parameters."
            )
        return super().set_params(**params)

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, region: ArrayLike | None = None) -> PINNRegressor:
        """Solve the PDE.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_dims)
            Interior, boundary and initial points and places of measurements, in any order, in the units of the PDE.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
            Values of u where it is known, NaN where the row is governed by the PDE and its conditions. None: all
            rows are.
        region : array-like of shape (n_samples,), optional
            "interior", "boundary" or "initial" for each row; None asks the PDE's domain.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For bad input; the estimator is then as it was before.
        """
        before = dict(self.__dict__)
        try:
            self._fit(X, y, region)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    def predict(self, X: ArrayLike) -> NDArray:
        """Evaluate u at points.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_dims)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        return self._evaluate(X, VALUE)

    def derivative(self, X: ArrayLike, *axes: int) -> NDArray:
        """Evaluate a partial derivative of u, exactly: `derivative(X, 0, 0)` is d^2u / dx_0^2.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_dims)
        *axes : int
            The coordinates to differentiate by; none gives u itself.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        check_is_fitted(self)
        for axis in axes:
            if not isinstance(axis, Integral) or not 0 <= axis < self.n_features_in_:
                raise ValueError(f"axes must be integers from 0 to {self.n_features_in_ - 1}, got {axis!r}.")
        return self._evaluate(X, Symbol((tuple(sorted(axes)),)))

    def residual(self, X: ArrayLike) -> NDArray:
        """Evaluate the residual of the PDE itself at every row, whatever its region; without weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_dims)

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, q) for q equations
        """
        check_is_fitted(self)
        if self.pde_ is None:
            raise ValueError("residual needs a PDE; this model was fitted with pde=None.")
        X = self._validated(X)
        interior = np.full(len(X), "interior")
        problem = self._problem(X, assign_equations(self.pde_, X, None, interior), self._network())
        (part,) = problem.linearize(problem.start).parts
        return _numpy(part.residual.squeeze(1) if part.residual.shape[1] == 1 else part.residual)

    def gram(self, X: ArrayLike, y: ArrayLike | None = None, region: ArrayLike | None = None) -> NDArray:
        """Evaluate the Gram matrix J J^T of the weighted residuals in the trained weights.

        Parameters
        ----------
        X, y, region
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_residuals, n_residuals)
            In row order, a row's residuals adjacent.
        """
        check_is_fitted(self)
        X, y = self._validated(X), self._check_y(y, len(X))
        problem = self._problem(X, assign_equations(self.pde_, X, y, region), self._network())
        linear = problem.with_weights(self.loss_weights_).linearize(problem.start)
        order = linear.row_order()
        return _numpy(linear.gram())[np.ix_(order, order)]

    def score(self, X: ArrayLike, y: ArrayLike | None = None, region: ArrayLike | None = None) -> float:
        """Evaluate R^2 where every value is known, otherwise 1 minus the relative residual.

        The relative residual is the root mean square, over the groups of rows, of RMS residual / size of the
        equation's terms; the boundary counts as much as the interior. Where X has no boundary or initial rows
        though the PDE has conditions there, points of the domain are added.

        Parameters
        ----------
        X, y, region
            As in `fit`.

        Returns
        -------
        float
            At most 1.
        """
        check_is_fitted(self)
        known = self._check_y(y, len(np.asarray(X)))
        if known is not None and not np.isnan(known).any():
            return r2_score(y, self.predict(X))
        return 1.0 - self.relative_residual(X, y, region)

    def relative_residual(self, X: ArrayLike, y: ArrayLike | None = None, region: ArrayLike | None = None) -> float:
        """Evaluate the relative residual of all equations, see `pinnlearn.metrics.relative_residual`."""
        check_is_fitted(self)
        rows = self._validated(X)
        rows, values, region = self._completed(rows, self._check_y(y, len(rows)), region)
        problem = self._problem(rows, assign_equations(self.pde_, rows, values, region), self._network())
        return relative_residual(problem, torch.as_tensor(self.predict(rows)), _half_width(_bounds(self.pde_, rows)))

    def _fit(self, X: ArrayLike, y: ArrayLike | None, region: ArrayLike | None) -> None:
        optimizers = self._check_parameters()
        device, dtype = resolve_device(self.device, self.dtype)
        pde = None if self.pde is None else clone(_check_pde(self.pde))
        X, values = self._check_data(X, y, pde)
        equations = assign_equations(pde, X, values, region)
        _check_pinned(pde, equations)

        warm = self.warm_start and hasattr(self, "hidden_weights_")
        joined = not warm and self._is_joined(optimizers)
        width = self._check_width(len(X), joined)
        n_outputs = values.shape[1] if pde is None else pde.n_outputs  # type: ignore[union-attr]
        seed = int(as_generator(self.random_state).integers(2**62))
        placement = Placement(_bounds(pde, X), n_outputs, get_activation(self.activation), seed, device, dtype)
        units = probe_width(width, len(X))
        x = as_tensor(X, device, dtype)
        at_zero = placement.network(units, FALLBACK_SCALE, "all", zero=True)
        problem = LeastSquares(at_zero, x, equations, None, time_axis(pde, x))
        check_equations(problem, placement.network(units, FALLBACK_SCALE, "all", zero=False))
        problem = problem.with_weights(self._check_loss_weights(problem, placement.bounds))

        if warm:
            network = placement.build(self._check_weights(width, X.shape[1]), self.trainable)
        elif self.init == "gaussian":
            network = placement.gaussian(width, self.trainable)
        else:
            scale = choose_scale(problem, placement, width, self.trainable)
            network = placement.network(width, scale, self.trainable, zero=self.trainable != "hidden")
        problem = problem.with_network(network)
        history = History(self.callbacks or (), self.verbose)
        if joined:
            network = train_jointly(problem, placement, cast(NGD, optimizers[0]), self.tol, history)
        else:
            network = train(problem, optimizers, self.tol, history)
        self._store(pde, optimizers, problem, network, history)

    def _check_parameters(self) -> list[Optimizer]:
        _check_choice("trainable", self.trainable, BLOCKS)
        _check_choice("init", self.init, INITS)
        check_positive("tol", self.tol, or_zero=True)
        get_activation(self.activation)
        return self._make_optimizers()

    def _store(self, pde, optimizers, problem: LeastSquares, network: TwoLayerNetwork, history: History) -> None:
        self.pde_ = pde
        self.optimizer_ = optimizers if isinstance(self.optimizer, list | tuple) else optimizers[0]
        self.hidden_weights_ = _numpy(network.hidden_weights)
        self.hidden_bias_ = _numpy(network.hidden_bias)
        output_weights = _numpy(network.output_weights)
        self.output_weights_ = output_weights[:, 0] if network.n_outputs == 1 else output_weights
        trained = problem.with_network(network)
        self.loss_ = float(trained.loss(trained.start))
        self.loss_curve_ = history.loss_curve
        self.stages_ = history.stages
        self.n_iter_ = history.n_iter
        self.stop_reason_ = f"{history.stop}: {STOP_REASONS[history.stop]}"
        groups = {equation.group for equation in problem.equations}
        self.loss_weights_ = {group: problem.loss_weights[group] for group in GROUPS if group in groups}

    def _make_optimizers(self) -> list[Optimizer]:
        several = isinstance(self.optimizer, list | tuple)
        if several and not self.optimizer:
            raise ValueError("optimizer is an empty list; name at least one.")
        overrides = {"learning_rate": self.learning_rate, "max_iter": self.max_iter}
        overrides = {name: value for name, value in overrides.items() if value is not None}
        if several and overrides:
            raise ValueError(
                f"{' and '.join(overrides)} on the estimator would override every optimizer of the list; set them on "
                "the optimizer objects, as in [NGD(max_iter=20), ...]."
            )
        optimizers = [clone(get_optimizer(o)) for o in (self.optimizer if several else [self.optimizer])]
        for optimizer in optimizers:
            optimizer.set_params(**overrides).check()
        return optimizers

    def _is_joined(self, optimizers: list[Optimizer]) -> bool:
        """Whether the method is left to choose everything about the steps: then it is the joined one."""
        (first, *others) = optimizers
        free = isinstance(first, NGD) and first.learning_rate is None and first.damping == "auto"
        return free and not others and self.trainable == "all" and self.init == "domain"

    def _check_data(self, X: ArrayLike, y: ArrayLike | None, pde: PDE | None) -> tuple[NDArray, NDArray | None]:
        X = self._validated(X, reset=True)
        if pde is None and y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y is None. With "
                "pde=None it is a plain regressor; pass pde=... to solve an equation."
            )
        if pde is not None and pde.domain is not None and X.shape[1] != pde.domain.n_dims:
            raise ValueError(
                f"X has {X.shape[1]} column(s), but {pde.domain!r} has {pde.domain.n_dims} coordinate(s)"
                f"{' (time is the last)' if pde.domain.has_time else ''}; give one column for each."
            )
        return X, self._check_y(y, len(X), None if pde is None else pde.n_outputs)

    def _check_y(self, y: ArrayLike | None, n: int, n_outputs: int | None = None) -> NDArray | None:
        """Known values as (n, n_outputs), NaN where unknown."""
        if y is None:
            return None
        values = check_array(
            y, ensure_2d=False, allow_nd=False, ensure_all_finite="allow-nan", dtype=np.float64, input_name="y"
        )
        if n_outputs == 1:
            values = column_or_1d(values, warn=True)
        values = values.reshape(len(values), -1)
        if len(values) != n:
            raise ValueError(f"y has {len(values)} rows and X has {n}: inconsistent numbers of samples.")
        if n_outputs is not None and values.shape[1] != n_outputs:
            raise ValueError(f"y has {values.shape[1]} column(s), but the PDE has n_outputs={n_outputs}.")
        return values

    def _check_weights(self, width: int, n_dims: int) -> Weights:
        """The weights of the last fit, to go on from."""
        weights = Weights(*self._weights())
        if weights.hidden_weights.shape != (width, n_dims):
            raise ValueError(
                f"warm_start=True needs the width and columns of the last fit, {weights.hidden_weights.shape}, but now "
                f"they are {(width, n_dims)}; set width={len(weights.hidden_weights)}, or warm_start=False."
            )
        return weights

    def _check_width(self, n_rows: int, joined: bool) -> int:
        if isinstance(self.width, str) and self.width == "auto":
            if self.warm_start and hasattr(self, "hidden_bias_"):
                return len(self.hidden_bias_)
            return min(SOLVED_WIDTH, max(20, int(0.8 * n_rows))) if joined else ITERATED_WIDTH
        if not isinstance(self.width, Integral) or self.width < 1:
            raise ValueError(f"width must be 'auto' or an integer >= 1, got {self.width!r}.")
        return int(self.width)

    def _check_loss_weights(self, problem: LeastSquares, bounds: tuple[NDArray, NDArray]) -> dict[str, float]:
        given = self.loss_weights
        if given is None:
            return {}
        if isinstance(given, str) and given == "auto":
            return balanced_weights(problem, _half_width(bounds))
        if not isinstance(given, dict) or not set(given) <= set(GROUPS):
            raise ValueError(f"loss_weights must be 'auto', None or a dict with keys of {list(GROUPS)}, got {given!r}.")
        for group, weight in given.items():
            check_positive(f"loss_weights[{group!r}]", weight)
        return given

    def _validated(self, X: ArrayLike, *, reset: bool = False) -> NDArray:
        return cast(NDArray, validate_data(self, X, reset=reset, dtype=[np.float64, np.float32]))

    def _completed(self, X: NDArray, y: NDArray | None, region):
        """X with points of the regions for which the PDE has conditions but X has no rows."""
        if self.pde_ is None or region is not None or (self.pde_.domain is None and y is not None):
            return X, y, region
        needed = {condition.region for condition in self.pde_.conditions}
        if self.pde_.domain is None:
            if needed:
                raise ValueError(
                    f"the PDE has conditions on {sorted(needed)}, but neither a domain to sample there nor a region= "
                    "that says which rows of X lie there; pass one of them, or known values y."
                )
            return X, y, region
        missing = needed - set(self.pde_.domain.region(X))
        rng = np.random.default_rng(0)
        samplers = {"boundary": self.pde_.domain.sample_boundary, "initial": self.pde_.domain.sample_initial}
        extra = [samplers[name](SCORE_POINTS, rng) for name in sorted(missing)]
        n_extra = SCORE_POINTS * len(extra)
        y = y if y is None else np.concatenate([y, np.full((n_extra, y.shape[1]), np.nan)])
        return np.concatenate([X, *extra]), y, region

    def _weights(self) -> tuple[NDArray, NDArray, NDArray]:
        return self.hidden_weights_, self.hidden_bias_, self.output_weights_.reshape(len(self.hidden_bias_), -1)

    def _network(self) -> TwoLayerNetwork:
        device, dtype = _available_device(self.device, self.dtype)
        return build_network(Weights(*self._weights()), get_activation(self.activation), self.trainable, device, dtype)

    def _problem(self, X: NDArray, equations, network: TwoLayerNetwork) -> LeastSquares:
        x = as_tensor(X, network.hidden_bias.device, network.hidden_bias.dtype)
        return LeastSquares(network, x, equations, None, time_axis(self.pde_, x))

    def _evaluate(self, X: ArrayLike, symbol: Symbol) -> NDArray:
        check_is_fitted(self)
        network = self._network()
        at = network.at(as_tensor(self._validated(X), network.hidden_bias.device, network.hidden_bias.dtype))
        columns = [_numpy(at.term(symbol, k)) for k in range(network.n_outputs)]
        return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)


def resolve_device(device: str, dtype: str) -> tuple[torch.device, torch.dtype]:
    """Turn the names of a device and a dtype into torch's.

    Raises
    ------
    ValueError
        If one is unknown, not on this machine, or the two do not go together.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype={dtype!r} is unknown; choose one of {sorted(DTYPES)}.")
    name = str(device)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    kind = name.split(":")[0]
    if kind not in DEVICES:
        raise ValueError(f"device={device!r} is unknown; choose one of {list(DEVICES)}.")
    if kind == "mps" and dtype == "float64":
        raise ValueError("device='mps' has no float64; use dtype='float32', or device='cpu'.")
    if (kind == "cuda" and not torch.cuda.is_available()) or (kind == "mps" and not torch.backends.mps.is_available()):
        raise ValueError(f"device={device!r} is not available on this machine; use device='cpu' or 'auto'.")
    return torch.device(name), DTYPES[dtype]


def _available_device(device: str, dtype: str) -> tuple[torch.device, torch.dtype]:
    """The device, or the CPU with a warning where this machine has none such."""
    try:
        return resolve_device(device, dtype)
    except ValueError as error:
        if "not available" not in str(error):
            raise
        warnings.warn(f"device={device!r} is not available on this machine; predicting on the CPU.", stacklevel=2)
        return torch.device("cpu"), DTYPES[dtype]


def _check_choice(name: str, value, known) -> None:
    if value not in known:
        raise ValueError(f"{name}={value!r} is unknown; choose one of {sorted(known)}.")


def _check_pde(pde) -> PDE:
    if not isinstance(pde, PDE):
        raise ValueError(f"pde must be a pinnlearn.pdes.PDE (an object, not a class) or None, got {pde!r}.")
    return pde


def _check_pinned(pde: PDE | None, equations) -> None:
    if pde is not None and {equation.group for equation in equations} <= {"interior"}:
        have = "X has no boundary or initial row" if pde.conditions else f"{type(pde).__name__} has no conditions"
        raise ValueError(
            f"nothing pins the solution down: {have}, and no value of u is known. Add boundary points to X (see "
            "pde.sample and pinnlearn.stack_points), conditions to the PDE, or known values y."
        )


def _bounds(pde: PDE | None, X: NDArray) -> tuple[NDArray, NDArray]:
    if pde is not None and pde.domain is not None:
        return pde.domain.bounds
    return X.min(axis=0).astype(float), X.max(axis=0).astype(float)


def _half_width(bounds: tuple[NDArray, NDArray]) -> NDArray:
    extent = bounds[1] - bounds[0]
    return np.where(extent > 0, extent, 1.0) / 2


def _numpy(tensor: torch.Tensor) -> NDArray:
    return tensor.detach().cpu().numpy().copy()


__all__ = ["PINNRegressor", "resolve_device"]
