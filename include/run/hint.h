/* Recognises a value in the form of another tool, where an option does not take it: Python, YAML,
 * TOML, Keras, PyTorch, Hydra, Optuna, W&B.
 *
 *     "50k" 50000   "True" true   "[64, 64]" 64,64   "nn.Tanh()" tanh   "smooth_l1" huber
 *     "loguniform(1e-4, 1e-2)" log(1e-4, 1e-2)   "choice(1, 3)" 1 | 3   "range(1, 21)" 1..20
 */
#ifndef DQN_RUN_HINT_H
#define DQN_RUN_HINT_H

#include "run/config.h"

enum { HINT_SIZE = 256 };

/* Writes the right form and returns true, or returns false if it knows none. The right form is a
 * value of the option, or a choice of such values (study/space.h). */
bool hint_value(const struct option *o, const char *value, char hint[HINT_SIZE]);

/* True if the value of id looks like the command of an environment. */
bool hint_is_command(const char *value);

#endif
