"""Points of SciPy's Sobol sequence, unscrambled, as 32-bit integers: sobol.txt."""
import scipy
from scipy.stats import qmc

print(f"# scipy {scipy.__version__} qmc.Sobol(d=21, scramble=False), points 0 to 1023, times 2^32.")
print("# index, then 21 coordinates; every point up to 40, then every 61st")
for i, x in enumerate(qmc.Sobol(21, scramble=False).random(1024)):
    if i <= 40 or i % 61 == 0:
        print(i, *(int(c * 2**32) for c in x))
