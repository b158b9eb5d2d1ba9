/* CartPole-v1 and CartPole-v0 (Barto, Sutton and Anderson, 1983) with the exact
 * dynamics of Gymnasium 1.4 classic_control/cartpole.py, explicit Euler.
 *
 * obs: x (m), x_dot (m/s), theta (rad, 0 is upright), theta_dot (rad/s). Actions:
 * 0 pushes left, 1 right, with 10 N. Reward 1 for every step, the last one too.
 * Terminated beyond |x| > 2.4 or |theta| > 12 degrees.
 */
#ifndef DQN_ENV_CARTPOLE_H
#define DQN_ENV_CARTPOLE_H

#include "env/env.h"

extern const struct env_ops cartpole_v0, cartpole_v1;

struct cartpole {
	double x, x_dot, theta, theta_dot;
};

#endif
