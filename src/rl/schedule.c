#include "rl/schedule.h"

#include "base/pmath.h"

#include <math.h>
#include <stddef.h>

const char *const schedule_names[] = { "constant", "linear", "sqrt", "exponential", NULL };
const char *const learning_rate_schedule_names[] = { "constant", "linear", "sqrt", NULL };

double schedule_value(enum schedule kind, double initial, double final, int64_t step, double duration)
{
	if (kind == SCHEDULE_CONSTANT)
		return initial;
	if ((double)step >= duration)
		return final;
	const double progress = (double)step / duration;
	if (kind == SCHEDULE_LINEAR)
		return initial + (final - initial) * progress;
	if (kind == SCHEDULE_SQRT)
		return final + (initial - final) * sqrt(1 - progress);
	return initial * pm_exp(progress * pm_log(final / initial));
}
