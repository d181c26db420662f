"""PINNRegressor: the scikit-learn estimator that solves PDEs with two-layer networks."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from numbers import Integral
from typing import Any, ClassVar, cast

import joblib
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted, validate_data

from pinnlearn._version import __version__
from pinnlearn.activations import get_activation
from pinnlearn.base import Described
from pinnlearn.collocation import (
    assign_equations,
    bounding_box,
    check_pinned,
    snapped,
    time_axis,
    warn_of_bare_faces,
    warn_of_near_misses,
    warn_of_unmet_conditions,
)
from pinnlearn.history import History
from pinnlearn.jets import VALUE, Symbol
from pinnlearn.least_squares import (
    Equation,
    LeastSquares,
    Linearization,
    as_array,
    as_tensor,
    balanced_weights,
    build_network,
    check_equations,
    evaluate,
    warn_of_few_equations,
    warn_of_free_constants,
)
from pinnlearn.metrics import relative_residual, relative_residuals
from pinnlearn.modules import TwoLayerModule
from pinnlearn.networks import BLOCKS, INITS, TwoLayerNetwork, Weights, half_width
from pinnlearn.optimizers import NGD, Optimizer
from pinnlearn.optimizers.base import check_positive
from pinnlearn.placement import FALLBACK_SCALE, Placement, choose_scale
from pinnlearn.progress import displays, say
from pinnlearn.reports import Report, check_fits, fit_bytes, in_bytes
from pinnlearn.sampling import as_generator
from pinnlearn.tasks import CallbackSupportMixin, ScikitLearnCallbacks, with_callbacks
from pinnlearn.training import JOINED_STEPS, MOST_TRAINED_UNITS, train, train_jointly
from pinnlearn.validation import (
    available_bytes,
    available_device,
    check_callbacks,
    check_choice,
    check_known_values,
    check_loss_weights,
    check_pde,
    check_width,
    make_optimizers,
    resolve_device,
    seed_optimizers,
)

# width="auto": output solves take as many units as rows determine well; iterations on all weights cost more.
SOLVED_WIDTH, ITERATED_WIDTH = 1000, 200
# Equations are checked, and loss weights chosen, with a network of so many units.
CHECK_UNITS = 20
# Boundary and initial points that `score` adds where X has none.
SCORE_POINTS = 200


class PINNRegressor(CallbackSupportMixin, RegressorMixin, Described):
    """Solve a partial differential equation with a two-layer physics-informed neural network.

    u(x) = width^(-1/2) sum_r a_r sigma(w_r . x + b_r), fitted to the PDE at interior points, to its conditions at
    boundary and initial points, and to known values of u, by natural gradient descent.

    Parameters
    ----------
    pde : PDE, optional
        None is plain regression.
    optimizer : str, Optimizer or list of either
        "ngd", "gd", "sgd", "adam", "lbfgs", "engd", "gauss_newton", "spring", "nncg" or "ssbroyden", or an object such
        as `NGD(learning_rate=0.1, damping=1e-10)`. A list runs one after the other, each for its own max_iter. For more
        rows than a Jacobian has room for, `NGD(solver="cg")` forms none.
    width : "auto" or int
        The number of hidden units. "auto" takes 0.8 times the number of rows up to 1000 where the output weights
        are solved for (the default), 200 otherwise.
    activation : {"tanh", "logistic", "softplus", "swish", "relu3", "sin", "gaussian"}
        "relu3" has three derivatives: it serves equations up to order 2, and up to 3 with `trainable="output"`.
    learning_rate : float, optional
        The step length eta, over the optimizer's own. None lets the method choose; for "ngd" with
        `init="domain"` that is the joined method, see Notes, unless hidden weights alone are trained.
    max_iter : int, optional
        The largest number of steps, over the optimizer's own. None takes that one, and 800 for the joined method.
    tol : float
        The relative residual, sqrt(loss / loss at the start), at which training is content; after a warm start that
        of u = 0 is taken for the start's.
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
        Go on from the weights of the last fit, also at other points; the width is that of the last fit.
    verbose : int
        1 shows a bar over steps on a terminal and in notebooks, a line a stage where the output is a file, nothing in
        workers of joblib; 2 prints a line a step, for logs.
    callbacks : list of callables, optional
        Each is called with a `pinnlearn.callbacks.Progress` after every step; one that returns True stops the fit. See
        `pinnlearn.callbacks`: `EarlyStopping`, `TimeLimit`, `Checkpoint`, `ErrorMonitor`.

    Attributes
    ----------
    hidden_weights_ : ndarray of shape (width, n_dims)
    hidden_bias_ : ndarray of shape (width,)
    output_weights_ : ndarray of shape (width,) or (width, n_outputs)
        predict(X) = width^(-1/2) sigma(X W^T + b) a, in X's own units.
    loss_ : float
        The loss of these weights, L = 1/2 sum_g weight_g mean over the group of r^2.
    loss_curve_ : list of float
        The loss before the first step and after each.
    times_ : list of float
        The seconds since training began, for each entry of `loss_curve_`; time spent in callbacks counts.
    stages_ : list of (str, int)
        What ran, and the number of steps made before it.
    n_iter_ : int
        The number of steps.
    stop_reason_ : str
        Why training stopped: "tol", "stalled", "max_iter", "non_finite", "callback" or "interrupted" (by Ctrl-C: the
        best weights so far are kept), with what to do about it.
    loss_weights_ : dict of group to float
    groups_ : dict of group to dict
        For each group of rows its "rows", "weight", "loss" and "relative_residual"; see `describe`.
    added_rows_ : ndarray of shape (n_rows, n_dims)
        The rows of the PDE that joined those of X, the last time that any did, see Notes.
    n_added_rows_ : int
    n_bytes_ : int
        An estimate of the largest memory that the fit held at a time.
    seconds_ : float
        How long the fit took, with what came before an interruption.
    pde_, optimizer_
        Clones of the parameters, as used.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X has column names.

    Notes
    -----
    The joined method: one natural gradient step of length 1 on the output weights alone, which for a linear PDE is
    the exact least-squares solution; with `trainable="all"`, if the relative residual is above `tol`, some hidden
    units are trained, all their weights, by damped NGD, and the output weights are solved for again. See
    `pinnlearn.training`.

    Where hidden training is stuck, as many rows of the PDE as X has join for a stage of it, at points of the domain
    where the residual is large. `loss_` and `groups_` are of the rows of X. With `region` in `fit`, or without a
    domain, X is all there is.

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
        MemoryError
            Before the first step, if the fit would not fit into the memory that is free.

        Warns
        -----
        ConvergenceWarning
            If Ctrl-C stopped the fit; the model has the best weights so far. A second one raises KeyboardInterrupt.
        """
        before = dict(self.__dict__)
        try:
            self._fit(X, y, region)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        if self.stop_reason_.startswith("interrupted"):
            warnings.warn(
                f"Ctrl-C stopped the fit after {self.n_iter_} steps; the model has the best weights so far, and "
                "warm_start=True goes on from them. Two in a row raise KeyboardInterrupt.",
                ConvergenceWarning,
                stacklevel=2,
            )
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
        self._check_has_pde("residual")
        X = self._validated(X)
        problem = self._problem_at(X, None, np.full(len(X), "interior"))
        (part,) = problem.linearize(problem.start).parts
        return as_array(part.residual.squeeze(1) if part.residual.shape[1] == 1 else part.residual)

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
        linear = self._linearized(X, y, region)
        order = linear.row_order()
        return as_array(linear.gram())[np.ix_(order, order)]

    def jacobian(self, X: ArrayLike, y: ArrayLike | None = None, region: ArrayLike | None = None) -> NDArray:
        """Evaluate the Jacobian J of the weighted residuals in the trained weights; J J^T is `gram`.

        Parameters
        ----------
        X, y, region
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_residuals, n_parameters)
            In row order, a row's residuals adjacent; columns by block, hidden weights (coordinate by coordinate),
            hidden bias, output weights.
        """
        linear = self._linearized(X, y, region)
        return as_array(linear.jacobian())[linear.row_order()]

    def score(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        region: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Evaluate R^2 where every value is known, otherwise 1 minus the relative residual.

        The relative residual is the root mean square, over the groups of rows, of RMS residual / size of the
        equation's terms; the boundary counts as much as the interior. Where X has no boundary or initial rows
        though the PDE has conditions there, points of the domain are added.

        Parameters
        ----------
        X, y, region
            As in `fit`.
        sample_weight : array-like of shape (n_samples,), optional
            For R^2 alone.

        Returns
        -------
        float
            At most 1.

        Raises
        ------
        ValueError
            If `sample_weight` is given though some values are not known.
        """
        check_is_fitted(self)
        known = check_known_values(y, len(np.asarray(X)))
        if known is not None and not np.isnan(known).any():
            return r2_score(y, self.predict(X), sample_weight=sample_weight)
        if sample_weight is not None:
            raise ValueError(
                "sample_weight weighs the errors of known values, but here y is not known everywhere and the score is "
                "that of the equations, in which groups of rows count alike; leave sample_weight out."
            )
        return 1.0 - self.relative_residual(X, y, region)

    def relative_residual(self, X: ArrayLike, y: ArrayLike | None = None, region: ArrayLike | None = None) -> float:
        """Evaluate the relative residual of all equations, see `pinnlearn.metrics.relative_residual`."""
        if y is None:
            self._check_has_pde("a score without y")
        points, values, region = self._completed(*self._rows(X, y), region)
        problem = self._problem_at(points, values, region)
        network = problem.network(problem.start)
        x = as_tensor(points, network.hidden_bias.device, network.hidden_bias.dtype)
        return relative_residual(problem, network.evaluate(x), half_width(bounding_box(self.pde_, points)))

    def _check_has_pde(self, what: str) -> None:
        check_is_fitted(self)
        if self.pde_ is None:
            raise ValueError(
                f"{what} needs a PDE, but this model was fitted with pde=None, or loaded without its own; pass it to "
                "pinnlearn.load(path, pde=...)."
            )

    def to_torch(self) -> TwoLayerModule:
        """The trained network as a module of torch, which `torch.export` takes with any number of rows.

        Returns
        -------
        torch.nn.Module
            A tensor (n_samples, n_dims) gives (n_samples,) or (n_samples, n_outputs), what `predict` gives.
            It has the model's `dtype`; its weights are parameters of their own.

        Examples
        --------
        >>> import torch
        >>> from pinnlearn import PINNRegressor, problems
        >>> pde = problems.poisson_1d()
        >>> model = PINNRegressor(pde=pde, random_state=0).fit(pde.sample(50, 2, random_state=0))
        >>> print(f"{model.to_torch()(torch.tensor([[0.5]], dtype=torch.float64)).item():.6f}")
        1.000000
        """
        check_is_fitted(self)
        return TwoLayerModule(self._network())

    def describe(self) -> Report:
        """Tell what happened in `fit`: rows, losses and residuals by group, parameters, memory, why it stopped.

        Returns
        -------
        Report
            Prints as a table; the figures are its attributes.

        Examples
        --------
        >>> from pinnlearn import PINNRegressor, problems
        >>> pde = problems.poisson_1d()
        >>> model = PINNRegressor(pde=pde, random_state=0).fit(pde.sample(50, 2, random_state=0))
        >>> print(model.describe())  # doctest: +ELLIPSIS
        Poisson(domain=Interval(a=0.0, b=1.0), source=_sine_source, solution=_sine)
        group     rows   weight     loss  relative residual
        interior    50   0.0625  ...
        boundary     2        1  ...
        41 tanh units, 123 parameters, about ... kB
        2 steps in ... s, loss ...
        stopped by tol: the relative residual fell to tol
        """
        check_is_fitted(self)
        n_parameters = self.hidden_weights_.size + self.hidden_bias_.size + self.output_weights_.size
        return Report(
            pde=self.pde_,
            groups=self.groups_,
            width=len(self.hidden_bias_),
            activation=self.activation,
            n_parameters=n_parameters,
            n_bytes=self.n_bytes_,
            n_iter=self.n_iter_,
            seconds=self.seconds_,
            loss=self.loss_,
            stop_reason=self.stop_reason_,
            n_added_rows=self.n_added_rows_,
        )

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_pinnlearn_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        version = state.pop("_pinnlearn_version", "an unknown version")
        if version != __version__:
            warnings.warn(
                f"This {type(self).__name__} was saved with pinnlearn {version}, and this is {__version__}: it may not "
                "work, or give other results. Fit it again, or load it with the version that saved it.",
                UserWarning,
                stacklevel=2,
            )
        super().__setstate__(state)

    @with_callbacks
    def _fit(self, X: ArrayLike, y: ArrayLike | None, region: ArrayLike | None) -> None:
        optimizers = self._check_parameters()
        with History(self._listeners(X, y)) as history:
            X, values, equations = self._check_rows(X, y, region)
            placement = self._place(X, values, history)
            seed_optimizers(optimizers, placement.seed)
            warm = self.warm_start and hasattr(self, "hidden_weights_")
            joined = not warm and self._is_joined(optimizers)
            width = self._choose_width(len(X), joined)
            weights = self._check_weights(width, X.shape[1]) if warm else None
            x = as_tensor(X, placement.device, placement.dtype)
            problem = self._pose(x, equations, time_axis(self.pde_, x), placement, width)
            history.identify(partial(self._identity, problem, placement, (X, values, region, weights)))
            loss_of_zero = float(problem.loss(problem.start))
            problem = problem.with_network(self._start(problem, placement, width, weights))
            self._announce(problem, _estimated_bytes(problem, joined, optimizers))
            if joined:
                network = self._train_jointly(problem, placement, cast(NGD, optimizers[0]), history, region is None)
            else:
                history.max_iter = sum(optimizer.max_iter for optimizer in optimizers)
                loss = loss_of_zero if warm else float(problem.loss(problem.start))
                network = train(problem, optimizers, self.tol**2 * loss, history)
            self.optimizer_ = optimizers if isinstance(self.optimizer, list | tuple) else optimizers[0]
            self._store_network(network)
            self._store_history(history)
            self._store_groups(problem.with_network(network), network.evaluate(x), half_width(placement.bounds))
            self.seconds_ = history.seconds

    def _listeners(self, X: ArrayLike, y: ArrayLike | None) -> list[Any]:
        """Who is told of every step."""
        listeners = [*check_callbacks(self.callbacks), *displays(self.verbose)]
        if hasattr(self, "_init_callback_context"):  # scikit-learn 1.9 and later
            listeners.append(
                ScikitLearnCallbacks(self, {"X": X, "y": y}, lambda progress: _fitted_weights(progress.network))
            )
        return listeners

    def _check_rows(
        self, X: ArrayLike, y: ArrayLike | None, region: ArrayLike | None
    ) -> tuple[NDArray, NDArray | None, list[Equation]]:
        """Points, known values and the equations of each row; sets `pde_`."""
        X = self._validated(X, reset=True)
        pde = self.pde_ = check_pde(self.pde, X.shape[1])
        values = self._check_values(y, len(X), pde)
        given, X = X, snapped(pde, X)
        equations = assign_equations(pde, X, values, region)
        check_pinned(pde, equations, region)
        warn_of_unmet_conditions(pde, X, region)
        if region is None:
            warn_of_near_misses(pde, given, values)
            warn_of_bare_faces(pde, X)
        return X, values, equations

    def _place(self, X: NDArray, values: NDArray | None, history: History) -> Placement:
        """Where hidden units are drawn, and from which seed."""
        n_outputs = cast(NDArray, values).shape[1] if self.pde_ is None else self.pde_.n_outputs
        drawn = int(as_generator(self.random_state).integers(2**62))
        seed = history.record.seed(drawn, fixed=isinstance(self.random_state, Integral))
        on = resolve_device(self.device, self.dtype)
        return Placement(bounding_box(self.pde_, X), n_outputs, get_activation(self.activation), seed, *on)

    def _identity(self, problem: LeastSquares, placement: Placement, data: tuple) -> dict[str, Any]:
        """What tells this fit from others: functions, which have no other mark, by their values at the rows."""
        probe = problem.with_network(replace(placement, seed=0).network(CHECK_UNITS, FALLBACK_SCALE, "all", zero=False))
        alike = {"callbacks": None, "verbose": 0, "device": "cpu", "random_state": None}
        return {
            "settings": repr(type(self)(**self.get_params(deep=False) | alike)),
            "seed": placement.seed,
            "data": joblib.hash(data),
            "equations": probe.residual(probe.start),
        }

    def _announce(self, problem: LeastSquares, n_bytes: int) -> None:
        """Refuse what takes more memory than there is, and say what the fit is going to take."""
        self.n_bytes_, width = n_bytes, problem.network(problem.start).width
        check_fits(n_bytes, available_bytes(problem.start.device), problem.n_residuals, width)
        if displays(self.verbose):
            say(f"{problem.n_residuals} residuals, {width} units: about {in_bytes(n_bytes)}")

    def _train_jointly(
        self, problem: LeastSquares, placement: Placement, optimizer: NGD, history: History, may_sample: bool
    ) -> TwoLayerNetwork:
        """The joined method, with points of the domain to add where there is one and memory for them."""
        if self.max_iter is None and not isinstance(self.optimizer, Optimizer):
            optimizer.max_iter = JOINED_STEPS
        history.max_iter = optimizer.max_iter
        with_added = _estimated_bytes(problem, True, [optimizer], problem.n_interior)
        candidates, domain = None, getattr(self.pde_, "domain", None)
        if may_sample and domain is not None and with_added < available_bytes(placement.device):
            rng = np.random.default_rng(placement.seed)
            candidates = partial(domain.sample, "interior", rng=rng, method="uniform")
        network = train_jointly(problem, placement, optimizer, self.tol, history, candidates)
        self.n_bytes_ = with_added if history.added_rows is not None else self.n_bytes_
        return network

    def _pose(self, x, equations, has_time: bool | None, placement: Placement, width: int) -> LeastSquares:
        """The least-squares problem, its equations checked and its loss weights chosen, for some small network."""
        at_zero, probe = (
            placement.network(min(width, CHECK_UNITS), FALLBACK_SCALE, self.trainable, zero=zero)
            for zero in (True, False)
        )
        problem = LeastSquares(at_zero, x, equations, None, has_time)
        check_equations(problem, probe)
        warn_of_free_constants(problem.with_network(probe))
        warn_of_few_equations(problem)
        return problem.with_weights(self._choose_loss_weights(problem, placement))

    def _start(
        self, problem: LeastSquares, placement: Placement, width: int, weights: Weights | None
    ) -> TwoLayerNetwork:
        """The network that training starts from; with `weights`, that of the last fit."""
        if weights is not None:
            return placement.build(weights, self.trainable)
        if self.init == "gaussian":
            return placement.gaussian(width, self.trainable)
        chosen, scale = choose_scale(problem, [placement], width, self.trainable)
        return chosen.network(width, scale, self.trainable, zero=self.trainable != "hidden")

    def _check_parameters(self) -> list[Optimizer]:
        check_choice("trainable", self.trainable, BLOCKS)
        check_choice("init", self.init, INITS)
        check_positive("tol", self.tol, or_zero=True)
        get_activation(self.activation)
        return make_optimizers(self.optimizer, self.learning_rate, self.max_iter)

    def _store_network(self, network: TwoLayerNetwork) -> None:
        self.__dict__.update(_fitted_weights(network))

    def _store_history(self, history: History) -> None:
        self.loss_curve_ = history.loss_curve
        self.times_ = history.times
        self.stages_ = history.stages
        self.n_iter_ = history.n_iter
        none = np.empty((0, self.n_features_in_))
        self.added_rows_ = none if history.added_rows is None else history.added_rows
        self.n_added_rows_ = len(self.added_rows_)
        self.stop_reason_ = history.stop_reason

    def _store_groups(self, trained: LeastSquares, predicted: torch.Tensor, half_width: NDArray) -> None:
        relative = relative_residuals(trained, predicted, half_width)
        losses = trained.group_losses(trained.start)
        self.loss_ = sum(losses.values())
        self.loss_weights_ = {group: trained.loss_weights[group] for group in losses}
        self.groups_ = {
            group: {
                "rows": trained.n_rows_in(group),
                "weight": self.loss_weights_[group],
                "loss": loss,
                "relative_residual": relative[group],
            }
            for group, loss in losses.items()
        }

    def _is_joined(self, optimizers: list[Optimizer]) -> bool:
        """Whether the method is left to choose everything about the steps: then it is the joined one."""
        (first, *others) = optimizers
        free = isinstance(first, NGD) and first.learning_rate is None and first.damping == "auto"
        free = free and first.solver != "cg" and first.sketch is None  # it solves with J as it is
        return free and not others and self.trainable != "hidden" and self.init == "domain"

    def _check_values(self, y: ArrayLike | None, n: int, pde) -> NDArray | None:
        if pde is None and y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y is None. With "
                "pde=None it is a plain regressor; pass pde=... to solve an equation."
            )
        return check_known_values(y, n, None if pde is None else pde.n_outputs)

    def _check_weights(self, width: int, n_dims: int) -> Weights:
        """The weights of the last fit, to go on from."""
        weights = Weights(*self._weights())
        if weights.hidden_weights.shape != (width, n_dims):
            raise ValueError(
                f"warm_start=True needs the width and columns of the last fit, {weights.hidden_weights.shape}, but now "
                f"they are {(width, n_dims)}; set width={len(weights.hidden_weights)}, or warm_start=False."
            )
        return weights

    def _choose_width(self, n_rows: int, joined: bool) -> int:
        if not isinstance(self.width, str) or self.width != "auto":
            return check_width(self.width)
        if self.warm_start and hasattr(self, "hidden_bias_"):
            return len(self.hidden_bias_)
        return min(SOLVED_WIDTH, max(20, int(0.8 * n_rows))) if joined else ITERATED_WIDTH

    def _choose_loss_weights(self, problem: LeastSquares, placement: Placement) -> dict[str, float]:
        if isinstance(self.loss_weights, str) and self.loss_weights == "auto":
            return balanced_weights(problem, half_width(placement.bounds))
        return check_loss_weights(self.loss_weights)

    def _validated(self, X: ArrayLike, *, reset: bool = False) -> NDArray:
        return cast(NDArray, validate_data(self, X, reset=reset, dtype=[np.float64, np.float32]))

    def _rows(self, X: ArrayLike, y: ArrayLike | None) -> tuple[NDArray, NDArray | None]:
        """Points and known values for an evaluation."""
        check_is_fitted(self)
        X = self._validated(X)
        return snapped(self.pde_, X), check_known_values(y, len(X))

    def _completed(self, X: NDArray, y: NDArray | None, region):
        """X with points of the regions for which the PDE has conditions but X has no rows."""
        if self.pde_ is None or region is not None or (self.pde_.domain is None and y is not None):
            return X, y, region
        needed = {condition.region for condition in self.pde_.conditions}
        if self.pde_.domain is None:
            if needed:
                raise ValueError(
                    f"the PDE has conditions on {sorted(needed)}, but neither a domain to sample there nor a region= "
                    "that says which rows of X lie there; pass one of them, or known values y. (In a search, "
                    "sklearn.set_config(enable_metadata_routing=True) sends region= to score as well.)"
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
        device, dtype = available_device(self.device, self.dtype)
        return build_network(Weights(*self._weights()), get_activation(self.activation), self.trainable, device, dtype)

    def _problem_at(self, X: NDArray, y: NDArray | None, region: ArrayLike | None) -> LeastSquares:
        """The trained network and the equations at other rows; weights of one."""
        network = self._network()
        x = as_tensor(X, network.hidden_bias.device, network.hidden_bias.dtype)
        return LeastSquares(network, x, assign_equations(self.pde_, X, y, region), None, time_axis(self.pde_, x))

    def _linearized(self, X: ArrayLike, y: ArrayLike | None, region: ArrayLike | None) -> Linearization:
        """The trained network's equations at rows to first order, with the loss's weights."""
        problem = self._problem_at(*self._rows(X, y), region).with_weights(self.loss_weights_)
        return problem.linearize(problem.start)

    def _evaluate(self, X: ArrayLike, symbol: Symbol) -> NDArray:
        check_is_fitted(self)
        return evaluate(self._network(), self._validated(X), symbol)


def _fitted_weights(network: TwoLayerNetwork) -> dict[str, NDArray]:
    """A network as the attributes of an estimator."""
    output_weights = as_array(network.output_weights)
    return {
        "hidden_weights_": as_array(network.hidden_weights),
        "hidden_bias_": as_array(network.hidden_bias),
        "output_weights_": output_weights[:, 0] if network.n_outputs == 1 else output_weights,
    }


def _estimated_bytes(problem: LeastSquares, joined: bool, optimizers: list[Optimizer], n_added: int = 0) -> int:
    network, n = problem.network(problem.start), problem.n_residuals * (problem.n_rows + n_added) // problem.n_rows
    estimate = partial(fit_bytes, n, network.width, itemsize=problem.start.element_size())
    if joined:
        n_trained = 0 if network.trainable == "output" else min(network.width, MOST_TRAINED_UNITS)
        n_solved = max(network.output_weights.numel(), n_trained * (network.n_dims + 1 + network.n_outputs))
        return estimate(n_solved, holds=("jacobian",))
    gram_size = problem.subset(np.concatenate([rows[:1] for rows in problem.strata])).linearize(problem.start).gram_size
    held = [optimizer.holds(n, problem.start, gram_size) for optimizer in optimizers]
    return max(estimate(problem.start.numel(), holds=what) for what in held)


__all__ = ["PINNRegressor"]
