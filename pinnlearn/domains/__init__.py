"""Domains: where a PDE holds. They tell regions and outward normals, and sample points; all in numpy."""

from pinnlearn.domains.base import REGIONS as REGIONS
from pinnlearn.domains.base import SAMPLING as SAMPLING
from pinnlearn.domains.base import Domain
from pinnlearn.domains.base import Where as Where
from pinnlearn.domains.base import check_domain as check_domain
from pinnlearn.domains.boxes import AxisParallel as AxisParallel
from pinnlearn.domains.boxes import Box, Interval
from pinnlearn.domains.space_time import SpaceTime
from pinnlearn.domains.time import Time

__all__ = ["Box", "Domain", "Interval", "SpaceTime", "Time"]
