/* Acrobot-v1 (Sutton, 1996; Sutton and Barto, 2018) with the exact dynamics of Gymnasium 1.4
 * classic_control/acrobot.py: the equations of the book, without torque noise, one step of
 * Runge and Kutta's fourth order over 0.2 s.
 *
 * Two links of 1 m and 1 kg hang from a pivot; a motor sits between them. theta1 is the first
 * link's angle from straight down, theta2 the second's from the first, both in [-pi, pi].
 * obs: cos and sin of theta1, cos and sin of theta2, their speeds (rad/s), within 4 pi and
 * 9 pi. Actions: torque -1, 0, 1 N m. Reward -1 for every step but the last, which has 0.
 * Terminated once the tip is a link's length above the pivot.
 */
#ifndef DQN_ENV_ACROBOT_H
#define DQN_ENV_ACROBOT_H

#include "env/env.h"

extern const struct env_ops acrobot_v1;

struct acrobot {
	double theta1, theta2, dtheta1, dtheta2;
};

#endif
