"""Hypothesis profiles: `ci` gives the same examples in every run, `dev` looks for new ones.

Choose with `pytest --hypothesis-profile dev`.
"""

from hypothesis import settings

settings.register_profile("ci", derandomize=True, max_examples=50, deadline=None, database=None, print_blob=True)
settings.register_profile("dev", max_examples=1000, deadline=None)
settings.load_profile("ci")
