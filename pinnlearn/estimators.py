"""PINNRegressor: the scikit-learn estimator that solves PDEs with two-layer networks."""

from __future__ import annotations

from numbers import Integral
from typing import ClassVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from pinnlearn import evaluation
from pinnlearn.arrays import as_array
from pinnlearn.fitting import fit, warn_of_interruption
from pinnlearn.jets import VALUE, Symbol
from pinnlearn.least_squares import Linearization
from pinnlearn.optimizers import check_reaches
from pinnlearn.persistence import Versioned
from pinnlearn.posing.rows import check_known_values
from pinnlearn.reports import Report
from pinnlearn.sklearn_callbacks import CallbackSupportMixin, with_callbacks


class PINNRegressor(CallbackSupportMixin, RegressorMixin, Versioned):
    """Solve a partial differential equation with a two-layer physics-informed neural network.

    u(x) = width^(-1/2) sum_r a_r sigma(w_r . x + b_r), fitted to the PDE at interior points, to its conditions at
    boundary and initial points, and to known values of u, by natural gradient descent.

    Parameters
    ----------
    pde : PDE, optional
        None is plain regression.
    optimizer : str, Optimizer, Stage or list of them
        "ngd", "gd", "sgd", "adam", "lbfgs", "engd", "gauss_newton", "spring", "nncg" or "ssbroyden", or an object such
        as `NGD(learning_rate=0.1, damping=1e-10)`. A list runs one after the other, each for its own number of steps,
        optimizers and stages of `pinnlearn.training` mixed. For more rows than a Jacobian has room for,
        `NGD(solver="cg")` forms none.
    width : "auto", int or tuple of int
        The number of hidden units, or those of several hidden layers, inputs first: (30, 30, 30). "auto" takes 0.8
        times the number of rows up to 1000 where the output weights are solved for (the default), 200 otherwise.
    inputs : FourierFeatures, optional
        What hidden units read in place of the coordinates, see `architecture_`.
    activation : {"tanh", "logistic", "softplus", "swish", "relu3", "sin", "gaussian"}
        "relu3" has three derivatives: it serves equations up to order 2, and up to 3 with `trainable="output"`.
    learning_rate : float, optional
        The step length eta, over the optimizer's own. None lets the method choose; for "ngd" with
        `init="domain"` that is the joined method, see Notes, unless hidden weights alone are trained.
    max_iter : int, optional
        The largest number of steps, over the optimizer's own. None takes that one, or what joined stages make at most.
    tol : float
        The relative residual, sqrt(loss / loss at the start), to be content with; after a warm start that of u = 0.
    init : {"domain", "gaussian"}
        "domain" places hidden units in the domain (without one, in the bounding box of X) at a scale chosen from
        the equations; output weights start at zero, or at +-1 if they are not trained. "gaussian" is the paper's:
        hidden weights N(0, I), output weights +-1.
    initial_guess : float, callable, fitted model or list of float, optional
        What u is where the fit starts: a number, or one for each output, a function of x as in a PDE, or what has
        `predict`. None is 0, or, where equations have no slope there, nearly what conditions prescribe.
    trainable : {"all", "hidden", "output"}
        Which weights are trained; "hidden" is the paper's setting, "output" is random features.
    loss_weights : "auto", None or dict
        Weights in the loss, of the groups "interior", "boundary", "initial" and "data", or of a condition by its name;
        None for ones. "auto" makes residuals comparable in units of u, each component of each equation for itself (see
        `pinnlearn.posing.weights.balanced_weights`).
    noise : None, float or "auto"
        The standard deviation of known values in y, which are weighed by it and not fitted below it; "auto" estimates
        it, and so does None with unknown coefficients; otherwise with None they count as exact.
    device : {"cpu", "cuda", "mps", "auto"}
        "auto" takes CUDA where there is a GPU. Also names such as "cuda:1".
    dtype : {"float64", "float32"}
    random_state : int, RandomState or None
        Seeds the initial weights.
    warm_start : bool
        Go on from the weights of the last fit, also at other points; the width is that of the last fit.
    verbose : int
        1 shows a bar on a terminal and in notebooks, a line a stage in files; 2 prints a line a step, for logs.
    callbacks : list of callables, optional
        Each is called with a `pinnlearn.callbacks.Progress` after every step; one that returns True stops the fit.

    Attributes
    ----------
    hidden_weights_ : ndarray of shape (width, n_dims)
    hidden_bias_ : ndarray of shape (width,)
    output_weights_ : ndarray of shape (width,) or (width, n_outputs)
        predict(X) = width^(-1/2) sigma(X W^T + b) a, in X's own units; these three for one hidden layer alone.
    coefs_, intercepts_ : list of ndarray of shape (fan_in, fan_out), and (fan_out,)
        For each layer, as `sklearn.neural_network.MLPRegressor` has them: a layer is sigma(X W + b), the last W and b.
    architecture_ : Architecture
        What several hidden layers, or those over a map of the inputs, are trained on; `coefs_` are in X's own units.
    loss_ : float
        The loss of these weights, L = 1/2 sum over groups of the mean of weight r^2.
    loss_curve_, times_ : list of float
        The loss before the first step and after each, and the seconds since training began, those of callbacks too.
    stages_, n_iter_ : list of (str, int), int
        What ran, and the number of steps made before it; the number of all.
    stop_reason_ : str
        Why training stopped: "tol", "unverified" (tol was reached at the rows alone), "noise" (known values tell no
        more), "stalled", "max_iter", "non_finite", "callback" or "interrupted" (by Ctrl-C), with what to do.
    loss_weights_ : dict of str to float or tuple of float
        As `loss_weights` takes them: by group, and where its equations differ by equation, one or one a component.
    groups_, equations_ : dict of str to dict
        The "rows", "weight", "loss" and "relative_residual" of each group of rows, and of each equation.
    findings_ : list of Finding, of which `fit` has warned
    verification_ : Verification or None
        How equations hold at points that are no rows, whether they determine u, and another solution, if found; see
        `pinnlearn.training.verification`. None where the PDE has no rows.
    error_estimate_ : float
        An estimate of the relative L2 error of u, the largest of its outputs; NaN where nothing tells.
    windows_ : list of Window
        Where an initial value problem was marched, `MarchWindows` and `MarchSlabs`: each window's begin, end, units and
        residual at fresh rows. Weights are of all of them in turn, time measured from a window's begin.
    unknowns_, unknowns_std_, unknowns_cov_ : dict of str to float, the same, ndarray
        Unknown coefficients, their standard errors and covariance; a `Field` is a function of X, with `std(X)`.
    noise_ : dict of str to float
        The standard deviation of known values by their equation, where coefficients are unknown.
    added_rows_, n_added_rows_ : ndarray of shape (n_rows, n_dims), int
        The rows of the PDE that joined those of X, the last time that any did, see Notes.
    n_bytes_, seconds_ : int, float
        An estimate of the largest memory that the fit held at a time; how long it took, with what an interruption cut.
    pde_, optimizer_
        Clones of the parameters, as used.
    n_features_in_, feature_names_in_ : int, and ndarray of str where X has column names

    Notes
    -----
    The joined method, `pinnlearn.training.JOINED`: one natural gradient step of length 1 on the output weights alone,
    which for a linear PDE is the exact least-squares solution. If that does not hold, rows are graded, time is marched,
    coordinates are learned by a small deep network or hidden units trained, and output weights are solved for again.
    With several hidden layers it is `pinnlearn.training.DEEP`: damped NGD on all weights, then the output solve; with
    unknown coefficients `pinnlearn.training.INVERSE`.

    Where training is stuck, rows of the PDE join for a stage of it, where the residual is large. `loss_` and `groups_`
    are of the rows of X. With `region` in `fit`, or without a domain, X is all there is. A scaler in front of the
    estimator would change the PDE; the network scales by itself.

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
        inputs=None,
        activation="tanh",
        learning_rate=None,
        max_iter=None,
        tol=1e-6,
        init="domain",
        initial_guess=None,
        trainable="all",
        loss_weights="auto",
        noise=None,
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
        self.inputs = inputs
        self.activation = activation
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.tol = tol
        self.init = init
        self.initial_guess = initial_guess
        self.trainable = trainable
        self.loss_weights = loss_weights
        self.noise = noise
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
        check_reaches(params.get("optimizer", self.optimizer), params)
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
            If the equations are not solved, at the rows or elsewhere, or do not determine u; and if Ctrl-C stopped the
            fit, whose best weights so far the model has. A second one raises KeyboardInterrupt.
        """
        before = dict(self.__dict__)
        try:
            self._fit(X, y, region)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        warn_of_interruption(self)
        return self

    def predict(self, X: ArrayLike, return_std: bool = False, return_cov: bool = False):
        """Evaluate u at points.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_dims)
        return_std, return_cov : bool
            Standard errors of u as well, or their covariance, (n_samples, n_samples, ...): see `noise`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        u = self._evaluate(X, VALUE)
        return evaluation.with_errors(self, u, self._validated(X), return_cov) if return_std or return_cov else u

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
        evaluation.check_has_equation(self, "residual")
        return evaluation.pde_residual(self, self._validated(X))

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
        linear = self._linearization(X, y, region)
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
        linear = self._linearization(X, y, region)
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
        equation's terms; the boundary counts as much as the interior. On a domain, without `y` and `region`, points
        between the rows of X count where it is larger there; without any for a condition, points of it are added.

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
        check_is_fitted(self)
        if y is None:
            evaluation.check_has_equation(self, "a score without y")
        return evaluation.relative_residual_at(self, self._validated(X), y, region)

    def to_torch(self) -> nn.Module:
        """The trained network as a module of torch, which `torch.export` takes with any number of rows.

        Returns
        -------
        torch.nn.Module
            A tensor (n_samples, n_dims) gives what `predict` gives; its weights are parameters of their own.

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
        return evaluation.module_of(self)

    def describe(self) -> Report:
        """Tell what happened in `fit`: rows, losses and residuals by group, parameters, memory, why it stopped.

        Returns
        -------
        Report
            Prints as a table; its figures are attributes.

        Examples
        --------
        >>> from pinnlearn import PINNRegressor, problems
        >>> pde = problems.poisson_1d()
        >>> model = PINNRegressor(pde=pde, random_state=0).fit(pde.sample(50, 2, random_state=0))
        >>> print(model.describe())  # doctest: +ELLIPSIS
        Poisson(domain=Interval(a=0.0, b=1.0), source=_sine_source, solution=_sine)
        group     rows   weight     loss  relative residual  elsewhere
        ...
        estimated error of u: ...e-1...
        """
        check_is_fitted(self)
        return Report.of(self)

    @with_callbacks
    def _fit(self, X: ArrayLike, y: ArrayLike | None, region: ArrayLike | None) -> None:
        fit(self, self._validated(X, reset=True), y, region)

    def _validated(self, X: ArrayLike, *, reset: bool = False) -> NDArray:
        return cast(NDArray, validate_data(self, X, reset=reset, dtype=[np.float64, np.float32]))

    def _linearization(self, X: ArrayLike, y: ArrayLike | None, region: ArrayLike | None) -> Linearization:
        check_is_fitted(self)
        return evaluation.linearization_at(self, self._validated(X), y, region)

    def _evaluate(self, X: ArrayLike, symbol: Symbol) -> NDArray:
        check_is_fitted(self)
        return evaluation.values_of(self, self._validated(X), symbol)


__all__ = ["PINNRegressor"]
