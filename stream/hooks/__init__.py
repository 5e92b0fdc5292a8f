"""Hooks, as far as they are pure: which fire, when they are tried, what they are given, what comes of an answer."""
