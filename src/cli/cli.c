#include "cli/cli.h"

#include "base/file.h"
#include "run/rundir.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *prefix; /* of all messages, or NULL; say_prefix sets it */

void say_prefix(const char *name)
{
	prefix = name;
}

void say(const char *fmt, ...)
{
	char line[2048], name[1024] = "";
	va_list args;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (prefix)
		snprintf(name, sizeof(name), "%s", prefix);
	text_make_printable(line); /* a quoted name may hold anything */
	text_make_printable(name);
	fprintf(stderr, "dqn: %s%s%s\n", name, prefix ? ": " : "", line);
}

int fail(const struct err *e)
{
	if (e->msg[0])
		say("%s", e->msg);
	return (int)e->kind;
}

bool end_with(struct err *e, int status)
{
	*e = (struct err){ .kind = (enum err_kind)status };
	return false;
}

void say_report(const struct report *r, bool warnings)
{
	for (const char *line = r->buf; *line;) {
		const size_t len = strcspn(line, "\n");
		if (warnings || strncmp(line, "warning: ", strlen("warning: ")) != 0)
			say("%.*s", (int)len, line);
		line += len + (line[len] == '\n');
	}
	if (r->n_errors > REPORT_MAX_ERRORS)
		say("... and %d more errors", r->n_errors - REPORT_MAX_ERRORS);
}

void put_printable(FILE *f, const char *s, size_t len)
{
	for (size_t n; len > 0; s += n, len -= n) {
		int columns;
		n = (size_t)text_char(s, &columns);
		n = n < len ? n : len;
		if (columns < 0)
			fputc('?', f);
		else
			(void)fwrite(s, 1, n, f);
	}
}

/* True if the file exists, has the name of a run's file and lies beside a config.ini. */
static bool is_of_run(const char *path)
{
	char config[FILE_PATH_SIZE];
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	const struct run_file *f = run_files;
	while (f->name && strcmp(f->name, name) != 0)
		f++;
	snprintf(config, sizeof(config), "%.*s%s", (int)(name - path), path, RUN_CONFIG);
	return f->name && file_exists(NULL, config) && file_exists(NULL, path);
}

bool write_output(const char *path, const char *data, size_t len, struct err *e)
{
	if (path && is_of_run(path))
		return err_set(e, ERR_USAGE, "'%s' belongs to a run, which could not be read without it", path);
	if (path && strcmp(path, "-") != 0 && strcmp(path, "/dev/stdout") != 0)
		return file_write(path, data, len, e);
	(void)fwrite(data, 1, len, stdout);
	return true;
}

int close_stdout(int status)
{
	const bool lost = ferror(stdout) != 0;
	if (fflush(stdout) == 0 && !lost && (fclose(stdout) == 0 || errno == EBADF))
		return status;
	say("write standard output: %s", strerror(errno));
	return status == STATUS_OK || status == STATUS_BELOW_REQUIRED ? ERR_RUN : status;
}

const struct kernels *choose_kernels(struct err *e)
{
	const char *isa = getenv("DQN_ISA");
	const struct kernels *k = kernels_find(isa && isa[0] ? isa : NULL);
	if (!k)
		err_set(e, ERR_USAGE,
			"DQN_ISA = '%s': no such instruction set, or this CPU lacks it; 'scalar' always works", isa);
	return k;
}
