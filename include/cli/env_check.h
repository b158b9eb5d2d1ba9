/* `dqn env check`: whether a command is an environment that can be trained on. */
#ifndef DQN_CLI_ENV_CHECK_H
#define DQN_CLI_ENV_CHECK_H

/* Prints a line for each rule. Returns the exit status: ERR_ENV if a rule is broken. Timeouts
 * in seconds. */
int env_check(const char *command, double start_timeout_s, double timeout_s);

#endif
