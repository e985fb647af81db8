"""A stand-in for the `atmos` command that repeats what a real Atmos answered on the demo project.

Standard library only, and nothing that is slow to import: `bin/atmos` runs it with whatever `python3`
is on PATH, once per call. The code also runs on Python 3.9, the oldest `python3` still shipped.
"""
