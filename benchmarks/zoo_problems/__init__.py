"""The problems of the zoo, a module for each family; `benchmarks/zoo.py` fits them."""

from zoo_problems import data, evolution, layers, odes, oscillation, rough, smooth, systems, trouble, units
from zoo_problems.posed import EXHIBITS, KINDS

FAMILIES = (smooth, evolution, layers, oscillation, rough, odes, systems, units, data, trouble)

__all__ = ["EXHIBITS", "FAMILIES", "KINDS"]
