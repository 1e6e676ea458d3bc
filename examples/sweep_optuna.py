"""A search instead of a grid: Optuna proposes what a sweep runs next, and is told what came of it.

Looked for is the pulse that evokes most spikes for its charge. Any optimiser will do that can be asked and
told.

python examples/sweep_optuna.py
python examples/sweep_optuna.py --trials 40 --out search
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import optuna

import cl

ELECTRODES = (12, 28, 44, 52)


def efficiency(neurons: cl.Neurons, current_uA: float, width_us: int, electrodes: int) -> dict[str, float]:
    """Return the spikes within 50 ms of a pulse, and these for each nC that it took."""
    design = cl.StimDesign(width_us, -current_uA, width_us, current_uA)
    channels = cl.ChannelSet(*ELECTRODES[:electrodes])
    evoked = []
    for _ in range(5):
        neurons.stim(channels, design)
        evoked.append(len(neurons.read(1_250, analysis=True).spikes))
        neurons.read(5_000, analysis=True)
    spikes = sum(evoked) / len(evoked)
    charge_nC = electrodes * current_uA * width_us / 1_000
    return {"spikes": spikes, "spikes_per_nC": spikes / charge_nC}


class Search:
    """What a sweep asks for parameters, and tells the rows."""

    def __init__(self, trials: int) -> None:
        sampler = optuna.samplers.TPESampler(seed=1)
        self.study = optuna.create_study(direction="maximize", sampler=sampler)
        self._left = trials
        self._open: dict[tuple[Any, ...], list[optuna.trial.Trial]] = {}

    def ask(self) -> dict[str, Any] | None:
        if self._left == 0:
            return None
        self._left -= 1
        trial = self.study.ask()
        params = {
            "current_uA": trial.suggest_float("current_uA", 0.2, 2.0, step=0.1),
            "width_us": trial.suggest_int("width_us", 80, 240, step=20),
            "electrodes": trial.suggest_int("electrodes", 1, len(ELECTRODES)),
        }
        self._open.setdefault(tuple(params.values()), []).append(trial)
        return params

    def tell(self, params: Mapping[str, Any], row: Mapping[str, Any]) -> None:
        trial = self._open[tuple(params.values())].pop()
        if row["error"] is None:
            self.study.tell(trial, row["spikes_per_nC"])
        else:
            self.study.tell(trial, state=optuna.trial.TrialState.FAIL)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--size", type=int, default=1_000, help="neurons of the culture")
    parser.add_argument("--out", default="search")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    search = Search(options.trials)
    source = {"source": "cl.sim.culture:create", "config": {"size": options.size}}
    sweep = cl.sweep(efficiency, search, out=options.out, source=source)
    for row in sweep:
        print(f"{row.params}: {row['error'] or round(row['spikes_per_nC'], 2)}")
    best = search.study.best_trial
    print(f"{len(sweep)} runs; the best pulse gave {best.value:.2f} spikes per nC: {best.params}")


if __name__ == "__main__":
    main()
