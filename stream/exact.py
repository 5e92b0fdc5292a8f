"""Whole numbers of any size that can be stored and sent."""


class Exact(int):
    """An int that may outgrow 64 bits; formats that stop there carry it as text.

    >>> Exact(2**70).packed(), Exact(5).packed(), Exact("1180591620717411303424") == 2**70
    ('1180591620717411303424', 5, True)
    """

    __slots__ = ()

    def packed(self) -> int | str:
        """Itself where it fits 64 bits, else its digits."""
        plain = int(self)
        return plain if -(2**63) <= plain < 2**63 else str(plain)
