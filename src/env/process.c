#include "env/process.h"

#include "base/clock.h"
#include "base/text.h"
#include "env/declare.h"
#include "env/reply.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

static const double grace_s = 1;    /* from "quit" to SIGTERM */
static const double term_s = 0.5;   /* from there to SIGKILL */
static const double ending_s = 0.2; /* how long an error waits for the exit status */
static const double stop_s = 2;     /* for a reply, once opts.stop is set */
static const double slice_s = 0.1;  /* between two looks at opts.stop */

enum {
	REQUEST_SIZE = 64, /* more than "reset 65535 18446744073709551615" */
	TAIL_SIZE = 400,   /* what is kept of the child's standard error */
	TAIL_COLUMNS = 200,
	QUOTE_COLUMNS = 80,
	QUOTE_SIZE = 4 * QUOTE_COLUMNS + 8,
	N_ENDS = 3 /* the child's standard descriptors */
};

struct process_buffers {
	char in[PROCESS_LINE_MAX + 1]; /* a line and its newline */
	char out[(PROCESS_PENDING_MAX + 1) * REQUEST_SIZE];
	char tail[TAIL_SIZE];
	size_t n_tail;
	char declaration[ENV_LINE_MAX + 1];
	struct err failure;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* --- reading and writing --- */

static bool is_for_later(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static void read_output(struct process *p)
{
	struct process_buffers *b = p->buffers;
	memmove(b->in, b->in + p->begin, p->end - p->begin);
	p->scanned -= p->begin;
	p->end -= p->begin;
	p->begin = 0;
	assert(p->end < sizeof(b->in));
	const ssize_t n = read(p->from, b->in + p->end, sizeof(b->in) - p->end);
	if (n > 0)
		p->end += (size_t)n;
	else if (n == 0 || !is_for_later())
		close_fd(&p->from);
}

static void read_errors(struct process *p)
{
	struct process_buffers *b = p->buffers;
	char chunk[4096];
	const ssize_t got = read(p->errors, chunk, sizeof(chunk));
	if (got == 0 || (got < 0 && !is_for_later()))
		close_fd(&p->errors);
	if (got <= 0)
		return;
	if (p->opts.hear)
		p->opts.hear(p->opts.arg, chunk, (size_t)got);
	const size_t n = got < TAIL_SIZE ? (size_t)got : TAIL_SIZE;
	const size_t keep = b->n_tail < TAIL_SIZE - n ? b->n_tail : TAIL_SIZE - n;
	memmove(b->tail, b->tail + b->n_tail - keep, keep);
	memcpy(b->tail + keep, chunk + (size_t)got - n, n);
	b->n_tail = keep + n;
}

/* A child that has closed its input may have said why: its output is read to the end. */
static void write_queued(struct process *p)
{
	const ssize_t n = p->deaf ? 0 : write(p->to, p->buffers->out + p->written, p->queued - p->written);
	if (n > 0)
		p->written += (size_t)n;
	p->deaf |= n < 0 && !is_for_later();
}

/* Waits so long for the child to write or to take what is queued, and reads and writes. */
static void pump(struct process *p, double seconds)
{
	const int most_ms = 1000000;
	const double ms = ceil(seconds * 1e3);
	const bool writes = p->written < p->queued && !p->deaf;
	struct pollfd fds[] = { { .fd = p->from, .events = POLLIN }, { .fd = p->errors, .events = POLLIN },
		{ .fd = writes ? p->to : -1, .events = POLLOUT } };
	if (poll(fds, writes ? 3 : 2, ms < most_ms ? (int)ms : most_ms) <= 0)
		return;
	if (fds[0].revents)
		read_output(p);
	if (fds[1].revents)
		read_errors(p);
	if (fds[2].revents)
		write_queued(p);
}

/* Whether the command has ended, after waiting so long for it. It is not reaped: until then
 * no other process can get its number, nor that of its group. Its output is lost. */
static bool wait_end(struct process *p, double seconds, siginfo_t *end)
{
	const double until = now_s() + seconds;
	double nap_s = 0.001;
	for (;;) {
		const bool late = now_s() >= until;
		memset(end, 0, sizeof(*end));
		const bool ended =
			waitid(P_PID, (id_t)p->pid, end, WEXITED | WNOHANG | WNOWAIT) || end->si_pid == p->pid;
		int n_reads = ended || late ? 32 : 1; /* twice what a pipe holds */
		do {
			p->begin = p->scanned = p->end = 0;
			pump(p, ended || late ? 0 : nap_s);
		} while (--n_reads > 0 && (p->from >= 0 || p->errors >= 0));
		if (ended || late)
			return ended;
		nap_s = nap_s < 0.02 ? 2 * nap_s : nap_s;
	}
}

/* --- errors --- */

/* s in quotes, cut to what a message has room for. */
static const char *quote(const char *s, size_t n, char buf[QUOTE_SIZE])
{
	size_t k = 0;
	buf[k++] = '"';
	for (size_t i = 0; i < n && i < QUOTE_SIZE - 8; i++)
		buf[k++] = s[i] ? s[i] : '?';
	buf[k] = '\0';
	text_make_printable(buf);
	const size_t fit = text_fit(buf, QUOTE_COLUMNS + 1);
	snprintf(buf + fit, QUOTE_SIZE - fit, "%s", buf[fit] || n > k ? "..." : "\"");
	return buf;
}

/* The last lines of the child's standard error, with " | " between. */
static void describe_tail(const struct process *p, struct text *t)
{
	const struct process_buffers *b = p->buffers;
	char all[3 * TAIL_SIZE + 1];
	size_t n = 0;
	bool begins = true; /* a line */
	for (size_t i = 0; i < b->n_tail; i++) {
		const char c = b->tail[i];
		if (c == '\n' || c == '\r') {
			begins = true;
		} else if (!begins || (c != ' ' && c != '\t')) {
			if (begins && n > 0) {
				memcpy(all + n, " | ", 3);
				n += 3;
			}
			all[n++] = c ? c : '?';
			begins = false;
		}
	}
	all[n] = '\0';
	text_make_printable(all);
	const char *shown = text_fit_end(all, TAIL_COLUMNS);
	const bool is_cut = shown > all || b->n_tail == TAIL_SIZE;
	if (n > 0)
		text_add(t, "; its standard error ends in \"%s%s\"", is_cut ? "..." : "", shown);
}

static void describe_end(const struct process *p, bool ended, const siginfo_t *end, struct text *t)
{
	if (!ended)
		text_add(t, "; the command was still running");
	else if (end->si_code == CLD_EXITED)
		text_add(t, "; the command has ended with status %d", end->si_status);
	else if (end->si_code == CLD_KILLED || end->si_code == CLD_DUMPED)
		text_add(t, "; the command was killed by signal %d (%s)", end->si_status, strsignal(end->si_status));
	if (ended && p->from >= 0)
		text_add(t, ", but a process that it started keeps its output open");
}

/* e has the reason; adds what became of the command. */
static bool fail(struct process *p, double patience_s, struct err *e)
{
	char buf[sizeof(e->msg)];
	siginfo_t end;
	struct text t = text_into(buf, sizeof(buf));
	text_add(&t, "environment: %.400s", e->msg);
	const bool ended = wait_end(p, patience_s, &end);
	describe_end(p, ended, &end, &t);
	describe_tail(p, &t);
	err_set(e, ERR_ENV, "%s", buf);
	p->buffers->failure = *e;
	p->failed = true;
	return false;
}

/* e says what is wrong with that line. */
static bool fail_line(struct process *p, const char *line, size_t len, struct err *e)
{
	char quoted[QUOTE_SIZE], reason[256];
	snprintf(reason, sizeof(reason), "%.255s", e->msg);
	err_set(e, ERR_ENV, "line %" PRId64 ": %s: %s", p->n_lines, reason, quote(line, len, quoted));
	return fail(p, ending_s, e);
}

static int request_length(const struct process *p)
{
	return (int)strcspn(p->buffers->out + p->asked, "\n");
}

/* limit: the key that sets the deadline, or NULL at the end of the child's output. */
static bool fail_without_reply(struct process *p, const char *limit, double seconds, struct err *e)
{
	char buf[sizeof(e->msg)], quoted[QUOTE_SIZE], real[TEXT_REAL_SIZE];
	const size_t n = p->end - p->begin;
	struct text t = text_into(buf, sizeof(buf));
	text_add(&t, "no reply to '%.*s'", request_length(p), p->buffers->out + p->asked);
	if (limit)
		text_add(&t, " within %s = %s s", limit, text_real(seconds, real));
	else
		text_add(&t, ", its output has ended");
	if (n > 0)
		text_add(&t, "; its last line lacks a newline: %s", quote(p->buffers->in + p->begin, n, quoted));
	else if (limit && p->n_lines == 0)
		text_add(&t, " (does it flush its output?)");
	struct pollfd input = { .fd = p->to, .events = POLLOUT };
	if (limit && poll(&input, 1, 0) > 0 && (input.revents & (POLLERR | POLLHUP)))
		text_add(&t, "; it has closed its input");
	err_set(e, ERR_ENV, "%s", buf);
	return fail(p, limit ? 0 : ending_s, e);
}

/* --- lines --- */

/* The next whole line, which is valid until something is read; or NULL. */
static char *next_line(struct process *p, size_t *len)
{
	char *in = p->buffers->in, *line = in + p->begin;
	char *newline = memchr(in + p->scanned, '\n', p->end - p->scanned);
	p->scanned = p->end;
	if (!newline)
		return NULL;
	*newline = '\0';
	*len = (size_t)(newline - line);
	p->n_lines++;
	p->begin = p->scanned = (size_t)(newline + 1 - in);
	return line;
}

static bool has_error(const char *line)
{
	return strncmp(line, "error", 5) == 0 && (line[5] == ' ' || line[5] == '\0');
}

/* "error TEXT", in place of a reply */
static bool fail_error(struct process *p, const char *line, struct err *e)
{
	err_set(e, ERR_ENV, "%.300s", line[5] && line[6] ? line + 6 : "'error' without a reason");
	return fail(p, ending_s, e);
}

static char *wait_line(struct process *p, const char *limit, double start_s, double seconds, size_t *len, struct err *e)
{
	double until = start_s + seconds;
	char *line;
	for (bool late = false; !(line = next_line(p, len));) {
		if (p->end - p->begin > PROCESS_LINE_MAX) {
			p->n_lines++;
			err_set(e, ERR_ENV, "the line is longer than %d bytes", PROCESS_LINE_MAX);
			fail_line(p, p->buffers->in, PROCESS_LINE_MAX, e);
			return NULL;
		}
		const bool stopping = p->opts.stop && *p->opts.stop;
		if (late && stopping) {
			e->kind = ERR_NONE;
			p->buffers->failure = *e;
			p->failed = true;
			return NULL;
		}
		if (late || p->from < 0) {
			fail_without_reply(p, p->from < 0 ? NULL : limit, seconds, e);
			return NULL;
		}
		const double now = now_s();
		if (now > until + 1) /* it was dqn that was stopped */
			until = now + seconds;
		if (stopping)
			until = fmin(until, now + stop_s);
		late = now >= until;
		pump(p, late ? 0 : p->opts.stop ? fmin(until - now, slice_s) : until - now);
	}
	if (has_error(line)) {
		fail_error(p, line, e);
		return NULL;
	}
	if (memchr(line, '\0', *len)) {
		err_set(e, ERR_ENV, "the line has a NUL byte");
		fail_line(p, line, *len, e);
		return NULL;
	}
	return line;
}

/* --- requests --- */

static void queue(struct process *p, const char *line)
{
	struct process_buffers *b = p->buffers;
	const size_t n = strlen(line);
	if (p->failed)
		return;
	if (n > sizeof(b->out) - p->queued) {
		memmove(b->out, b->out + p->asked, p->queued - p->asked);
		p->written -= p->asked;
		p->queued -= p->asked;
		p->asked = 0;
	}
	assert(n <= sizeof(b->out) - p->queued);
	memcpy(b->out + p->queued, line, n);
	p->queued += n;
}

/* A blank and x before `end`; where it begins. */
static char *prepend(char *end, uint64_t x)
{
	do
		*--end = (char)('0' + x % 10);
	while ((x /= 10) > 0);
	*--end = ' ';
	return end;
}

/* "VERB INSTANCE NUMBER", without printf: there is one for each step. */
static void queue_request(struct process *p, const char *verb, int instance, uint64_t number)
{
	char line[REQUEST_SIZE] = "", *begin = line + sizeof(line) - 1;
	*--begin = '\n';
	begin = prepend(prepend(begin, number), (uint64_t)instance);
	begin -= strlen(verb);
	memcpy(begin, verb, strlen(verb));
	queue(p, begin);
}

void process_send_reset(struct process *p, int instance, uint64_t seed)
{
	queue_request(p, "reset", instance, seed);
}

void process_send_step(struct process *p, int instance, int action)
{
	queue_request(p, "step", instance, (uint64_t)action);
}

/* The oldest request has its reply. */
static void end_request(struct process *p)
{
	p->asked += (size_t)request_length(p) + 1;
	if (p->asked == p->queued)
		p->asked = p->written = p->queued = 0;
}

/* Without a request to answer the child has nothing to write. */
static bool check_silence(struct process *p, struct err *e)
{
	size_t len = p->end - p->begin;
	if (len == 0 && p->from >= 0)
		read_output(p); /* which does not wait */
	if (p->end == p->begin)
		return true;
	const char *line = next_line(p, &len);
	if (line && has_error(line))
		return fail_error(p, line, e);
	if (!line) {
		line = p->buffers->in + p->begin;
		len = p->end - p->begin;
		p->n_lines++;
	}
	err_set(e, ERR_ENV, "it wrote before it was asked");
	return fail_line(p, line, len, e);
}

bool process_receive(struct process *p, int instance, float *obs, uint8_t *mask, struct step *s, struct err *e)
{
	if (p->failed) {
		*e = p->buffers->failure;
		return false;
	}
	const bool is_step = p->buffers->out[p->asked] == 's';
	assert(p->asked < p->queued && (s || !is_step) && (mask || !p->ops.has_masks));
	if (p->written == p->asked && !check_silence(p, e))
		return false;
	if (p->written < p->queued)
		write_queued(p);
	size_t len;
	const char *line = wait_line(p, "env_timeout", now_s(), p->opts.timeout_s, &len, e);
	if (!line)
		return false;
	if (!reply_parse(&p->ops, instance, line, len, obs, mask, is_step ? s : NULL, e))
		return fail_line(p, line, len, e);
	end_request(p);
	return true;
}

bool process_hello(struct process *p, struct err *e)
{
	size_t len;
	const char *line = wait_line(p, "env_start_timeout", p->start_s, p->opts.start_timeout_s, &len, e);
	if (!line)
		return false;
	if (!env_declare(line, &p->ops, e))
		return fail_line(p, line, len, e);
	memcpy(p->buffers->declaration, line, len + 1);
	p->declaration = p->buffers->declaration;
	end_request(p);
	return true;
}

/* --- processes --- */

/* False at the end of the file. */
static bool read_byte(int fd)
{
	char byte;
	ssize_t n;
	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

static bool write_byte(int fd, char byte)
{
	ssize_t n;
	do
		n = write(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

/* In the child: becomes the command, once the parent has a keeper for it. */
static void become_command(const struct process *p, const int ends[N_ENDS])
{
	static const int changed[] = { SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGCHLD,
		SIGXFSZ };
	static const char failure[] = "cannot run /bin/sh\n";
	sigset_t none;
	bool ok = true;
	close(p->to); /* or its own input would never end */
	setpgid(0, 0);
#ifdef __linux__
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* for the case that the keeper is killed, too */
#endif
	for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++)
		signal(changed[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < N_ENDS; i++)
		ok = ok && dup2(ends[i], i) == i;
	if (ok && read_byte(STDIN_FILENO)) {
		execl("/bin/sh", "sh", "-c", p->opts.command, (char *)NULL);
		if (write(STDERR_FILENO, failure, sizeof(failure) - 1) > 0)
			_exit(127);
	}
	_exit(126);
}

/* In the keeper, with every signal blocked: waits for a byte, with which dqn ends it, or for
 * the end of the lifeline, when dqn has died. Then the group has a second to notice the end of
 * its input before it is killed. */
static void become_keeper(int lifeline, pid_t group)
{
	const struct timespec nap = { .tv_nsec = 50000000 };
	const int most_descriptors = 4096; /* sysconf may say 2^30 */
	setsid();
	for (int fd = 0; fd < most_descriptors; fd++)
		if (fd != lifeline)
			close(fd);
	if (!read_byte(lifeline)) {
		for (int i = 0; i < 20 && kill(-group, 0) == 0; i++)
			nanosleep(&nap, NULL);
		kill(-group, SIGKILL);
	}
	_exit(0);
}

static bool make_pipe(int *reader, int *writer)
{
	int fds[2];
	if (pipe(fds) < 0)
		return false;
	*reader = fds[0];
	*writer = fds[1];
	return fcntl(fds[0], F_SETFD, FD_CLOEXEC) == 0 && fcntl(fds[1], F_SETFD, FD_CLOEXEC) == 0;
}

static bool make_pipes(struct process *p, int ends[N_ENDS], int *lifeline)
{
	return make_pipe(&ends[0], &p->to) && make_pipe(&p->from, &ends[1]) && make_pipe(&p->errors, &ends[2]) &&
	       make_pipe(lifeline, &p->lifeline) && fcntl(p->to, F_SETFL, O_NONBLOCK) == 0 &&
	       fcntl(p->from, F_SETFL, O_NONBLOCK) == 0 && fcntl(p->errors, F_SETFL, O_NONBLOCK) == 0;
}

/* The command and its keeper; then the command may begin. */
static bool fork_both(struct process *p, int ends[N_ENDS], int lifeline)
{
	sigset_t all, before;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	p->pid = fork();
	if (p->pid == 0)
		become_command(p, ends);
	for (int i = 0; i < N_ENDS; i++)
		close_fd(&ends[i]); /* or the keeper would keep them open for a while */
	if (p->pid > 0) {
		setpgid(p->pid, p->pid); /* in both, as either may come first */
		p->keeper = fork();
		if (p->keeper == 0)
			become_keeper(lifeline, p->pid);
	}
	const int error = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return p->pid > 0 && p->keeper > 0 && write_byte(p->to, '\n');
}

bool process_start(struct process *p, const struct process_opts *opts, struct err *e)
{
	int ends[N_ENDS] = { -1, -1, -1 }, lifeline = -1;
	*p = (struct process){ .opts = *opts, .to = -1, .from = -1, .errors = -1, .lifeline = -1 };
	p->buffers = malloc(sizeof(*p->buffers));
	if (!p->buffers)
		return err_set(e, ERR_RUN, "out of memory starting '%.200s'", opts->command);
	p->buffers->n_tail = 0;
	p->start_s = now_s();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL); /* else there is no exit status */
	const bool ok = make_pipes(p, ends, &lifeline) && fork_both(p, ends, lifeline);
	if (!ok)
		err_set(e, ERR_RUN, "start '%.200s': %s", opts->command, strerror(errno));
	for (int i = 0; i < N_ENDS; i++)
		close_fd(&ends[i]);
	close_fd(&lifeline);
	if (!ok) {
		p->failed = true;
		p->buffers->failure = *e;
		return false;
	}
	queue(p, "hello 1\n");
	write_queued(p);
	return true;
}

static void reap(pid_t pid, int options)
{
	while (waitpid(pid, NULL, options) < 0 && errno == EINTR)
		continue;
}

void process_stop(struct process *p)
{
	siginfo_t end;
	if (p->pid > 0) {
		const bool told = !p->failed && write(p->to, "quit\n", 5) == 5;
		close_fd(&p->to);
		if (!told || !wait_end(p, grace_s, &end)) {
			kill(-p->pid, SIGTERM);
			wait_end(p, term_s, &end);
		}
		kill(-p->pid, SIGKILL);
		wait_end(p, grace_s, &end);
		reap(p->pid, WNOHANG);
	}
	if (p->keeper > 0) {
		const bool told = write_byte(p->lifeline, '\0');
		close_fd(&p->lifeline);
		reap(p->keeper, told ? 0 : WNOHANG);
	}
	if (p->buffers) {
		close_fd(&p->to);
		close_fd(&p->from);
		close_fd(&p->errors);
		close_fd(&p->lifeline);
	}
	free(p->buffers);
	*p = (struct process){ 0 };
}
