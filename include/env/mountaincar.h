/* MountainCar-v0 (Moore, 1990) with the exact dynamics of Gymnasium 1.4
 * classic_control/mountain_car.py.
 *
 * A car in a valley, too weak to drive up at once. obs: position (-1.2 to 0.6), velocity
 * (-0.07 to 0.07 a step). Actions: push left, not at all, right. Reward -1 for every step.
 * Terminated at position 0.5 or beyond, not moving back. The wall on the left stops the car.
 */
#ifndef DQN_ENV_MOUNTAINCAR_H
#define DQN_ENV_MOUNTAINCAR_H

#include "env/env.h"

extern const struct env_ops mountaincar_v0;

struct mountaincar {
	double position, velocity;
};

#endif
