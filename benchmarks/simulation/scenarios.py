"""The scenarios by name. `AA`: same code in both cohorts; `K3`: three instances a side, else ten.

`iid`: instances that do not differ; `real`: hosts that do; `harsh`: hosts twice as different, noisy neighbours;
`ramp`: the canary's share of the traffic grows from 5 % to 50 %; `late`: it goes wrong after 90 minutes, in pane 540,
where a five-minute block begins, or (`@555`) in the middle of one.
"""

from dataclasses import replace
from typing import NamedTuple

from benchmarks.simulation.traffic import Setting


class Scenario(NamedTuple):
    """One kind of rollout."""

    name: str
    setting: Setting

    @property
    def healthy(self) -> bool:
        """Whether both cohorts run the same code."""
        return self.name.startswith("AA")


REAL = Setting()
THREE = replace(REAL, canary=3, baseline=3, requests=300.0)
HARSH = replace(REAL, host_latency=0.06, own_noise=0.05, host_errors=0.3, noisy_neighbours=0.002)

_SETTINGS: dict[str, Setting] = {
    "AA_iid": replace(
        REAL, host_latency=0.0, own_noise=0.0, host_errors=0.0, traffic_spread=0.0, incidents=False, host_cpu=0.0
    ),
    "AA_real": REAL,
    "AA_real_K3": THREE,
    "AA_harsh_K3": replace(HARSH, canary=3, baseline=3, requests=300.0),
    "AA_harsh_K10": HARSH,
    "AA_ramp": replace(REAL, ramp=True),
    "AA_3v30": replace(REAL, canary=3, baseline=30, requests=60.0),
    **{f"lat+{more}": replace(REAL, latency=1 + more / 100) for more in (5, 10, 25)},
    "lat_x2": replace(REAL, latency=2.0),
    **{f"lat+{more}_K3": replace(THREE, latency=1 + more / 100) for more in (5, 10, 25)},
    "lat_x2_K3": replace(THREE, latency=2.0),
    "late+10": replace(REAL, latency=1.10, onset=540),
    "late+25": replace(REAL, latency=1.25, onset=540),
    "late+25_K3": replace(THREE, latency=1.25, onset=540),
    "late+10@555": replace(REAL, latency=1.10, onset=555),
    "late+25@555": replace(REAL, latency=1.25, onset=555),
    "lat_x2_one": replace(REAL, latency=2.0, only_first=True),
    "tail_p95": replace(REAL, more_slow=0.05),
    "err_x2": replace(REAL, errors=2.0),
    "err_x5": replace(REAL, errors=5.0),
    "err_x2_K3": replace(THREE, errors=2.0),
    "err_x5_K3": replace(THREE, errors=5.0),
    "late_err_x5": replace(REAL, errors=5.0, onset=540),
    "late_err_x5@555": replace(REAL, errors=5.0, onset=555),
    "leak": replace(REAL, leak=0.30),
    "cpu+10": replace(REAL, cpu=0.045),
}
SCENARIOS: dict[str, Scenario] = {name: Scenario(name, setting) for name, setting in _SETTINGS.items()}
"""All of them, in the order of the tables."""
