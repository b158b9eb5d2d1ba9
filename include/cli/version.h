#ifndef DQN_CLI_VERSION_H
#define DQN_CLI_VERSION_H

#define DQN_VERSION "0.1.0"
#define DQN_VERSION_DATE "2026-11-23"

#endif
