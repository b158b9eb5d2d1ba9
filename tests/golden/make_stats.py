"""Statistics of scores by NumPy and SciPy, as rliable defines them: stats.txt.

rliable's aggregate_iqm is scipy.stats.trim_mean(scores, 0.25); its intervals are
percentiles of a bootstrap that resamples the runs of each task by themselves; its
probability_of_improvement is the Mann-Whitney U statistic over the number of pairs.
The resamples are drawn here with NumPy's own generators, in the order that
run/stats.c draws in, and each statistic is computed afresh from the drawn scores.
"""
import numpy as np
import scipy
from scipy import stats

N_REPLICATES = 2000


def stream(key):
    return np.random.PCG64(np.random.SeedSequence(1, spawn_key=(key,)))


def below(bits, n):  # Lemire's unbiased integer in [0, n)
    while True:
        product = int(bits.random_raw()) * n
        if product % 2**64 >= (2**64 - n) % n:
            return product >> 64


def draws(scores, strata, key):
    bits = stream(key)
    tasks = [np.sort(scores[strata == s]) for s in np.unique(strata)]
    for _ in range(N_REPLICATES):
        yield np.concatenate([[t[below(bits, len(t))] for _ in t] for t in tasks])


def interval(replicates):
    return np.percentile(replicates, [2.5, 97.5])


def iqm(scores):
    return stats.trim_mean(scores, 0.25)


def improvement(x, y):
    return stats.mannwhitneyu(x, y, alternative="greater").statistic / (len(x) * len(y))


def line(name, *values):
    print(name, *(float(v).hex() for v in values))


print(f"# numpy {np.__version__}, scipy {scipy.__version__}. Per case: 'case NAME n n_strata', the")
print("# scores and their strata; then mean, iqm, median and the interval of the iqm; from the")
print("# second case on also the probability of improvement over the case before, and its interval.")
rng = np.random.default_rng(2021)
cases = {
    "five": (rng.normal(400, 80, 5).round(2), np.zeros(5)),
    "twenty, many at the top": (np.minimum(rng.normal(480, 60, 20).round(1), 500), np.zeros(20)),
    "two tasks": (np.concatenate([rng.normal(0, 1, 10), rng.normal(100, 1, 7)]), np.repeat([0, 1], [10, 7])),
    "three": (rng.uniform(-5, 5, 3), np.zeros(3)),
    "forty, some diverged": (np.where(rng.random(40) < 0.3, 9.5, rng.normal(450, 30, 40)), np.arange(40) % 4),
}
before = None
for name, (x, strata) in cases.items():
    print("case", name.replace(" ", "_"), len(x), len(set(strata)))
    line("scores", *x)
    print("strata", *(int(s) for s in strata))
    line("of", x.mean(), iqm(x), np.median(x), *interval([iqm(d) for d in draws(x, strata, 0)]))
    if before:
        y, other = before
        pairs = zip(draws(x, strata, 1), draws(y, other, 2))
        line("improvement", improvement(x, y), *interval([improvement(a, b) for a, b in pairs]))
    before = x, strata
