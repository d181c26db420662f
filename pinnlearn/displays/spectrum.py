"""Eigenvalues of Gram matrices, and what of them is round-off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from pinnlearn.displays.figures import MARKERS, given_or_new, legend_below
from pinnlearn.theory.spectra import Spectrum, gram_spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class GramSpectrumDisplay:
    """Eigenvalues of Gram matrices over the largest one, in falling order; what is round-off is no data.

    Eigenvalues above the round-off floor are marks, the floor a dotted line; those below are not drawn, their number
    is told. For one fitted model it is best made by `from_estimator`.

    Parameters
    ----------
    spectra : dict of str to `pinnlearn.theory.Spectrum`
        By their labels.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    See Also
    --------
    pinnlearn.theory.gram_spectrum : The spectrum of a PDE at the paper's initialisation, or of a fitted model.

    Examples
    --------
    >>> import numpy as np
    >>> from pinnlearn.displays import GramSpectrumDisplay
    >>> from pinnlearn.theory import Spectrum
    >>> GramSpectrumDisplay(spectra={"J": Spectrum.of_jacobian(np.diag([1.0, 0.1]))}).plot().ax_.get_yscale()
    'log'
    """

    def __init__(self, *, spectra: Mapping[str, Spectrum]):
        self.spectra = spectra

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X: ArrayLike,
        y: ArrayLike | None = None,
        region: ArrayLike | None = None,
        *,
        label: str = "trained weights",
        ax: Axes | None = None,
    ) -> GramSpectrumDisplay:
        """Draw the spectrum of a fitted model's Gram matrix J J^T, with its loss weights.

        Parameters
        ----------
        estimator : PINNRegressor
            Fitted.
        X, y, region
            As in `PINNRegressor.fit`.
        label : str
        ax : matplotlib.axes.Axes, optional
            Where to draw; None takes a new figure.

        Returns
        -------
        GramSpectrumDisplay

        Raises
        ------
        ImportError
            Without matplotlib: install `pinnlearn[plot]`.
        """
        return cls(spectra={label: gram_spectrum(estimator, X, y, region)}).plot(ax)

    def plot(self, ax: Axes | None = None) -> GramSpectrumDisplay:
        """Draw; on axes of a new figure if none are given."""
        self.ax_ = given_or_new(ax)
        self.figure_ = self.ax_.figure
        for number, (label, spectrum) in enumerate(self.spectra.items()):
            self._draw(spectrum, label, f"C{number}", MARKERS[number % len(MARKERS)])
        self.ax_.set(xlabel="index", ylabel="eigenvalue / largest")
        self.ax_.set_title("dotted: round-off floors", fontsize="medium")
        legend_below(self.ax_)
        return self

    def _draw(self, spectrum: Spectrum, label: str, color: str, marker: str) -> None:
        kept = spectrum.eigenvalues[~spectrum.is_noise] / spectrum.lambda_max
        n_all, n_noise = len(spectrum.eigenvalues), len(spectrum.eigenvalues) - len(kept)
        hidden = f" ({n_noise} of {n_all} in round-off)" if n_noise else ""
        style = {"color": color, "marker": marker, "markersize": 4, "linewidth": 0.8}
        self.ax_.semilogy(np.arange(1, 1 + len(kept)), kept, label=label + hidden, **style)
        self.ax_.axhline(spectrum.floor / spectrum.lambda_max, color=color, linestyle=":", linewidth=1)
