/* Recognises a value in the form of another tool, where an option does not take it: Python, YAML,
 * TOML, Keras, PyTorch, Hydra, Optuna, W&B.
 *
 *     "50k" 50000   "True" true   "[64, 64]" 64,64   "nn.Tanh()" tanh   "smooth_l1" huber
 */
#ifndef DQN_RUN_HINT_H
#define DQN_RUN_HINT_H

#include "run/config.h"

enum { HINT_SIZE = 256 };

/* Writes the right form, a value of the option, and returns true, or returns false if it knows none
 * or the option takes the value as it is. */
bool hint_value(const struct option *o, const char *value, char hint[HINT_SIZE]);

/* True if the value of id looks like the command of an environment. */
bool hint_is_command(const char *value);

#endif
