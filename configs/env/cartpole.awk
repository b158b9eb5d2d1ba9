# CartPole-v1 in awk, as a child of dqn: copy and change it. -Winteractive: mawk reads line by line; others ignore it.
#     dqn train configs/cartpole.ini id=process command="awk -Winteractive -f configs/env/cartpole.awk"
function uniform(low, high) { # Park and Miller's generator
	rng = rng * 16807 % 2147483647
	return low + (high - low) * rng / 2147483647
}

# busybox awk may have no sin(); this one is exact enough for |a| < 0.3.
function sine(a,   q) { q = a * a; return a * (1 - q / 6 * (1 - q / 20 * (1 - q / 42 * (1 - q / 72 * (1 - q / 110))))) }
function cosine(a) { a = sine(a / 2); return 1 - 2 * a * a }

function reset(i, seed,   k) { # an episode depends on its seed and its actions alone
	rng = 0
	for (k = 1; k <= length(seed); k++) # awk's numbers are too short for 64 bits
		rng = (rng * 10 + substr(seed, k, 1)) % 2147483646
	rng++; uniform(0, 1) # the first numbers of neighbouring seeds are neighbours
	x[i] = uniform(-0.05, 0.05); x_dot[i] = uniform(-0.05, 0.05)
	theta[i] = uniform(-0.05, 0.05); theta_dot[i] = uniform(-0.05, 0.05)
}

function step(i, action,   s, c, temp, theta_acc, x_acc) { # whether it terminated; -v gravity=12: on a heavier planet
	s = sine(theta[i]); c = cosine(theta[i])
	temp = ((action == 1 ? 10 : -10) + 0.05 * (theta_dot[i] * theta_dot[i]) * s) / 1.1
	theta_acc = ((gravity ? gravity : 9.8) * s - c * temp) / (0.5 * (4 / 3 - 0.1 * (c * c) / 1.1))
	x_acc = temp - 0.05 * theta_acc * c / 1.1
	x[i] += 0.02 * x_dot[i]; x_dot[i] += 0.02 * x_acc
	theta[i] += 0.02 * theta_dot[i]; theta_dot[i] += 0.02 * theta_acc
	return x[i] < -2.4 || x[i] > 2.4 || theta[i] < -0.20943951023931953 || theta[i] > 0.20943951023931953
}

# A line in, a line out, until "quit" or the end of file; $2 is one of 16 episodes side by side.
$1 == "quit" { exit }
$0 == "hello 1" { reply = "env CartPole 1 obs=4 actions=2 limit=500 reward=1..1 solved=475" \
	" high=2.4,3,0.20943951023931953,3 instances=16" }
$1 == "reset" { reset($2, $3); reply = "obs " $2 }
$1 == "step" { reply = "step " $2 " 1 " step($2, $3) " 0" } # dqn truncates at the limit
$1 ~ /^(reset|step)$/ { reply = reply sprintf(" %.9g %.9g %.9g %.9g", x[$2], x_dot[$2], theta[$2], theta_dot[$2]) }
reply == "" { print "error cannot do " $0; exit 1 }
{ print reply; fflush(); reply = "" }
