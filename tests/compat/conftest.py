"""What is here beside tests."""

collect_ignore_glob = ["make_*.py"]  # it imports the real `cebra`
