"""Best times in us of one DQN update in PyTorch (two forward passes, Huber loss, backward,
clipping, Adam) and of the products of one in NumPy, for networks 4-W-W-2. A line for each
WIDTHxBATCH of the arguments; a library that is absent gives no column."""
import sys
import time

try:
    import numpy
except ImportError:
    numpy = None
try:
    import torch
except ImportError:
    torch = None

OBS, ACTIONS, SAMPLES, SAMPLE_S = 4, 2, 40, 1e-3


def best_us(task):
    task()
    start = time.perf_counter()
    task()
    n = int(SAMPLE_S / (time.perf_counter() - start)) + 1
    best = float("inf")
    for _ in range(SAMPLES):
        start = time.perf_counter()
        for _ in range(n):
            task()
        best = min(best, (time.perf_counter() - start) / n)
    return 1e6 * best


def torch_update(width, batch):
    def network():
        nn = torch.nn
        return nn.Sequential(nn.Linear(OBS, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
                             nn.Linear(width, ACTIONS))

    online, target = network(), network()
    adam = torch.optim.Adam(online.parameters(), lr=1e-6)
    obs, next_obs = torch.rand(batch, OBS), torch.rand(batch, OBS)
    actions = torch.zeros(batch, 1, dtype=torch.int64)

    def update():
        with torch.no_grad():
            y = 1 + 0.99 * target(next_obs).max(dim=1, keepdim=True).values
        loss = torch.nn.functional.smooth_l1_loss(online(obs).gather(1, actions), y)
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(online.parameters(), 10)
        adam.step()

    return update


def numpy_products(width, batch):
    sizes = [(OBS, width), (width, width), (width, ACTIONS)]
    maps = [(numpy.ones((batch, i), "f"), numpy.ones((i, o), "f"), numpy.ones((batch, o), "f")) for i, o in sizes]

    def products():
        for layer, (x, w, dy) in enumerate(maps):
            x @ w
            x @ w
            x.T @ dy
            if layer > 0:
                dy @ w.T

    return products


columns = []
if torch:
    torch.set_num_threads(1)
    columns.append((f"PyTorch {torch.__version__}", torch_update))
if numpy:
    columns.append((f"NumPy {numpy.__version__}", numpy_products))
print("".join(f" {name[:17]:>17}" for name, _ in columns))
for shape in sys.argv[1:]:
    width, _, batch = shape.partition("x")
    print("".join(f" {best_us(make(int(width), int(batch or 64))):17.3f}" for _, make in columns), flush=True)
