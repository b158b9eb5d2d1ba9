#ifndef DQN_CLI_VERSION_H
#define DQN_CLI_VERSION_H

#define DQN_VERSION "0.1.0"

#endif
