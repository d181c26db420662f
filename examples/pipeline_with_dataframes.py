"""
A pipeline with dataframes
==========================

A rod cools; two thermometers measured it. The table is in millimetres and minutes, the equation in metres and
seconds: a step of a pipeline converts. (A ``StandardScaler`` there would change the equation.)
"""

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from pinnlearn import PINNRegressor, relative_l2_error
from pinnlearn.displays import PointsDisplay, SolutionDisplay
from pinnlearn.pdes import PDE

LENGTH, DIFFUSIVITY = 0.1, 1e-4  # metres, square metres a second


def temperature(place_mm, time_min):
    decay = np.exp(-DIFFUSIVITY * (np.pi / LENGTH) ** 2 * 60 * time_min)
    return 20 + 60 * decay * np.sin(np.pi * place_mm / 1000 / LENGTH)


# %%
# Where ``celsius`` is missing the heat equation holds; what is known at the ends, at the start and at the
# thermometers is in the table.

rng = np.random.default_rng(0)
points = pd.DataFrame({"place_mm": rng.uniform(0, 100, 400), "time_min": rng.uniform(0, 1, 400)})
times = np.linspace(0, 1, 25)
known = pd.concat(
    [pd.DataFrame({"place_mm": place, "time_min": times}) for place in (0.0, 30.0, 70.0, 100.0)]
    + [pd.DataFrame({"place_mm": np.linspace(0, 100, 40), "time_min": 0.0})]
)
known["celsius"] = temperature(known["place_mm"], known["time_min"])
table = pd.concat([points, known], ignore_index=True)

# %%
# The model knows the names of its columns; figures tell them.


def in_si_units(frame):
    return pd.DataFrame({"place (m)": frame["place_mm"] / 1000, "time (s)": frame["time_min"] * 60})


heat = PDE(equation=lambda x, u: u.d(1) - DIFFUSIVITY * u.d(0, 0))
model = make_pipeline(FunctionTransformer(in_si_units), PINNRegressor(pde=heat, random_state=0))
model.fit(table[["place_mm", "time_min"]], table["celsius"])
print(model[-1].describe())

new = pd.DataFrame({"place_mm": rng.uniform(0, 100, 5000), "time_min": rng.uniform(0, 1, 5000)})
error = relative_l2_error(temperature(new["place_mm"], new["time_min"]), model.predict(new))
print(f"relative L2 error {error:.1e}")

# %%

X = in_si_units(table)
display = SolutionDisplay.from_estimator(model[-1], X)
PointsDisplay.from_estimator(model[-1], X, table["celsius"], ax=display.ax_)
