#include "cli/cli.h"

#include "base/clock.h"
#include "cli/signals.h"

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

bool locale_is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *v = getenv(names[i]);
		if (v && v[0])
			return strstr(v, "UTF-8") || strstr(v, "utf8");
	}
	return false;
}

static int variable_or(const char *name, int otherwise)
{
	const char *value = getenv(name);
	int64_t n;
	return value && text_parse_i64(value, &n) == TEXT_OK && n >= 1 && n <= 1000 ? (int)n : otherwise;
}

void terminal_size(int fd, int *columns, int *lines)
{
	struct winsize size = { 0 };
	if (ioctl(fd, TIOCGWINSZ, &size) < 0)
		size = (struct winsize){ 0 };
	*columns = size.ws_col > 0 ? size.ws_col : variable_or("COLUMNS", 80);
	*lines = size.ws_row > 0 ? size.ws_row : variable_or("LINES", 24);
}

bool can_redraw(int fd)
{
	const char *term = getenv("TERM");
	return isatty(fd) && term && strcmp(term, "dumb") != 0;
}

bool wants_colour(void)
{
	const char *no_colour = getenv("NO_COLOR");
	return can_redraw(STDOUT_FILENO) && !(no_colour && no_colour[0]);
}

/* --- pictures --- */

/* The terminal as it was, for the handlers of signals, which call only what POSIX allows there. */
static struct {
	struct termios before;
	volatile sig_atomic_t has_modes, has_keys, is_taken, is_caught, is_resized;
} taken;

static void put_control(const char *s)
{
	const ssize_t n = write(STDOUT_FILENO, s, strlen(s));
	(void)n; /* a terminal that has gone needs nothing */
}

static void enter(void)
{
	struct termios raw = taken.before;
	if (taken.is_taken || tcgetpgrp(STDOUT_FILENO) != getpgrp())
		return;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0; /* read() never waits */
	raw.c_cc[VTIME] = 0;
	if (taken.has_modes)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	put_control("\033[?1049h\033[?25l\033[2J");
	taken.is_taken = 1;
}

void terminal_give_back(void)
{
	if (!taken.is_taken)
		return;
	taken.is_taken = 0;
	put_control("\033[0m\033[?25h\033[?1049l");
	if (taken.has_modes)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &taken.before);
}

/* SA_RESTART: a frame that waits for a full terminal is written on after the signal. */
static void catch (int number, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_NODEFER | SA_RESTART }, now;
	sigemptyset(&action.sa_mask);
	if (sigaction(number, NULL, &now) == 0 && now.sa_handler != SIG_IGN)
		sigaction(number, &action, NULL);
}

static void on_end(int number)
{
	terminal_give_back();
	signal(number, SIG_DFL);
	raise(number);
}

static void on_stop(int number)
{
	on_end(number); /* stops here */
	catch (number, on_stop);
	enter();
}

static void on_continue(int number)
{
	(void)number;
	taken.is_taken = 0; /* after STOP the shell has changed it */
	enter();
}

static void on_resize(int number)
{
	(void)number;
	taken.is_resized = 1;
}

bool terminal_take(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGALRM, SIGUSR1, SIGUSR2, SIGSEGV,
		SIGBUS, SIGFPE, SIGILL, SIGXCPU };
	if (!taken.is_caught) {
		taken.has_modes = taken.has_keys = tcgetattr(STDIN_FILENO, &taken.before) == 0;
		for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
			catch (ends[i], on_end);
		catch (SIGTSTP, on_stop);
		catch (SIGCONT, on_continue);
		catch (SIGWINCH, on_resize);
		signal(SIGTTOU, SIG_IGN);
		taken.is_caught = 1;
	}
	enter();
	return taken.is_taken;
}

int terminal_key(double seconds)
{
	const double most_s = 0.2; /* then it looks again: a signal may have come just before poll() */
	const double end_s = seconds < 0 ? (double)INFINITY : now_s() + seconds;
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char key = 0;
	int n;
	do {
		const double left_s = fmin(fmax(end_s - now_s(), 0), most_s);
		n = poll(&in, taken.has_keys && taken.is_taken, (int)ceil(left_s * 1000));
	} while (n == 0 && taken.is_taken && !taken.is_resized && !stop_signal && now_s() < end_s);
	taken.is_resized = 0;
	if (n > 0 && read(STDIN_FILENO, &key, 1) <= 0)
		taken.has_keys = 0; /* hung up */
	return key;
}

const char *duration_text(double s, char buf[TEXT_REAL_SIZE])
{
	const double minute = 60, hour = 60 * minute, day = 24 * hour;
	s = ceil(s);
	if (s < minute)
		snprintf(buf, TEXT_REAL_SIZE, "%.0fs", s);
	else if (s < hour)
		snprintf(buf, TEXT_REAL_SIZE, "%.0fm%02.0fs", floor(s / minute), fmod(s, minute));
	else if (s < day)
		snprintf(buf, TEXT_REAL_SIZE, "%.0fh%02.0fm", floor(s / hour), floor(fmod(s, hour) / minute));
	else
		snprintf(buf, TEXT_REAL_SIZE, "%.0fd%02.0fh", floor(s / day), floor(fmod(s, day) / hour));
	return buf;
}

const char *return_text(double x, char buf[TEXT_REAL_SIZE])
{
	const double size = fabs(x), large = 1e15;
	snprintf(buf, TEXT_REAL_SIZE, x == 0 || (size >= 1 && size < large) ? "%.1f" : "%.3g", x);
	return buf;
}

void print_wrapped(int indent, const char *text)
{
	const size_t width = 80 - (size_t)indent;
	while (*text) {
		size_t len = strlen(text);
		if (len >= width) {
			len = width - 1;
			while (len > 0 && text[len] != ' ')
				len--;
			if (len == 0)
				len = strcspn(text, " ");
		}
		printf("%*s%.*s\n", indent, "", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
}
