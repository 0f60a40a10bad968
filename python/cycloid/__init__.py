"""Cycloid: optimise, run and honestly compare trained models.

Importing this package imports neither torch nor numpy, so that a worker can move its standard output away first.
"""

__version__ = "0.1.0"
