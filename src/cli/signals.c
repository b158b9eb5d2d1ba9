#include "cli/signals.h"

#include <stddef.h>

volatile sig_atomic_t stop_signal;

static const struct {
	int number;
	const char *name;
} caught[] = {
	{ SIGINT, "SIGINT" },
	{ SIGTERM, "SIGTERM" },
	{ SIGHUP, "SIGHUP" },
	{ SIGUSR1, "SIGUSR1" },
};
enum { N_CAUGHT = sizeof(caught) / sizeof(caught[0]) };

static void on_signal(int number)
{
	stop_signal = number;
	for (size_t i = 0; i < N_CAUGHT; i++) {
		struct sigaction now, normal = { .sa_handler = SIG_DFL };
		if (sigaction(caught[i].number, NULL, &now) == 0 && now.sa_handler == on_signal)
			sigaction(caught[i].number, &normal, NULL);
	}
}

void signals_catch(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < N_CAUGHT; i++)
		sigaddset(&action.sa_mask, caught[i].number);
	for (size_t i = 0; i < N_CAUGHT; i++) {
		struct sigaction now;
		if (sigaction(caught[i].number, NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaction(caught[i].number, &action, NULL);
	}
}

const char *stop_signal_name(void)
{
	for (size_t i = 0; i < N_CAUGHT; i++)
		if (caught[i].number == stop_signal)
			return caught[i].name;
	return "no signal";
}
