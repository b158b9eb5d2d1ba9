# CartPole-v1 in Python, as a child of dqn: copy and change it.
#     dqn train configs/cartpole.ini id=process command="python3 configs/env/cartpole.py"
import math, random, sys


class CartPole:
    def reset(self, seed):  # an episode depends on its seed and its actions alone
        rng = random.Random(seed)
        self.state = [rng.uniform(-0.05, 0.05) for _ in range(4)]
        return self.state

    def step(self, action):  # reward, terminated, truncated (dqn itself applies the limit), observation
        x, x_dot, theta, theta_dot = self.state
        sin, cos = math.sin(theta), math.cos(theta)
        temp = ((10.0 if action == 1 else -10.0) + 0.05 * (theta_dot * theta_dot) * sin) / 1.1
        theta_acc = (9.8 * sin - cos * temp) / (0.5 * (4.0 / 3.0 - 0.1 * (cos * cos) / 1.1))
        x_acc = temp - 0.05 * theta_acc * cos / 1.1
        x, x_dot = x + 0.02 * x_dot, x_dot + 0.02 * x_acc
        theta, theta_dot = theta + 0.02 * theta_dot, theta_dot + 0.02 * theta_acc
        self.state = [x, x_dot, theta, theta_dot]
        return 1, abs(x) > 2.4 or abs(theta) > 12 * 2 * math.pi / 360, False, self.state

envs = [CartPole() for _ in range(16)]  # 16 episodes side by side
for line in sys.stdin:  # a line in, a line out, until "quit" or the end of file
    word, *numbers = line.split()
    if word == "hello" and numbers == ["1"]:
        print("env CartPole 1 obs=4 actions=2 limit=500 reward=1..1 solved=475",
              "high=2.4,3,0.20943951023931953,3 instances=16")
    elif word == "reset":
        print("obs", numbers[0], *envs[int(numbers[0])].reset(int(numbers[1])))
    elif word == "step":
        reward, terminated, truncated, obs = envs[int(numbers[0])].step(int(numbers[1]))
        print("step", numbers[0], reward, int(terminated), int(truncated), *obs)
    elif word == "quit":
        break
    else:
        print("error cannot do", line.strip())
        sys.exit(1)
    sys.stdout.flush()
