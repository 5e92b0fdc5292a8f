"""The worker: Faust in micro-batches, its two stages, and how it leaves."""
