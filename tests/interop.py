"""The logs of run directories, as pandas and SB3's plotting functions read them: 'make interop'.

    python3 tests/interop.py RUN BLIND MONITOR

RUN is a run directory, BLIND one without evaluations, MONITOR a monitor.csv made of RUN's
episodes.csv. Says what differs from the text of the files; status 1 if anything does.
"""

import csv
import json
import sys

import pandas

run, blind, monitor = sys.argv[1:]
COUNTS = {"timesteps", "episodes", "n_updates", "r", "l", "max_rss_kib"}
BOOLS = {"is_best", "terminated"}
wrong = 0


def check(ok, what):
    global wrong
    if not ok:
        wrong += 1
        print(what)


def value(text):
    return {"": None, "true": True, "false": False}.get(text) if text in ("", "true", "false") else float(text)


def same(cell, text):
    want = value(text)
    return pandas.isna(cell) if want is None else cell == want


def check_log(name):
    path = f"{run}/{name}"
    frame = pandas.read_csv(path, float_precision="round_trip")
    with open(path, newline="") as file:
        header, *rows = csv.reader(file)
    check(list(frame.columns) == header, f"{name}: columns {list(frame.columns)}")
    check(len(frame) == len(rows) > 0, f"{name}: {len(frame)} rows of {len(rows)}")
    for column in header:
        kind = frame[column].dtype.kind
        want = "i" if column in COUNTS else "b" if column in BOOLS else "if"
        check(kind in want, f"{name}: {column} is {frame[column].dtype}")
    for i, row in enumerate(rows):
        for column, text in zip(header, row):
            check(same(frame[column][i], text), f"{name}, row {i}, {column}: {frame[column][i]}, not '{text}'")
    check(len(pandas.read_csv(path)) == len(rows), f"{name}: without float_precision")
    return frame


progress = check_log("progress.csv")
evals = check_log("eval.csv")
episodes = check_log("episodes.csv")
timing = check_log("timing.csv")

check(progress.loss.isna().iloc[0] and progress.loss.notna().iloc[-1], "loss: missing before the first update only")
check(len(progress) == len(timing) and (progress.timesteps == timing.timesteps).all(), "timing.csv has other rows")
check(len(episodes) == progress.episodes.iloc[-1], "not as many episodes as progress.csv says")
check((episodes.l.cumsum() == episodes.timesteps).all(), "the lengths do not add up to the steps")
check(abs(episodes.r.tail(100).mean() - progress.ep_rew_mean.iloc[-1]) < 1e-9, "ep_rew_mean is not that of 100 episodes")
check(evals.is_best.iloc[0], "the first evaluation is not the best so far")
joined = evals.merge(progress, on="timesteps")
check(len(joined) > 0 and (joined.n_updates_x == joined.n_updates_y).all(), "the two do not join on timesteps")

# What stable_baselines3.common.results_plotter.ts2xy(frame, "timesteps") does.
check(list(episodes.columns[:2]) == ["r", "l"], "the monitor's columns do not come first")

# What stable_baselines3.common.monitor.load_results does with each file.
with open(monitor) as file:
    first = file.readline()
    check(first.startswith("#") and "t_start" in json.loads(first[1:]), "monitor.csv: its first line")
    frame = pandas.read_csv(file, index_col=None)
check(list(frame.columns) == ["r", "l", "t"], f"monitor.csv: columns {list(frame.columns)}")
check((frame.r == episodes.r).all() and (frame.l == episodes.l).all(), "monitor.csv: other episodes")
check(frame.t.is_monotonic_increasing, "monitor.csv: not in the order of t")

empty = pandas.read_csv(f"{blind}/eval.csv")
check(len(empty) == 0 and list(empty.columns) == list(evals.columns), "an eval.csv without rows")
sys.exit(wrong > 0)
