#include "cli/signals.h"

#include "base/clock.h"

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

/* timeout(1) and some batch systems send every signal twice, to the process and to its
 * group. Within this time the second one is the same request. */
static const double same_s = 0.05;

static void on_signal(int number)
{
	static double first_s;
	if (!stop_signal) {
		stop_signal = number;
		first_s = now_s();
	} else if (now_s() - first_s >= same_s) {
		signal(number, SIG_DFL);
		raise(number); /* takes effect after this handler returns */
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
