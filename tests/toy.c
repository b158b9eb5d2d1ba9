/* Two environments of the tests, unlike CartPole in all that the program could take for
 * granted: 3 actions, 2 observations, steps with chance in them, rewards that are negative
 * or nearly always 0.
 *
 * A line of 9 cells. Actions 0, 1, 2 go left, stay, go right; one in five goes where chance
 * says. An episode starts in one of the cells 3 to 6 and terminates in cell 0, a pit, or
 * in cell 8, the goal.
 *
 * obs: the cell, -1 (pit) to 1 (goal); the last move, -1, 0 or 1.
 * ToySparse-v0: reward -1 in the pit, 1 at the goal, 0 elsewhere: returns of -1, 0 or 1.
 * ToyNegative-v0: reward -1 a step, -30 in the pit: always to the right returns about -6.
 */
#include "env/acrobot.h"
#include "env/cartpole.h"
#include "env/declare.h"
#include "env/mountaincar.h"

#include <assert.h>

enum { N_CELLS = 9 };

struct toy {
	double cell; /* 0..N_CELLS - 1 */
	double move; /* -1, 0 or 1 */
};

static void observe(const struct toy *s, float *obs)
{
	obs[0] = (float)(s->cell / 4 - 1);
	obs[1] = (float)s->move;
}

static void toy_reset(void *state, struct rng *rng, float *obs)
{
	struct toy *s = state;
	*s = (struct toy){ .cell = 3 + (double)rng_below(rng, 4) };
	observe(s, obs);
}

/* False where the episode goes on; at an end, *won says which. */
static bool move(struct toy *s, struct rng *rng, int action, float *obs, bool *won)
{
	assert(action >= 0 && action <= 2);
	const double chance = rng_double(rng), where = rng_double(rng);
	s->move = chance < 0.2 ? (double)(int)(3 * where) - 1 : action - 1;
	s->cell += s->move;
	observe(s, obs);
	*won = s->cell == N_CELLS - 1;
	return s->cell == 0 || *won;
}

static struct step sparse_step(void *state, struct rng *rng, int action, float *obs)
{
	bool won;
	const bool ended = move(state, rng, action, obs, &won);
	return (struct step){ .reward = !ended ? 0 : won ? 1 : -1, .terminated = ended };
}

static struct step negative_step(void *state, struct rng *rng, int action, float *obs)
{
	bool won;
	const bool ended = move(state, rng, action, obs, &won);
	return (struct step){ .reward = ended && !won ? -30 : -1, .terminated = ended };
}

static bool toy_possible(const void *state)
{
	const struct toy *s = state;
	return s->cell >= 1 && s->cell <= N_CELLS - 2 && s->cell == (int)s->cell &&
	       (s->move == -1 || s->move == 0 || s->move == 1);
}

#define TOY(id_, solved_return_, reward_low_, reward_high_, step_)                                                 \
	{                                                                                                          \
		.id = id_, .obs_dim = 2, .n_actions = 3, .max_episode_steps = 50, .solved_return = solved_return_, \
		.reward_low = reward_low_, .reward_high = reward_high_, .obs_high = (const double[]){ 1, 1 },      \
		.state_size = sizeof(struct toy), .reset = toy_reset, .step = step_, .possible = toy_possible,     \
	}

static const struct env_ops sparse = TOY("ToySparse-v0", 0.9, -1, 1, sparse_step);
static const struct env_ops negative = TOY("ToyNegative-v0", -8, -30, -1, negative_step);

const char *const env_ids[] = { "CartPole-v1", "CartPole-v0", "Acrobot-v1", "MountainCar-v0", "process", "ToySparse-v0",
	"ToyNegative-v0", NULL };
const struct env_ops *const env_table[] = { &cartpole_v1, &cartpole_v0, &acrobot_v1, &mountaincar_v0, &process_env,
	&sparse, &negative, NULL };
