#include "run/option.h"

#include "base/sha256.h"
#include "env/declare.h"
#include "run/config.h"
#include "run/inputs.h"
#include "run/rundir.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_MAX ((int64_t)1 << 53) /* steps: exact in the doubles of other tools' CSV readers */

#define ROW(section_, type_, field, def_) \
	.section = section_, .key = #field, .type = type_, .offset = offsetof(struct config, field), .def = def_
#define INT(section, field, def, min_, max_) ROW(section, OPTION_INT, field, def), .min = min_, .max = max_
#define REAL(section, field, def, range_) ROW(section, OPTION_REAL, field, def), .range = range_
#define NAME(section, field, def, names_) ROW(section, OPTION_NAME, field, def), .names = names_
#define STRING(section, field, def) \
	ROW(section, OPTION_STRING, field, def), .size = sizeof(((struct config *)NULL)->field)

static bool set_declaration(struct config *c, const char *value, struct err *e)
{
	if (value[0])
		return env_declare(value, &c->process, e);
	c->process = process_env;
	c->process.solved_return = (double)NAN;
	c->process.reward_low = -(double)INFINITY;
	c->process.reward_high = (double)INFINITY;
	return true;
}

/* A field of a row on a line of its own, where it fits. */
/* clang-format off */
const struct option config_options[] = {
	{ ROW("run", OPTION_SEED, seed, "1"),
		.help = "Seed of everything random: equal configurations give equal bytes.",
		.effect = "Decides the first weights, the exploration, the minibatches and the episodes. Seeds differ "
			"more than most settings do: judge a setting by 5 seeds, compare two by 20.",
		.elsewhere = "random_seed" },
	{ INT("run", total_timesteps, "50000", 1, COUNT_MAX),
		.help = "Environment steps of the run: exactly these, or fewer if stop_return ends it.",
		.effect = "The length of training, and the clock of epsilon, learning rate and importance weights.",
		.typical = "25000 to 1e5 for small tasks, 1e6 and more for others",
		.low = "the return still rises at the end, or has no time to after epsilon has fallen",
		.high = "time is lost, and long after its best evaluation a network may get worse again",
		.elsewhere = "n_timesteps max_steps num_steps total_steps timesteps" },

	{ .section = "env", .key = "id", .type = OPTION_NAME, .offset = offsetof(struct config, env),
		.def = "CartPole-v1", .names = env_ids,
		.help = "The environment, by its Gymnasium id; process: the one that command starts.",
		.effect = "What is learned. 'dqn help environments' lists them and says how your own program can be "
			"one.",
		.elsewhere = "env env_id env_name environment" },
	{ STRING("env", command, ""),
		.help = "The environment of id = process: a command for /bin/sh, run in the directory where dqn was "
			"started. Like a Makefile, a configuration can run anything.",
		.effect = "What is learned, where id = process. 'dqn env check COMMAND' checks it.",
		.elsewhere = "env_command env_cmd env_path" },
	{ REAL("env", env_start_timeout, "60", "(0, 1e6]"), .neutral = true, .typical = "10 to 120",
		.help = "Seconds that the command may take until its first answer.",
		.effect = "Changes no result.",
		.low = "a program that loads large libraries is ended before it answers: status 7",
		.high = "a program that hangs is noticed late",
		.elsewhere = "timeout_wait startup_timeout start_timeout" },
	{ REAL("env", env_timeout, "10", "(0, 1e6]"), .neutral = true, .typical = "1 to 60",
		.help = "Seconds that each later answer of the command may take.",
		.effect = "Changes no result.",
		.low = "a slow reset or a busy machine ends the run: status 7; the same command resumes",
		.high = "a program that hangs is noticed late",
		.elsewhere = "step_timeout reset_timeout" },
	{ ROW("env", OPTION_BOOL, env_deterministic, "true"), .neutral = true,
		.help = "true: a run that resumes replays the episode under way, and the command must answer as "
			"before. false: it drops that episode instead; its bytes are then no longer promised.",
		.effect = "Changes no result of a run that is never interrupted. false is for programs that use the "
			"clock, a network or random numbers of their own.",
		.elsewhere = "deterministic is_deterministic" },
	{ STRING("env", declaration, ""), .set = set_declaration,
		.help = "The first line of the command, in which it declares what it is. dqn fills it in, and a run "
			"resumes only with the same line. If a configuration has one, the command must declare that.",
		.effect = "Sizes and ranges of the observations, actions and rewards follow from it. Leave it to dqn.",
		.elsewhere = "" },
	{ INT("env", max_episode_steps, "0", 0, 1000000000), .typical = "0",
		.help = "Steps after which a training episode is truncated; 0: the environment's own limit.",
		.effect = "Decides which states are seen. A truncated episode bootstraps from its last state, so a "
			"limit does not lower the Q values.",
		.low = "states late in an episode are never seen, and a goal may be out of reach",
		.high = "one bad episode fills the buffer with the same situation",
		.elsewhere = "time_limit max_steps_per_episode max_episode_length" },
	{ REAL("env", reward_scale, "1", "(0, 1e6]"),
		.help = "Rewards are multiplied by it before they are stored; logs show raw returns.",
		.effect = "Q values are sums of scaled rewards. Networks and Adam learn best where they are near 1; "
			"Huber loss and max_grad_norm have fixed sizes.",
		.typical = "1 / the largest return of an episode, to 10 times that",
		.low = "actions differ by less than the network's error, and learning is slow",
		.high = "q_mean is far above 10, loss and grad_norm are large; learning is slow, or the return jumps",
		.elsewhere = "rew_scale reward_factor" },
	{ ROW("env", OPTION_SCALE, obs_scale, "none"),
		.help = "Observations are multiplied by it: none, bounds (the environment's own factors, for inputs "
			"near [-1, 1]), one factor, or a factor per component. Saved with the weights.",
		.effect = "The network sees only the largest inputs at first. Try bounds wherever components differ by "
			"a factor of 10 or more. Too small a factor looks like a constant, too large a one like noise.",
		.elsewhere = "normalize_obs obs_normalization input_scale" },

	{ ROW("network", OPTION_WIDTHS, net_arch, "64,64"),
		.help = "Widths of the hidden layers, up to 8 of 1 to 4096; none: a linear network.",
		.effect = "What the network can represent. Typical: 64,64 to 256,256. Too small: the return stays low "
			"and the loss high, whatever the learning rate. Too large: an update takes longer, and the "
			"network fits what it saw last.",
		.elsewhere = "hidden_sizes hidden_layers hiddens layers hidden_dim fcnet_hiddens" },
	{ NAME("network", activation, "relu", activation_names),
		.help = "Activation function after each hidden layer; the output layer has none.",
		.effect = "relu is fast and the custom. tanh is smoother and has no dead units, but needs inputs near "
			"[-1, 1]. If dead_share in progress.csv rises, try tanh or a lower learning_rate.",
		.elsewhere = "activation_fn act_fn fcnet_activation nonlinearity" },
	{ NAME("network", weight_init, "torch", weight_init_names),
		.help = "Initial weights. torch: weights and biases uniform in +-1/sqrt(inputs of the layer). "
			"glorot_uniform (as in Keras), he_uniform and lecun_uniform: biases zero.",
		.effect = "The first Q values, and how fast the first layers learn. It matters little, unless settings "
			"of another framework are to be repeated.",
		.elsewhere = "initializer kernel_initializer init" },
	{ REAL("network", initial_q, "0", "[-1e6, 1e6]"), .typical = "0, or the largest return times reward_scale",
		.help = "Added to the biases of the output layer, so to every initial Q value. The largest possible "
			"return, times reward_scale, makes an optimistic start.",
		.effect = "Optimism: actions that were not tried keep a high value, so they are tried.",
		.low = "no effect with positive rewards; with rewards of -1 the default 0 is optimistic already",
		.high = "the first thousands of updates only bring the values down",
		.elsewhere = "q_init optimistic_init initial_value" },
	{ ROW("network", OPTION_BOOL, dueling, "false"),
		.help = "Dueling network: two streams, each as wide as the last hidden layer, and Q = V + A - mean(A).",
		.effect = "Learns the value of a state apart from the differences between actions: helps where many "
			"actions have the same effect, or there are many. Costs some time per update.",
		.elsewhere = "dueling_dqn use_dueling" },
	{ STRING("network", init_weights, ""), .copy = RUN_INIT_WEIGHTS,
		.help = "Weights that the online and the target network start from, instead of weight_init and "
			"initial_q: a weights file or a run's directory. Weights of another program must fit this "
			"network and this obs_scale. The run keeps a copy, and config.ini has its SHA-256: a file with "
			"another one is another run.",
		.effect = "Training begins with a policy that is good already: fewer steps, if the task is like the "
			"old one. Lower exploration_initial_eps, or random actions hide it.",
		.elsewhere = "trained_agent pretrained pretrained_path load_path load_model init_from warm_start" },

	{ REAL("agent", gamma, "0.99", "[0, 1]"), .typical = "0.98 to 0.999",
		.help = "Discount factor.",
		.effect = "The horizon: rewards 1 / (1 - gamma) steps ahead count for a third.",
		.low = "the policy is short-sighted: it never does what pays off beyond the horizon",
		.high = "Q values are large and settle late: q_mean rises and rises, and the return jumps",
		.elsewhere = "discount discount_factor" },
	{ INT("agent", batch_size, "64", 1, 65536), .typical = "32 to 256",
		.help = "Transitions in a minibatch, drawn with replacement.",
		.effect = "How precise the gradient of one update is.",
		.low = "a noisy gradient: the return jumps from one evaluation to the next",
		.high = "an update takes longer and teaches little more",
		.elsewhere = "minibatch_size train_batch_size batch" },
	{ INT("agent", learning_starts, "1000", 0, COUNT_MAX), .typical = "100 to 10000, 1 to 5 % of total_timesteps",
		.help = "Steps of uniformly random actions before the first update; epsilon falls in them, too.",
		.effect = "The first updates see only these transitions.",
		.low = "the network fits a few episodes, and actions with a bad beginning are not tried again",
		.high = "steps are lost, and epsilon has fallen when learning begins",
		.elsewhere = "min_replay_history replay_start_size warmup_steps "
			"num_steps_sampled_before_learning_starts learning_start" },
	{ INT("agent", train_freq, "1", 1, 1000000), .typical = "1 to 16",
		.help = "Environment steps from one round of updates to the next.",
		.effect = "With gradient_steps, updates for each step: gradient_steps / train_freq.",
		.low = "a step takes longer, most of it in updates",
		.high = "little is learned from each step: the return rises late",
		.elsewhere = "train_frequency update_period update_every training_freq" },
	{ INT("agent", gradient_steps, "1", -1, 1000000), .typical = "1 to train_freq, or -1",
		.help = "Updates in a round; -1: as many as the steps since the last round.",
		.effect = "With train_freq, updates for each step: gradient_steps / train_freq, usually 0.25 to 1.",
		.low = "little is learned from each step: the return rises late",
		.high = "the network fits a buffer that hardly changes: Q grows too high, the return jumps or falls",
		.elsewhere = "n_updates num_updates updates_per_step utd_ratio" },
	{ INT("agent", target_update_interval, "500", 1, COUNT_MAX),
		.help = "Environment steps from one update of the target network to the next.",
		.effect = "How long the targets stand still while the network learns them.",
		.typical = "100 to 1000 steps for small tasks, 10000 for large ones; with tau below 0.1: 1",
		.low = "the network chases itself: q_mean swings, or grows until the run diverges",
		.high = "learning is slow: rewards travel n_steps back per interval",
		.elsewhere = "target_network_frequency target_update_freq target_network_update_freq target_update "
			"target_update_period target_update_frequency" },
	{ REAL("agent", tau, "1", "(0, 1]"),
		.help = "An update sets target = tau * online + (1 - tau) * target; 1 copies the network.",
		.effect = "How far an update of the target network goes.",
		.typical = "1 with a target_update_interval of 100 and more; 0.005 to 0.05 with 1",
		.low = "targets are out of date, and learning is slow",
		.high = "with a short interval the network chases itself, and q_mean swings",
		.elsewhere = "polyak soft_update_tau target_tau" },
	{ ROW("agent", OPTION_BOOL, double_q, "false"),
		.help = "Double DQN: the online network chooses the next action, the target network evaluates it.",
		.effect = "The maximum of noisy values is too high; Double DQN takes most of that away, for one "
			"forward pass. Try it where q_mean exceeds the possible returns, or the return falls after its "
			"best. It seldom does harm.",
		.elsewhere = "is_double double_dqn use_double double" },
	{ INT("agent", n_steps, "1", 1, 64), .typical = "1 to 10; 3 is a good first try",
		.help = "n-step returns: the rewards added up before bootstrapping, fewer at the end of an episode.",
		.effect = "Rewards travel so many steps back with each update.",
		.low = "sparse or late rewards are learned slowly",
		.high = "targets are noisy, and hold rewards of older policies with more random actions",
		.elsewhere = "n_step update_horizon nstep n_step_return" },
	{ INT("agent", n_steps_final, "0", 0, 64), .typical = "0, or twice n_steps",
		.help = "In place of n_steps from half of total_timesteps on; 0: n_steps to the end.",
		.effect = "Late in a run Q values differ little from action to action, and a policy that has become "
			"worse is noticed late. Longer returns notice sooner, with few random actions in them.",
		.low = "a policy that was good may be lost near the end of the run",
		.high = "targets are noisy, and hold rewards of random actions",
		.elsewhere = "" },
	{ ROW("agent", OPTION_BOOL, clip_targets, "false"),
		.help = "TD targets are clipped to the possible returns: the range of rewards, 0 included, times "
			"reward_scale / (1 - gamma).",
		.effect = "No target is beyond what an episode can return, so Q values cannot run away. Of use where "
			"the range of rewards is known and a run diverges or q_mean is too high.",
		.elsewhere = "clip_return clip_q clip_target" },
	{ NAME("agent", loss, "huber", loss_names),
		.help = "Loss of a TD error, averaged over the minibatch. huber: smooth L1 with beta 1; mse: the "
			"square.",
		.effect = "huber limits what one large error can do to the gradient, and is the safe choice. mse is "
			"for TD errors below 1, where both are the same but for a factor of 2.",
		.elsewhere = "loss_fn criterion loss_type" },
	{ REAL("agent", ema_decay, "0", "[0, 1)"), .typical = "0, or 0.99 to 0.9999",
		.help = "Evaluations use, and files save, an average of the weights: after each update average = "
			"ema_decay * average + (1 - ema_decay) * weights. 0: no average. Actions in training always "
			"use the weights themselves.",
		.effect = "Takes away the jumps between evaluations, if the average of the policies is good.",
		.low = "the average is over too few updates, 1 / (1 - ema_decay), to be steady",
		.high = "the saved policy is late, and early weights are still in it at the end",
		.elsewhere = "ema model_ema_decay ema_momentum use_ema swa" },

	{ REAL("exploration", exploration_initial_eps, "1", "[0, 1]"), .typical = "1; with init_weights 0.1 to 0.3",
		.help = "Epsilon, the share of random actions, at step 0.",
		.effect = "Whether the first episodes are random.",
		.low = "the buffer holds only what the first network does, mostly the same action",
		.high = "seldom, as it falls; but a policy from init_weights is not seen for long",
		.elsewhere = "start_e epsilon_start eps_start initial_epsilon epsilon" },
	{ REAL("exploration", exploration_final_eps, "0.05", "[0, 1]"), .typical = "0.01 to 0.1",
		.help = "Epsilon from the end of the schedule on; with a constant schedule, at every step.",
		.effect = "How many actions stay random until the end of training.",
		.low = "the policy is stuck: it never learns about what it does not do",
		.high = "training returns stay below evaluations, and long rows of right actions are not reached",
		.elsewhere = "end_e epsilon_end eps_end final_epsilon epsilon_train epsilon_min eps_train" },
	{ REAL("exploration", exploration_fraction, "0.2", "[0, 1]"), .typical = "0.1 to 0.5",
		.help = "Share of total_timesteps after which the schedule ends.",
		.effect = "How long actions are mostly random.",
		.low = "the first policy that returns something is never left again",
		.high = "the states of a good policy are seen late, and there is little time to learn them",
		.elsewhere = "eps_decay epsilon_decay epsilon_timesteps eps_fraction" },
	{ NAME("exploration", exploration_schedule, "linear", schedule_names),
		.help = "How epsilon falls; exponential: by the same factor at every step.",
		.effect = "linear spends the same time at each epsilon; exponential falls early and stays low for "
			"long; constant explores all the time, at exploration_final_eps.",
		.elsewhere = "epsilon_schedule eps_schedule" },
	{ INT("exploration", exploration_repeat, "1", 1, 1000000000),
		.help = "Most steps that a random action lasts; k or more with probability 1 / k. 1: a single step.",
		.effect = "Random actions that last carry the agent to goals that single random steps do not reach.",
		.typical = "1, or 10 to 100 where the goal is far away, as MountainCar's",
		.low = "every episode ends at the time limit with the same return",
		.high = "where a few wrong steps end the episode, learning takes longer",
		.elsewhere = "ez_greedy temporally_extended max_action_repeat" },

	{ INT("replay", buffer_size, "50000", 1, (int64_t)1 << 31),
		.help = "Transitions in the replay buffer; new ones overwrite the oldest.",
		.effect = "How far back the transitions reach that are learned from.",
		.typical = "10000 to 1e6; the whole run of a small task",
		.low = "the network forgets what it has not seen of late: the return collapses after a good phase",
		.high = "memory ('dqn config --memory'), and old transitions of bad policies slow learning down",
		.elsewhere = "replay_size memory_size replay_capacity capacity replay_buffer_size buffer_capacity" },
	{ ROW("replay", OPTION_SIGNS, mirror_obs, "none"),
		.help = "For an environment that has a mirror image: in it an observation is multiplied by these 1 and "
			"-1, one of all or one per component, and the last action takes the place of the first. Each "
			"transition of a minibatch is mirrored with probability 1/2. none: there is no such image.",
		.effect = "What happened on one side is learned of both, from half as many steps. In an environment "
			"that is not its own mirror image, half of what is learned is wrong.",
		.elsewhere = "symmetry use_symmetry mirror mirror_symmetry" },
	{ ROW("replay", OPTION_BOOL, prioritized, "false"),
		.help = "Prioritized replay: transitions are drawn in proportion to |TD error|^per_alpha; new ones "
			"have the largest priority so far.",
		.effect = "Large errors are learned more often: helps with sparse rewards. Each update costs more, and "
			"a noisy environment draws attention to its noise. Lower learning_rate to about a quarter with "
			"it.",
		.elsewhere = "prioritized_replay use_per per prioritized_experience_replay" },
	{ REAL("replay", per_alpha, "0.6", "[0, 1]"), .typical = "0.4 to 0.7",
		.help = "Exponent of the priorities; 0: all transitions are equally likely.",
		.effect = "How much the error decides.",
		.low = "like uniform replay",
		.high = "a few transitions are drawn over and over, and the network fits them",
		.elsewhere = "prioritized_replay_alpha priority_exponent alpha_per" },
	{ REAL("replay", per_beta0, "0.4", "[0, 1]"), .typical = "0.4 to 0.6",
		.help = "Exponent of the importance weights at step 0; rises linearly to 1 at total_timesteps.",
		.effect = "How much the importance weights correct what priorities distort.",
		.low = "the first updates prefer large errors, which is biased and fast",
		.high = "large errors count little from the beginning: slower, and safer",
		.elsewhere = "prioritized_replay_beta0 prioritized_replay_beta priority_weight per_beta" },
	{ REAL("replay", per_eps, "1e-06", "[1e-10, 1]"), .typical = "1e-6 to 0.01",
		.help = "Added to every |TD error|.",
		.effect = "Transitions without an error are still drawn sometimes.",
		.low = "what was right once is hardly looked at again",
		.high = "priorities differ less: like uniform replay",
		.elsewhere = "prioritized_replay_eps" },
	{ STRING("replay", preload, ""), .copy = "preload.csv", .no_copy = true,
		.help = "A CSV file of transitions, of another policy or a log, that fill the buffer before the first "
			"step and count as steps of learning_starts; 'dqn eval --steps' writes one. Its SHA-256 stands "
			"in config.ini: a file with another one is another run.",
		.effect = "Training begins with the experience of somebody else: a controller, a person, a log. Helps "
			"where random actions never see a reward. Bad play is learned from, too, until new transitions "
			"overwrite it.",
		.elsewhere = "replay_buffer_path demonstrations demos expert_data offline_data input_data" },

	{ REAL("optimizer", learning_rate, "0.001", "(0, 1]"), .typical = "1e-4 to 1e-3",
		.help = "Adam's step size.",
		.effect = "The size of each step of the weights, and the first key to tune.",
		.low = "the return rises late or not at all; loss falls slowly",
		.high = "the return jumps or collapses, q_mean swings, units die; in the end the run diverges",
		.elsewhere = "lr alpha step_size" },
	{ NAME("optimizer", learning_rate_schedule, "constant", learning_rate_schedule_names),
		.help = "linear: from learning_rate at step 0 down to 0 at total_timesteps.",
		.effect = "linear lets the weights settle, so the last policy is steadier, but leaves few steps for "
			"what comes late. constant suits runs that end early or continue.",
		.elsewhere = "anneal_lr lr_schedule" },
	{ REAL("optimizer", adam_beta1, "0.9", "[0, 1)"), .typical = "0.9",
		.help = "Decay of the first moment.",
		.effect = "Momentum: the average of about 1 / (1 - beta1) gradients.",
		.low = "noisy steps",
		.high = "old gradients push on: the return swings",
		.elsewhere = "beta1 beta_1 betas" },
	{ REAL("optimizer", adam_beta2, "0.999", "[0, 1)"), .typical = "0.999",
		.help = "Decay of the second moment.",
		.effect = "How long sizes of gradients are remembered: 1 / (1 - beta2) updates.",
		.low = "one large gradient scales all steps down, then they are too large again",
		.high = "steps keep the size that suited the beginning",
		.elsewhere = "beta2 beta_2" },
	{ REAL("optimizer", adam_eps, "1e-08", "[1e-10, 1]"), .typical = "1e-8 to 1e-4",
		.help = "Added to the square root of the second moment.",
		.effect = "A floor for the size of gradients.",
		.low = "weights with tiny gradients make steps as large as the others",
		.high = "steps shrink with the gradient, as with a lower learning_rate",
		.elsewhere = "eps adam_epsilon optimizer_eps" },
	{ REAL("optimizer", max_grad_norm, "10", "[0, inf)"), .typical = "0.5 to 10",
		.help = "The gradient of all weights together is scaled down to this norm; 0: off.",
		.effect = "Limits what one minibatch can do.",
		.low = "every update is cut (grad_norm in progress.csv is above it): slow",
		.high = "one bad minibatch can undo much; 0 never cuts",
		.elsewhere = "grad_clip clip_grad_norm grad_norm_clipping clipnorm gradient_clip" },

	{ INT("eval", eval_freq, "5000", 0, COUNT_MAX), .typical = "1/100 to 1/10 of total_timesteps",
		.help = "Environment steps from one greedy evaluation to the next; 0: none.",
		.effect = "Changes the choice of best.safetensors and where stop_return is seen, never the training.",
		.low = "evaluations take more time than training",
		.high = "the best weights fall between two evaluations",
		.elsewhere = "eval_interval evaluation_interval eval_every" },
	{ INT("eval", eval_episodes, "20", 1, 1000000), .typical = "10 to 100",
		.help = "Episodes in an evaluation. The weights with the best mean are kept as best.safetensors.",
		.effect = "How precise an evaluation is: its error falls with the square root.",
		.low = "best.safetensors had luck, not skill",
		.high = "evaluations take more time than training",
		.elsewhere = "n_eval_episodes num_eval_episodes evaluation_duration" },
	{ INT("eval", eval_max_episode_steps, "0", 0, 1000000000), .typical = "0",
		.help = "Steps after which an evaluation's episode is truncated; 0: the environment's own limit, "
			"whatever max_episode_steps is. With another limit, no run is called solved.",
		.effect = "Returns of episodes with different limits cannot be compared.",
		.low = "a policy that lasts longer looks no better",
		.high = "evaluations take long",
		.elsewhere = "eval_time_limit" },
	{ INT("eval", final_eval_episodes, "100", 1, 1000000), .typical = "100 to 1000",
		.help = "New episodes after training that evaluate the final weights and decide nothing.",
		.effect = "How precise the result of the run is; it decides nothing.",
		.low = "results of equal policies differ",
		.high = "time at the end of the run",
		.elsewhere = "n_final_eval_episodes" },

	{ REAL("stop", stop_return, "none", "(-inf, inf]"),
		.help = "The run ends when an evaluation reaches this return and a second one, on other episodes, "
			"confirms it; none: the run goes to total_timesteps.",
		.effect = "Ends the run when it is good enough.",
		.typical = "the environment's threshold ('dqn env show ID'), or none",
		.low = "the run ends with a policy that could be better",
		.high = "never reached: the run goes to total_timesteps",
		.elsewhere = "reward_threshold target_return stop_reward" },
	{ INT("stop", stop_episodes, "100", 1, 1000000), .typical = "100",
		.help = "Episodes that confirm stop_return.",
		.effect = "How sure it is that stop_return was reached.",
		.low = "luck ends the run",
		.high = "time, each time that an evaluation reaches stop_return",
		.elsewhere = "confirm_episodes" },

	{ INT("log", log_interval, "1000", 1, COUNT_MAX), .typical = "1/200 to 1/50 of total_timesteps",
		.help = "Environment steps between two rows of progress.csv.",
		.effect = "Changes what is seen, never the training.",
		.low = "files grow, and 'dqn plot' averages over rows",
		.high = "curves of a few points",
		.elsewhere = "log_freq log_every log_frequency" },

	{ REAL("checkpoint", checkpoint_interval, "10", "[0, 1e9]"), .neutral = true, .typical = "10 to 600",
		.help = "Seconds of wall clock between two checkpoints. From 1 second up, saving takes at most 2 % of "
			"the time: the interval grows if it must. 0: save only when the run is interrupted. It changes "
			"no result, and a run may resume with another value.",
		.effect = "Changes no result.",
		.low = "nothing: the interval grows until saving takes 2 % of the time",
		.high = "more is repeated after a kill or a power cut",
		.elsewhere = "checkpoint_freq save_freq save_interval checkpoint_every" },
	{ .key = NULL },
};
/* clang-format on */

/* Other frameworks' keys that have no counterpart here, and why. */
static const struct {
	const char *words, *answer;
} absent[] = {
	{ "env_args env_kwargs env_config", "arguments of an environment of your own are part of its command" },
	{ "device cuda", "everything runs on one CPU core" },
	{ "n_envs num_envs", "there is one environment; run several seeds side by side instead" },
	{ "optimizer", "the optimiser is always Adam" },
	{ "policy", "the network is always a dense one, see net_arch" },
	{ "algo algorithm", "the algorithm is always DQN" },
	{ "out exp_name", "the directory is chosen by --out of 'dqn train' and 'dqn sweep'" },
	{ "tensorboard_log track", "logs are CSV files in the run directory" },
	{ "torch_deterministic", "runs are always deterministic" },
};

enum { N_OPTIONS = sizeof(config_options) / sizeof(config_options[0]) - 1 };
_Static_assert(N_OPTIONS <= CONFIG_MAX_OPTIONS, "room for every option");

/* --- names --- */

const struct option *config_find(const char *key)
{
	for (const struct option *o = config_options; o->key; o++)
		if (strcmp(o->key, key) == 0)
			return o;
	return NULL;
}

const struct option *config_find_elsewhere(const char *key)
{
	const struct option *found = config_find(key);
	for (const struct option *o = config_options; o->key && !found; o++)
		if (text_has_word(o->elsewhere, key))
			found = o;
	return found;
}

enum { WORD_SIZE = 64 };

/* The word with '_' for '-'. */
static void copy_plain(const char *word, char plain[WORD_SIZE])
{
	size_t n = 0;
	for (; word[n] && n + 1 < WORD_SIZE; n++)
		plain[n] = (char)(word[n] == '-' ? '_' : word[n]);
	plain[n] = '\0';
}

const char *config_suggest(const char *word)
{
	char plain[WORD_SIZE], other[WORD_SIZE];
	copy_plain(word, plain);
	const char *best = NULL;
	size_t best_distance = SIZE_MAX, distance;
	for (const struct option *o = config_options; o->key; o++) {
		const char *names = o->elsewhere;
		snprintf(other, sizeof(other), "%s", o->key);
		do
			if (text_is_near(plain, other, &distance) && distance < best_distance) {
				best = o->key;
				best_distance = distance;
			}
		while (text_next_word(&names, other, sizeof(other)));
	}
	return best;
}

const char *config_why_absent(const char *word)
{
	char plain[WORD_SIZE];
	copy_plain(word, plain);
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		if (text_has_word(absent[i].words, plain))
			return absent[i].answer;
	return NULL;
}

/* --- values --- */

static bool in_range(const char *range, double x)
{
	char *end;
	const double low = strtod(range + 1, &end);
	const double high = strtod(end + 1, &end); /* after the comma */
	return (range[0] == '[' ? x >= low : x > low) && (*end == ']' ? x <= high : x < high);
}

/* Nearly all reals become floats, where smaller ones would be 0 or lose digits. */
static bool is_lost(double x)
{
	return x != 0 && fabs(x) < (double)FLT_MIN;
}

bool option_is_whole(const struct option *o)
{
	return o->type == OPTION_INT || o->type == OPTION_SEED;
}

bool option_is_too_small(const struct option *o, const char *value)
{
	double x;
	return o->type == OPTION_REAL && text_parse_real(value, &x) == TEXT_OK && is_lost(x);
}

static bool allows_none(const struct option *o)
{
	return strstr(o->range, "inf]") != NULL;
}

void option_print_range(const struct option *o, struct text *t)
{
	switch (o->type) {
	case OPTION_SEED:
		text_add(t, "whole number, 0 to %" PRIu64, UINT64_MAX);
		break;
	case OPTION_INT:
		text_add(t, "whole number, %" PRId64 " to %" PRId64, o->min, o->max);
		break;
	case OPTION_REAL:
		if (allows_none(o))
			text_add(t, "real, or none");
		else
			text_add(t, "real in %s", o->range);
		break;
	case OPTION_BOOL:
		text_add(t, "true or false");
		break;
	case OPTION_NAME:
		text_add(t, "one of ");
		for (int i = 0; o->names[i]; i++)
			text_add(t, "%s%s", i ? ", " : "", o->names[i]);
		break;
	case OPTION_WIDTHS:
		text_add(t, "up to %d whole numbers, 1 to %d, separated by commas; or none", NET_MAX_HIDDEN,
			NET_MAX_WIDTH);
		break;
	case OPTION_SCALE:
		text_add(
			t, "none, bounds, or up to %d reals of sizes 1.2e-38 to 1e6, separated by commas", FACTORS_MAX);
		break;
	case OPTION_SIGNS:
		text_add(t, "none, or up to %d times 1 or -1, separated by commas", FACTORS_MAX);
		break;
	case OPTION_STRING:
		text_add(t, "printable %s of up to %zu bytes", o->copy ? "path" : "text", o->size - 1);
		break;
	}
}

static bool parse_widths(const char *s, struct widths *field)
{
	char element[64];
	int64_t width;
	struct widths w = { 0 };
	if (strcmp(s, "none") == 0)
		s = NULL;
	while (text_next_item(&s, ',', " \t", element, sizeof(element))) {
		if (w.n == NET_MAX_HIDDEN || text_parse_i64(element, &width) != TEXT_OK || width < 1 ||
			width > NET_MAX_WIDTH)
			return false;
		w.width[w.n++] = (int)width;
	}
	*field = w;
	return true;
}

static bool parse_factors(const struct option *o, const char *s, struct factors *field)
{
	const bool signs = o->type == OPTION_SIGNS;
	const double largest = signs ? 1 : 1e6, smallest = signs ? 1 : 0;
	char element[64];
	struct factors scale = { .kind = FACTORS_LIST };
	if (strcmp(s, "none") == 0 || (strcmp(s, "bounds") == 0 && !signs)) {
		scale.kind = s[0] == 'n' ? FACTORS_NONE : FACTORS_BOUNDS;
		s = NULL;
	}
	while (text_next_item(&s, ',', " \t", element, sizeof(element))) {
		double *value = &scale.value[scale.n];
		if (scale.n == FACTORS_MAX || text_parse_real(element, value) != TEXT_OK || *value == 0 ||
			is_lost(*value) || fabs(*value) > largest || fabs(*value) < smallest)
			return false;
		scale.n++;
	}
	*field = scale;
	return true;
}

static bool parse_int(const struct option *o, const char *s, int64_t *field)
{
	int64_t v;
	if (text_parse_i64(s, &v) != TEXT_OK || v < o->min || v > o->max)
		return false;
	*field = v;
	return true;
}

static bool parse_real(const struct option *o, const char *s, double *field)
{
	double v;
	if (allows_none(o) && strcmp(s, "none") == 0)
		v = (double)INFINITY;
	else if (text_parse_real(s, &v) != TEXT_OK || !in_range(o->range, v) || is_lost(v))
		return false;
	*field = v == 0 ? 0 : v; /* no -0 */
	return true;
}

static bool parse_bool(const char *s, bool *field)
{
	if (strcmp(s, "true") != 0 && strcmp(s, "false") != 0)
		return false;
	*field = s[0] == 't';
	return true;
}

static bool parse_name(const char *const *names, const char *s, int *field)
{
	const int i = text_index(s, names);
	*field = i < 0 ? *field : i;
	return i >= 0;
}

/* Every file of a run can carry it, and a terminal can show it. */
static bool is_plain_text(const char *s)
{
	int columns = 0;
	while (*s && columns >= 0)
		s += *s == '\t' ? 1 : text_char(s, &columns);
	return columns >= 0;
}

static bool set_string(struct config *c, const struct option *o, const char *s)
{
	const size_t n = strlen(s);
	char *field = (char *)c + o->offset;
	struct err ignored;
	if (n >= o->size || !is_plain_text(s) || (o->set && !o->set(c, s, &ignored)))
		return false;
	memmove(field, s, n);
	memset(field + n, 0, o->size - n);
	return true;
}

bool config_set_value(struct config *c, const struct option *o, const char *value)
{
	void *field = (char *)c + o->offset;
	switch (o->type) {
	case OPTION_SEED:
		return text_parse_u64(value, field) == TEXT_OK;
	case OPTION_INT:
		return parse_int(o, value, field);
	case OPTION_REAL:
		return parse_real(o, value, field);
	case OPTION_BOOL:
		return parse_bool(value, field);
	case OPTION_NAME:
		return parse_name(o->names, value, field);
	case OPTION_WIDTHS:
		return parse_widths(value, field);
	case OPTION_SCALE:
	case OPTION_SIGNS:
		return parse_factors(o, value, field);
	case OPTION_STRING:
		return set_string(c, o, value);
	}
	return false;
}

enum { MAX_NUMBERS = 1 + FACTORS_MAX };
_Static_assert((int)MAX_NUMBERS >= (int)NET_MAX_HIDDEN, "room for a network's widths");

/* A value as numbers that are ordered as it is; how many. A string has none. */
static int numbers_of(const struct option *o, const void *field, double x[MAX_NUMBERS])
{
	int n = 0;
	switch (o->type) {
	case OPTION_SEED:
		x[n++] = (double)(*(const uint64_t *)field >> 32);
		x[n++] = (double)(*(const uint64_t *)field & UINT32_MAX);
		break;
	case OPTION_INT:
		x[n++] = (double)*(const int64_t *)field;
		break;
	case OPTION_REAL:
		x[n++] = *(const double *)field;
		break;
	case OPTION_BOOL:
		x[n++] = *(const bool *)field;
		break;
	case OPTION_NAME:
		x[n++] = *(const int *)field;
		break;
	case OPTION_WIDTHS: {
		const struct widths *w = field;
		for (int i = 0; i < w->n; i++)
			x[n++] = w->width[i];
		break;
	}
	case OPTION_SCALE:
	case OPTION_SIGNS: {
		const struct factors *scale = field;
		x[n++] = scale->kind;
		for (int i = 0; i < scale->n; i++)
			x[n++] = scale->value[i];
		break;
	}
	case OPTION_STRING:
		break;
	}
	return n;
}

void config_print_value(const struct config *c, const struct option *o, struct text *t)
{
	const void *field = (const char *)c + o->offset;
	const bool is_factors = o->type == OPTION_SCALE || o->type == OPTION_SIGNS;
	const int first = is_factors; /* of the numbers to print: after the kind */
	double x[MAX_NUMBERS];
	const int n = numbers_of(o, field, x);
	if (o->type == OPTION_SEED)
		text_add(t, "%" PRIu64, *(const uint64_t *)field);
	else if (o->type == OPTION_INT)
		text_add(t, "%" PRId64, *(const int64_t *)field);
	else if (o->type == OPTION_BOOL)
		text_add(t, x[0] != 0 ? "true" : "false");
	else if (o->type == OPTION_NAME)
		text_add(t, "%s", o->names[*(const int *)field]);
	else if (o->type == OPTION_STRING)
		text_add(t, "%s", (const char *)field);
	else if (is_factors && x[0] == FACTORS_BOUNDS)
		text_add(t, "bounds");
	else if (n == first || (n == 1 && isinf(x[0])))
		text_add(t, "none");
	else
		for (int i = first; i < n; i++) {
			text_add(t, i > first ? "," : "");
			text_add_real(t, x[i]);
		}
}

double config_number(const struct config *c, const struct option *o)
{
	const void *field = (const char *)c + o->offset;
	return o->type == OPTION_SEED   ? (double)*(const uint64_t *)field
	       : o->type == OPTION_INT  ? (double)*(const int64_t *)field
	       : o->type == OPTION_REAL ? *(const double *)field
					: (double)NAN;
}

void config_print_brief(const struct config *c, const struct option *o, struct text *t)
{
	enum { MOST = 40, HEAD = 18, TAIL = 13 };
	char buf[CONFIG_VALUE_SIZE], hash[SHA256_HEX_SIZE];
	if (o->copy && inputs_digest(c, o)) {
		text_add(t, "sha256:%.12s", inputs_digest(c, o));
		return;
	}
	struct text value = text_into(buf, sizeof(buf));
	config_print_value(c, o, &value);
	if (value.len <= MOST) {
		text_add(t, "%s", buf);
		return;
	}
	sha256_of(buf, value.len, hash);
	text_add(t, "%.*s...%s~%.4s", (int)text_fit(buf, HEAD), buf, text_fit_end(buf, TAIL), hash);
}

int config_compare(const struct config *a, const struct config *b, const struct option *o)
{
	double x[MAX_NUMBERS], y[MAX_NUMBERS];
	const char *of_a = (const char *)a + o->offset, *of_b = (const char *)b + o->offset;
	if (o->type == OPTION_STRING)
		return strcmp(of_a, of_b);
	const int n_x = numbers_of(o, of_a, x), n_y = numbers_of(o, of_b, y);
	for (int i = 0; i < n_x && i < n_y; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return n_x - n_y;
}
