/* The declaration of an environment in a child process, its first line:
 *
 *     env mine 1 obs=4 actions=2 limit=500 reward=-1..0 solved=-110 high=2.4,3,0.2,3
 *
 * NAME and VERSION, then words, in any order, each at most once, with single blanks between:
 *
 *     obs, actions   components of an observation, actions: 1 to 65536; required
 *     reward         LOW..HIGH of a step, -inf and inf allowed; required
 *     limit          steps of an episode, 0 (the default): no limit
 *     solved         the return that counts as solved
 *     high           typical sizes of the components, > 0: one for all, or obs numbers
 *     instances      episodes that the child plays side by side; 1 by default
 *     masks          1: replies say which actions are allowed; 0 by default
 */
#ifndef DQN_ENV_DECLARE_H
#define DQN_ENV_DECLARE_H

#include "base/err.h"
#include "env/env.h"

#include <stdbool.h>

/* The row of the table for them all, id "process": it has no reset and no step, and obs_dim 0. */
extern const struct env_ops process_env;

#define ENV_LINE_MAX 2000 /* characters of a declaration */

/* The line, without its newline, into *ops: reset, step and obs_high are NULL. Errors are
 * ERR_ENV, name the word that is wrong, and have no prefix. */
bool env_declare(const char *line, struct env_ops *ops, struct err *e);

/* The factors (obs_dim) that bring the components of a line that env_declare accepted near
 * [-1, 1]: 1 / typical size. False, and nothing changed, if it declares no sizes. */
bool env_declared_scale(const char *line, int obs_dim, float *scale);

#endif
