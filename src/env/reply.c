#include "env/reply.h"

#include "base/pmath.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

static float to_float(double x)
{
	return pm_fits_float(x) ? (float)x : x < 0 ? -HUGE_VALF : HUGE_VALF;
}

static bool ends_field(char c)
{
	return c == ' ' || c == '\0';
}

/* A blank and a number; moves *s past it. */
static bool parse_number(const char **s, double *x, struct err *e)
{
	const char *field = *s + 1, *end = text_scan_real(field, x);
	if (end && ends_field(*end) && pm_fits_float(*x)) {
		*s = end;
		return true;
	}
	const size_t n = strcspn(field, " ");
	if (n == 0)
		return err_set(e, ERR_ENV, "two blanks in a row, or one at the end");
	return err_set(e, ERR_ENV, "'%.*s' is not a finite number", n < 40 ? (int)n : 40, field);
}

static bool parse_flag(const char **s, const char *name, bool *flag, struct err *e)
{
	const char *field = *s + 1;
	const size_t n = strcspn(field, " ");
	if (n != 1 || (*field != '0' && *field != '1'))
		return err_set(e, ERR_ENV, "%s is '%.*s', not 0 or 1", name, n < 40 ? (int)n : 40, field);
	*flag = *field == '1';
	*s = field + n;
	return true;
}

static bool parse_step(const struct env_ops *ops, const char **s, struct step *step, struct err *e)
{
	double reward = 0;
	if (!parse_number(s, &reward, e))
		return false;
	step->reward = to_float(reward);
	if (step->reward < to_float(ops->reward_low) || step->reward > to_float(ops->reward_high)) {
		char a[TEXT_REAL_SIZE], b[TEXT_REAL_SIZE], c[TEXT_REAL_SIZE];
		return err_set(e, ERR_ENV, "the reward %s is not within the declared %s..%s", text_real(reward, a),
			text_real(ops->reward_low, b), text_real(ops->reward_high, c));
	}
	return parse_flag(s, "terminated", &step->terminated, e) && parse_flag(s, "truncated", &step->truncated, e);
}

/* s is " mask 1011" if it is right. */
static bool parse_mask(const char *s, int n_actions, bool may_be_empty, uint8_t *mask, struct err *e)
{
	const char *digits = s + strlen(" mask ");
	bool any = false;
	if (strncmp(s, " mask ", strlen(" mask ")) != 0 || strspn(digits, "01") != (size_t)n_actions ||
		digits[n_actions])
		return err_set(e, ERR_ENV, "the reply does not end in ' mask ' and %d digits 0 or 1", n_actions);
	for (int i = 0; i < n_actions; i++) {
		mask[i] = digits[i] == '1';
		any |= mask[i];
	}
	return any || may_be_empty || err_set(e, ERR_ENV, "the mask allows no action, and the episode has not ended");
}

/* The count of fields, by which a number too many or too few is called that. */
static bool check_count(
	const struct env_ops *ops, const char *head, const char *line, size_t len, int wanted, struct err *e)
{
	int n = -1; /* without the instance */
	for (size_t i = 0; i < len; i++)
		n += line[i] == ' ';
	if (n == wanted + 2 * ops->has_masks)
		return true;
	const char *mask = strstr(line, " mask");
	if (mask && !ops->has_masks)
		return err_set(e, ERR_ENV, "a mask, but 'masks=1' was not declared");
	return err_set(e, ERR_ENV, "'%s' wants %d numbers%s, got %d", head, wanted, ops->has_masks ? " and a mask" : "",
		mask ? n - 2 : n);
}

bool reply_parse(const struct env_ops *ops, int instance, const char *line, size_t len, float *obs, uint8_t *mask,
	struct step *step, struct err *e)
{
	char head[32];
	double x = 0;
	const char *s = line + snprintf(head, sizeof(head), "%s %d", step ? "step" : "obs", instance);
	if (strncmp(line, head, strlen(head)) != 0 || !ends_field(*s))
		return err_set(e, ERR_ENV, "the reply does not begin with '%s'", head);
	if (!check_count(ops, head, line, len, ops->obs_dim + (step ? 3 : 0), e))
		return false;
	if (step && !parse_step(ops, &s, step, e))
		return false;
	for (int i = 0; i < ops->obs_dim; i++) {
		if (!parse_number(&s, &x, e))
			return false;
		obs[i] = (float)x;
	}
	const bool is_last = step && (step->terminated || step->truncated);
	return !ops->has_masks || parse_mask(s, ops->n_actions, is_last, mask, e);
}
