/* CartPole-v1 in C, as a child of dqn: copy and change it. Build: cc -O2 -o cartpole configs/env/cartpole.c -lm */
#include <math.h>
#include <stdio.h>
#include <string.h>

static void reset(double *x, unsigned long long seed) /* an episode depends on its seed and its actions alone */
{
	for (int k = 0; k < 4; k++) /* Knuth's generator */
		seed = seed * 6364136223846793005 + 1442695040888963407,
		x[k] = -0.05 + 0.1 * (double)(seed >> 11) / 9007199254740992.0;
}

static int step(double *x, int action) /* x, x_dot, theta, theta_dot; returns whether the episode terminated */
{
	double s = sin(x[2]), c = cos(x[2]), temp = ((action == 1 ? 10.0 : -10.0) + 0.05 * (x[3] * x[3]) * s) / 1.1;
	double theta_acc = (9.8 * s - c * temp) / (0.5 * (4.0 / 3.0 - 0.1 * (c * c) / 1.1));
	x[0] += 0.02 * x[1], x[1] += 0.02 * (temp - 0.05 * theta_acc * c / 1.1);
	x[2] += 0.02 * x[3], x[3] += 0.02 * theta_acc;
	return fabs(x[0]) > 2.4 || fabs(x[2]) > 12 * 2 * 3.141592653589793 / 360;
}

int main(void) /* a line in, a line out, until "quit" or the end of file; i is one of 16 episodes side by side */
{
	static double x[16][4];
	unsigned long long i, n;
	for (char line[100]; fgets(line, sizeof(line), stdin) && strcmp(line, "quit\n") != 0; fflush(stdout)) {
		if (strcmp(line, "hello 1\n") == 0) {
			puts("env CartPole 1 obs=4 actions=2 limit=500 reward=1..1 solved=475 "
			     "high=2.4,3,0.20943951023931953,3 instances=16");
			continue;
		} else if (sscanf(line, "reset %llu %llu", &i, &n) == 2 && i < 16)
			reset(x[i], n), printf("obs %llu", i);
		else if (sscanf(line, "step %llu %llu", &i, &n) == 2 && i < 16)
			printf("step %llu 1 %d 0", i, step(x[i], (int)n)); /* dqn itself truncates at the limit */
		else
			return printf("error cannot do %s", line), 1;
		printf(" %.9g %.9g %.9g %.9g\n", x[i][0], x[i][1], x[i][2], x[i][3]);
	}
}
