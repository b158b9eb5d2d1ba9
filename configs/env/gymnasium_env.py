# Any Gymnasium environment with discrete actions, as a child of dqn:
#     dqn train my.ini id=process command="python3 configs/env/gymnasium_env.py LunarLander-v3"
# After the id (or MODULE:ID), key=value are arguments of gymnasium.make (is_slippery=False), except two:
#     reward=LOW..HIGH   the range of a step's reward, which Gymnasium does not know; clip_targets needs it
#     instances=N        the number of episodes side by side, 16 by default
# gymnasium.spaces.flatten makes the observations: one-hot from Discrete spaces. An "action_mask" in info is passed on.
import ast, math, os, sys, traceback

output = os.fdopen(os.dup(1), "w")  # dqn reads it; whatever else is printed goes to standard error
os.dup2(2, 1)


def value(text):  # of an argument: a number, True, None, a list ..., or else a string
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


class Bridge:
    def __init__(self, env_id=None, *options):
        if env_id is None:
            raise ValueError("usage: gymnasium_env.py ID [key=value ...]")
        try:
            import gymnasium
        except ImportError as e:
            raise ImportError("%s; to install it: pip install gymnasium" % e)
        self.gymnasium, self.id = gymnasium, env_id
        self.options = {key: value(text) for key, _, text in (option.partition("=") for option in options)}
        self.reward = self.options.pop("reward", None)
        self.envs = [None] * self.options.pop("instances", 16)  # each is made when it is first reset

    def hello(self, protocol):
        env = self.gymnasium.make(self.id, **self.options)
        spaces, spec, self.space = self.gymnasium.spaces, env.spec, env.observation_space
        if not isinstance(env.action_space, spaces.Discrete):
            raise ValueError("the actions of %s are %s, not Discrete" % (spec.id, env.action_space))
        self.first_action = int(env.action_space.start)
        self.has_masks = "action_mask" in env.reset(seed=0)[1]
        env.close()
        reward = self.reward or "%r..%r" % getattr(env.unwrapped, "reward_range", (-math.inf, math.inf))
        line = "env %s %s obs=%d actions=%d limit=%d reward=%s instances=%d masks=%d" % (
            spec.id, self.gymnasium.__version__, spaces.flatdim(self.space), env.action_space.n,
            spec.max_episode_steps or 0, reward, len(self.envs), self.has_masks)
        if spec.reward_threshold is not None:
            line += " solved=%r" % float(spec.reward_threshold)
        if isinstance(self.space, spaces.Box):
            low, high = (spaces.flatten(self.space, x).tolist() for x in (self.space.low, self.space.high))
            high = [float(max(abs(x), abs(y))) for x, y in zip(low, high)]
            high = high[:1] if len(set(high)) == 1 else high
            if len(high) <= 64 and all(0 < x < 1e6 for x in high):
                line += " high=" + ",".join(map(repr, high))
        return line

    def observation(self, obs, info):
        words = ["%r" % float(x) for x in self.gymnasium.spaces.flatten(self.space, obs).tolist()]
        if self.has_masks:
            words += ["mask", "".join("01"[bool(x)] for x in info["action_mask"])]
        return " ".join(words)

    def reset(self, i, seed):
        if self.envs[i] is None:  # without its time limit, which dqn applies
            self.envs[i] = self.gymnasium.make(self.id, **{**self.options, "max_episode_steps": 1 << 40})
        return "obs %d %s" % (i, self.observation(*self.envs[i].reset(seed=seed)))

    def step(self, i, action):
        obs, reward, terminated, truncated, info = self.envs[i].step(self.first_action + action)
        flags = (bool(terminated), bool(truncated))
        return "step %d %r %d %d %s" % (i, float(reward), *flags, self.observation(obs, info))


bridge = None
for line in sys.stdin:
    word, *numbers = line.split()
    if word == "quit":
        break
    try:
        bridge = bridge or Bridge(*sys.argv[1:])
        if word not in ("hello", "reset", "step"):
            raise ValueError("cannot do '%s'" % word)
        print(getattr(bridge, word)(*map(int, numbers)), file=output, flush=True)
    except Exception as e:
        if word in ("reset", "step"):
            traceback.print_exc()
        print("error %s: %s" % (type(e).__name__, " ".join(str(e).split())), file=output, flush=True)
        sys.exit(1)
for env in filter(None, bridge.envs if bridge else []):
    env.close()
