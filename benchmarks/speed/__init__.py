"""Time and memory beside `cebra` 0.6.1: the same work, in turn, on the same machine.

`make bench` measures everything, `make bench ROW=2` one row, `make bench-report` writes
docs/benchmarks.md from what is there. Each library runs in a process of its own (`worker`), and
the two take turns, block by block (`pair`), so that what disturbs the machine disturbs both.
Only public names of the library are used, so that any commit can be measured.
"""
