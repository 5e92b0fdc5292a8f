"""The live monitor on a broker, measured: throughput, delay, many rollouts, recovery. `make bench-broker`."""
