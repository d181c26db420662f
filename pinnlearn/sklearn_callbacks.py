"""A fit as scikit-learn's own callbacks see it (from scikit-learn 1.9 on, still experimental there): a task a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pinnlearn.training.course import Course, Progress

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn has none yet

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Adds nothing."""

    def with_callbacks(method):
        """Change nothing."""
        return method


class ScikitLearnCallbacks:
    """Passes each step on to scikit-learn's callbacks of an estimator.

    Parameters
    ----------
    estimator : PINNRegressor
    data : dict
        X, y and metadata as `fit` got them.
    fitted : callable
        fitted(progress) gives the attributes of an estimator whose fit stopped there.
    """

    def __init__(self, estimator: Any, data: dict[str, Any], fitted: Callable[[Progress], dict[str, Any]]):
        self._context = estimator._init_callback_context(max_subtasks=None)
        self._data = {"estimator": estimator, **data}
        self._fitted = fitted

    def on_fit_begin(self, fit: Course) -> None:
        """Begin the task that is the fit."""
        self._context.call_on_fit_task_begin(**self._data)

    def __call__(self, progress: Progress) -> bool:
        """Begin and end the task that is this step."""
        task = self._context.subcontext(task_name=progress.stage)
        task.call_on_fit_task_begin(**self._data)
        return task.call_on_fit_task_end(**self._data, reconstruction_attributes=lambda: self._fitted(progress))

    def on_fit_end(self, fit: Course) -> None:
        """End the task that is the fit."""
        if not fit.failed:
            self._context.call_on_fit_task_end(**self._data, reconstruction_attributes=dict)


__all__ = ["CallbackSupportMixin", "ScikitLearnCallbacks", "with_callbacks"]
