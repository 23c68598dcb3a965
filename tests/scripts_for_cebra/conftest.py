"""Scripts as users of `cebra` wrote them, run by `tests/compat/test_scripts.py`."""

collect_ignore_glob = ["*.py"]
