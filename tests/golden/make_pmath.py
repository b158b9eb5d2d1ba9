#!/usr/bin/env python3
"""Writes tests/golden/pmath.txt: sin, cos, exp and log by exact arithmetic.

    python3 tests/golden/make_pmath.py > tests/golden/pmath.txt

Standard library only. Every value is computed to 80 digits: sin and cos by
Taylor series after reduction by pi/2 (Machin's formula), exp and log by
decimal's own correctly rounded functions.
"""
import math
import random
import sys
from decimal import Decimal, getcontext

getcontext().prec = 80


def arctan_inverse(n):
    """arctan(1/n)"""
    x = power = Decimal(1) / n
    total, k = x, 1
    while abs(power) > Decimal(10) ** -85:
        power /= -n * n
        k += 2
        total += power / k
    return total


PI = 4 * (4 * arctan_inverse(5) - arctan_inverse(239))


def taylor_sin(x):
    term = total = x
    k = 1
    while term != 0 and abs(term) > abs(total) * Decimal(10) ** -78:
        term *= -x * x / ((k + 1) * (k + 2))
        total += term
        k += 2
    return total


def taylor_cos(x):
    term = total = Decimal(1)
    k = 0
    while abs(term) > Decimal(10) ** -78 and x != 0:
        term *= -x * x / ((k + 1) * (k + 2))
        total += term
        k += 2
    return total


def exact_sin(x, quadrant=0):
    n = int((x / (PI / 2)).to_integral_value())
    r = x - n * (PI / 2)
    quadrant = (quadrant + n) % 4
    value = taylor_cos(r) if quadrant & 1 else taylor_sin(r)
    return -value if quadrant & 2 else value


EXACT = {
    "sin": exact_sin,
    "cos": lambda x: exact_sin(x, 1),
    "exp": lambda x: x.exp(),
    "log": lambda x: x.ln(),
}


# Where src/base/pmath.c errs most among millions of random arguments (against
# libquadmath): 0.782, 0.769, 0.901 and 0.831 units in the last place.
WORST = {
    "trig": ["-0x1.95baa9d2e6537p-1", "0x1.17637169d61ep+6"],
    "exp": ["-0x1.f62eb97f9cddep+8"],
    "log": ["0x1.69ae1c7f8cc7fp+0"],
}


def neighbours(x, n):
    """x and the n doubles on either side of it"""
    out, up, down = [x], x, x
    for _ in range(n):
        up, down = math.nextafter(up, math.inf), math.nextafter(down, -math.inf)
        out += [up, down]
    return out


def trig_points(rng):
    points = [0.0, -0.0, 100.0, -100.0, 0.2095, -0.2095, 5e-324, -5e-324, 2.0 ** -1022]
    points += [s * 10.0 ** -e for e in range(1, 40, 3) for s in (1, -1)]
    points += [math.nextafter(100.0, 0), math.nextafter(-100.0, 0)]
    for n in range(-63, 64):  # the hard ones: near every multiple of pi/4 in range
        points += neighbours(float(n * PI / 2), 1 if n % 4 else 2)
        if n % 2:
            points += neighbours(float(n * PI / 4), 1)
    # CartPole: |theta| below about 0.21, and what initial states reach
    points += [float.fromhex(x) for x in WORST["trig"]]
    points += [-0.25 + 0.5 * i / 250 for i in range(251)]
    points += [rng.uniform(-0.2095, 0.2095) for _ in range(150)]
    points += [rng.uniform(-0.79, 0.79) for _ in range(100)]
    points += [rng.uniform(-100, 100) for _ in range(200)]
    return [x for x in points if abs(x) <= 100]


def exp_points(rng):
    points = [0.0, -0.0, 1.0, -1.0, 708.0, -708.0, 709.0, math.nextafter(709.0, 0), 5e-324]
    points += [s * 2.0 ** -e for e in range(1, 70, 3) for s in (1, -1)]
    for n in range(-1021, 1023, 31):  # near the seams of the reduction by log 2
        points += neighbours(float((n + Decimal("0.5")) * Decimal(2).ln()), 1)
        points += neighbours(float(n * Decimal(2).ln()), 1)
    points += [float.fromhex(x) for x in WORST["exp"]]
    points += [rng.uniform(-708, 709) for _ in range(300)]
    points += [rng.uniform(-40, 40) for _ in range(150)]
    points += [rng.uniform(-1, 1) for _ in range(150)]
    return [x for x in points if -708 <= x <= 709]


def log_points(rng):
    points = neighbours(1.0, 20) + [sys.float_info.min, sys.float_info.max]
    points += [1 + s * 2.0 ** -e for e in range(2, 52) for s in (1, -1)]
    points += [2.0 ** e for e in range(-1022, 1024, 41)]
    for e in (-1000, -3, -1, 0, 1, 5, 1000):  # near the seam at sqrt(1/2)
        points += neighbours(math.ldexp(math.sqrt(0.5), e), 3)
    points += neighbours(math.e, 2)
    points += [float.fromhex(x) for x in WORST["log"]]
    points += [rng.uniform(0.5, 2) for _ in range(300)]
    points += [math.ldexp(rng.uniform(1, 2), rng.randrange(-1022, 1024)) for _ in range(300)]
    return [x for x in points if sys.float_info.min <= x <= sys.float_info.max]


def main():
    rng = random.Random(20240607)
    print("# golden: sin, cos, exp and log by exact arithmetic (80 digits), made by")
    print("# tests/golden/make_pmath.py with Python's decimal module alone")
    print("# row: function x hi lo, C99 hex; the value is hi + lo, hi the nearest double")
    trig = trig_points(rng)
    points = {"sin": trig, "cos": trig, "exp": exp_points(rng), "log": log_points(rng)}
    for name, xs in points.items():
        for x in xs:
            exact = EXACT[name](Decimal(x))
            hi = math.copysign(0.0, x) if exact == 0 else float(exact)
            lo = float(exact - Decimal(hi))
            print(name, x.hex(), hi.hex(), lo.hex())


if __name__ == "__main__":
    main()
