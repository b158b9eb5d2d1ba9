/* What an environment in a child process declares, in its first line:
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

#define ENV_LINE_MAX 2000 /* characters of a declaration */

/* The line, without its newline, into *ops: reset, step and obs_high are NULL. Errors are
 * ERR_ENV, name the word that is wrong, and have no prefix. */
bool env_declare(const char *line, struct env_ops *ops, struct err *e);

/* The typical sizes (obs_dim) of a line that env_declare accepted; false, and nothing
 * changed, if it has none. */
bool env_declared_high(const char *line, int obs_dim, double *high);

#endif
