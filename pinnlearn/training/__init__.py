"""Training: stages, which can be printed, changed, put in another order, and mixed with optimizers.

`JOINED` is the default method; `optimizer=[SolveOutput(), TrainHidden(units=32), Enrich(), LBFGS()]` is one of your
own.

Examples
--------
>>> from pinnlearn.training import JOINED
>>> list(JOINED[:5])
[MarchWindows(), SolveOutput(), Spread(), Grade(), MarchSlabs(equations='linear')]
>>> list(JOINED[5:])
[TrainCoordinates(), TrainHidden(), March(), Grow(), Enrich(), MarchSlabs(equations='nonlinear')]
>>> sum(stage.most_steps for stage in JOINED[6:10])
810
"""

from pinnlearn.training.choices import DampingChoice, ScaleChoice
from pinnlearn.training.coordinates import Round, TrainCoordinates
from pinnlearn.training.determination import Determination, Determiner
from pinnlearn.training.grading import Grade
from pinnlearn.training.identification import Identify, IdentifyInCoordinates
from pinnlearn.training.methods import DEEP, INVERSE, JOINED
from pinnlearn.training.placement import Likeness
from pinnlearn.training.several import Deflation, OtherSolution
from pinnlearn.training.slabs import MarchSlabs
from pinnlearn.training.spreading import Spread
from pinnlearn.training.stages import (
    Enrich,
    Grow,
    March,
    Solution,
    SolveOutput,
    Stage,
    Steps,
    Task,
    TrainHidden,
)
from pinnlearn.training.verification import Check, Verification, Verifier
from pinnlearn.training.windows import MarchWindows

__all__ = [
    "DEEP",
    "INVERSE",
    "JOINED",
    "Check",
    "DampingChoice",
    "Deflation",
    "Determination",
    "Determiner",
    "Enrich",
    "Grade",
    "Grow",
    "Identify",
    "IdentifyInCoordinates",
    "Likeness",
    "March",
    "MarchSlabs",
    "MarchWindows",
    "OtherSolution",
    "Round",
    "ScaleChoice",
    "Solution",
    "SolveOutput",
    "Spread",
    "Stage",
    "Steps",
    "Task",
    "TrainCoordinates",
    "TrainHidden",
    "Verification",
    "Verifier",
]
