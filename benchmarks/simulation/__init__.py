"""Whole rollouts of synthetic traffic through the project's own fold: how often it is wrong, how fast it is right."""
