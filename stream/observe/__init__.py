"""Observe: one partition of the partials log, folded into the states of its rollouts. Pure: the log is all it knows."""
