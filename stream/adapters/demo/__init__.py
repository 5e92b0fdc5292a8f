"""A rollout to look at: traffic in real time, a fault, and a deployment that hooks can roll back."""
