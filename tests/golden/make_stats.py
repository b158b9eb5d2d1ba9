"""Statistics of scores by NumPy and SciPy, as rliable defines them: stats.txt.

rliable's aggregate_iqm is scipy.stats.trim_mean(scores, 0.25); its
probability_of_improvement is the Mann-Whitney U statistic over the number of pairs.
"""
import numpy as np
import scipy
from scipy import stats


def iqm(scores):
    return stats.trim_mean(scores, 0.25)


def improvement(x, y):
    return stats.mannwhitneyu(x, y, alternative="greater").statistic / (len(x) * len(y))


def line(name, *values):
    print(name, *(float(v).hex() for v in values))


print(f"# numpy {np.__version__}, scipy {scipy.__version__}. Per case: 'case NAME n n_strata', the")
print("# scores and their strata; then mean, iqm and median; from the second case on also the")
print("# probability of improvement over the case before.")
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
    line("of", x.mean(), iqm(x), np.median(x))
    if before is not None:
        y = before
        line("improvement", improvement(x, y))
    before = x
