"""Checks every annotation of the package while the tests run; an int passes for a float."""

from beartype import BeartypeConf, beartype

__all__ = ["check"]

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
