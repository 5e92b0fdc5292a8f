"""Chaos: workers and brokers fail under live traffic, and the outputs must equal the fold of the source log."""
