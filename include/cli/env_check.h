/* `dqn env check`: whether a command is an environment that can be trained on. */
#ifndef DQN_CLI_ENV_CHECK_H
#define DQN_CLI_ENV_CHECK_H

#include "base/err.h"

/* Prints a line for each rule. ERR_ENV, without a message, if one is broken. Timeouts in seconds. */
bool env_check(const char *command, double start_timeout_s, double timeout_s, struct err *e);

#endif
