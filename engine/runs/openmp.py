"""How the threads that share one operation wait for their next piece of work."""

PATIENT = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Variables for a process that will import torch, read when OpenMP is loaded: its threads sleep while they wait.

By default they spin. On a machine that has other work as well, those that spin keep the cores from the thread that all
wait for, and an update of a small network takes up to 35 times as long (docs/benchmarks.md).
"""
