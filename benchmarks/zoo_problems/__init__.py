"""The problems of the zoo, a module for each family; `benchmarks/zoo.py` fits them."""

from zoo_problems import data, layers, odes, smooth, trouble
from zoo_problems.posed import EXHIBITS, KINDS

FAMILIES = (smooth, layers, odes, data, trouble)

__all__ = ["EXHIBITS", "FAMILIES", "KINDS"]
