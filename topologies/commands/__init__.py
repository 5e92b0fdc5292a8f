"""The commands of `canary`, one a file; `topologies/command.py` lists them.

A command imports what is slow to load, such as Faust, inside its function.
"""
