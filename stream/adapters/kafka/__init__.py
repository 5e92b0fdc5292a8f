"""Kafka, for everything outside the workers: by kafka-python, blocking, with errors that say what to do.

Importing a module of this package loads kafka-python; none of them loads Faust before it is asked for.
"""
