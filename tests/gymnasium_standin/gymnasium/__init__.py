"""Stands in for Gymnasium in the test of configs/env/gymnasium_env.py: what the bridge uses of it, without numpy, and
an environment for each thing that the bridge must get right."""
import array
import math
import random
import types

__version__ = "0.standin"
print("a library that greets on standard output")


class Discrete:
    def __init__(self, n, start=0):
        self.n, self.start = n, start


class Box:
    def __init__(self, low, high):
        self.low, self.high = low, high


def flatdim(space):
    return space.n if isinstance(space, Discrete) else len(space.high)


def flatten(space, x):  # an array, because that has tolist()
    return array.array("d", [k + space.start == x for k in range(space.n)] if isinstance(space, Discrete) else x)


spaces = types.SimpleNamespace(Discrete=Discrete, Box=Box, flatdim=flatdim, flatten=flatten)


class CartPole:
    action_space = Discrete(2)
    observation_space = Box([-4.8, -math.inf, -0.42, -math.inf], [4.8, math.inf, 0.42, math.inf])

    def reset(self, seed):
        uniform = random.Random(seed).uniform
        self.x = [uniform(-0.05, 0.05) for _ in range(4)]
        return self.x, {}

    def step(self, action):
        x, x_dot, theta, theta_dot = self.x
        force, sin, cos = (-10, 10)[action], math.sin(theta), math.cos(theta)
        # The equations of motion of cart and pole, solved for the accelerations.
        push = (force + 0.05 * theta_dot**2 * sin) / 1.1
        theta_acc = (9.8 * sin - cos * push) / (2 / 3 - 0.05 * cos**2 / 1.1)
        x_acc = push - 0.05 * theta_acc * cos / 1.1
        self.x = [a + 0.02 * b for a, b in zip(self.x, (x_dot, x_acc, theta_dot, theta_acc))]
        return self.x, 1.0, abs(self.x[0]) > 2.4 or abs(self.x[2]) > math.pi / 15, False, {}


class Corridor:  # five cells; actions -1, 0 and 1, masked at the walls; truncates itself where it began
    action_space, observation_space = Discrete(3, start=-1), Discrete(5)
    reward_range = (-1, 2)

    def __init__(self, bonus=0.5):
        self.bonus = bonus

    def info(self):
        return {"action_mask": [self.cell > 0, True, self.cell < 4]}

    def reset(self, seed):
        self.cell = self.start = seed % 3 + 1
        return self.cell, self.info()

    def step(self, action):
        print("a step by", action)
        self.cell += action
        goal = self.cell == 4
        return self.cell, self.bonus if goal else -0.125, goal, self.cell == self.start, self.info()


class Broken(CartPole):
    observation_space = Box([-8.0] * 4, [2.0, 4.0, 6.0, 8.0])

    def step(self, action):
        raise RuntimeError("the wheel\ncame off")


class Continuous(CartPole):
    action_space = Box([-1.0], [1.0])


registry = {"CartPole-v1": (CartPole, 500, 475.0), "Corridor-v0": (Corridor, None, None), "Broken-v0": (Broken, 20, None),
            "Continuous-v0": (Continuous, 200, None)}


class TimeLimit:  # the only wrapper
    def __init__(self, env, limit):
        self.env, self.limit = env, limit

    def __getattr__(self, name):
        return getattr(self.env, name)

    def reset(self, *, seed=None, options=None):
        if not isinstance(seed, int) or seed < 0:
            raise ValueError("a seed is an int >= 0")
        self.n_steps = 0
        return self.env.reset(seed)

    def step(self, action):
        self.n_steps += 1
        obs, reward, terminated, truncated, info = self.env.step(action)
        return obs, reward, terminated, truncated or self.n_steps >= (self.limit or math.inf), info

    def close(self):
        print(self.spec.id, "is closed")


def make(id, max_episode_steps=None, **kwargs):
    if id not in registry:
        raise ValueError("No registered env with id: %s" % id)
    cls, limit, threshold = registry[id]
    env = TimeLimit(cls(**kwargs), max_episode_steps or limit)
    env.env.unwrapped = env.env
    env.spec = types.SimpleNamespace(id=id, max_episode_steps=env.limit, reward_threshold=threshold)
    return env
