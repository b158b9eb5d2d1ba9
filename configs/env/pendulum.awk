# A pendulum to swing up and hold, in awk, as a child of dqn: Gymnasium's Pendulum-v1 with three torques.
#     dqn train configs/any.ini id=process command="awk -Winteractive -f configs/env/pendulum.awk"
# A reward is 0 if it stands still at the top, down to -16.27 if it hangs. An episode has 200 steps.
function uniform(low, high) { # Park and Miller's generator
	rng = rng * 16807 % 2147483647
	return low + (high - low) * rng / 2147483647
}

function reset(i, seed,   k) { # an episode depends on its seed and its actions alone
	rng = 0
	for (k = 1; k <= length(seed); k++) # awk's numbers are too short for 64 bits
		rng = (rng * 10 + substr(seed, k, 1)) % 2147483646
	rng++; uniform(0, 1) # the first numbers of neighbouring seeds are neighbours
	angle[i] = uniform(-3.141592653589793, 3.141592653589793); speed[i] = uniform(-1, 1)
}

function step(i, action,   torque, reward) { # the reward; the angle is 0 at the top, in -pi..pi
	torque = 2 * (action - 1)
	reward = -(angle[i] * angle[i] + 0.1 * speed[i] * speed[i] + 0.001 * torque * torque)
	speed[i] += (15 * sin(angle[i]) + 3 * torque) * 0.05
	if (speed[i] > 8) speed[i] = 8
	if (speed[i] < -8) speed[i] = -8
	angle[i] += speed[i] * 0.05
	if (angle[i] > 3.141592653589793) angle[i] -= 6.283185307179586
	if (angle[i] < -3.141592653589793) angle[i] += 6.283185307179586
	return reward
}

$1 == "quit" { exit }
$0 == "hello 1" { reply = "env Pendulum 1 obs=3 actions=3 limit=200 reward=-16.3..0 high=1,1,4 solved=-250 instances=16" }
$1 == "reset" { reset($2, $3); reply = "obs " $2 }
$1 == "step" { reply = sprintf("step %d %.9g 0 0", $2, step($2, $3)) } # dqn truncates at the limit
$1 ~ /^(reset|step)$/ { reply = reply sprintf(" %.9g %.9g %.9g", cos(angle[$2]), sin(angle[$2]), speed[$2]) }
reply == "" { print "error cannot do " $0; exit 1 }
{ print reply; fflush(); reply = "" }
