#include "rl/schedule.h"

#include "base/pmath.h"

#include <stddef.h>

const char *const schedule_names[] = { "constant", "linear", "exponential", NULL };
const char *const learning_rate_schedule_names[] = { "constant", "linear", NULL };

double schedule_value(enum schedule kind, double initial, double final, int64_t step, double duration)
{
	if (kind == SCHEDULE_CONSTANT)
		return initial;
	if ((double)step >= duration)
		return final;
	const double progress = (double)step / duration;
	if (kind == SCHEDULE_LINEAR)
		return initial + (final - initial) * progress;
	return initial * pm_exp(progress * pm_log(final / initial));
}
