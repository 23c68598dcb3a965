"""Run folders to one page that opens without a network; knows no experiment."""

from .build import build_report

__all__ = ["build_report"]
