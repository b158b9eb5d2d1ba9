# A maze of 25 rooms in awk, as a child of dqn: 50 x 50 cells, one-hot observations, and a mask that forbids walls.
#     dqn train configs/maze.ini
# An episode starts in any cell and ends at the goal in the middle; each step costs 1. -Winteractive has mawk read line
# by line; other awks ignore it.
function is_wall(x, y,   in_x, in_y, along) { # rooms of 5 x 5, and corridors of 5 x 2 between them
	in_x = x % 10 >= 2 && x % 10 <= 6
	in_y = y % 10 >= 2 && y % 10 <= 6
	if (in_x && in_y)
		return 0
	if (!in_x && !in_y || x < 2 || x > 46 || y < 2 || y > 46)
		return 1
	along = (in_x ? x : y) % 10 - 2 - (3 * int((x + 3) / 10) + int((y + 3) / 10)) % 4
	return along != 0 && along != 1
}

BEGIN {
	split("1 -1 50 -50", move) # right, left, down, up: from cell x + 50 y
	goal = 24 + 50 * 24
	for (y = 0; y < 50; y++)
		for (x = 0; x < 50; x++) {
			zeros = zeros " 0"
			if (is_wall(x, y))
				continue
			cell = x + 50 * y
			mask[cell] = !is_wall(x + 1, y) "" !is_wall(x - 1, y) !is_wall(x, y + 1) !is_wall(x, y - 1)
			if (cell != goal)
				starts[n_starts++] = cell
		}
}

function random(n) { # 0 to n - 1, by Park and Miller's generator
	rng = rng * 16807 % 2147483647
	return int(n * rng / 2147483647)
}

function reset(i, seed,   k) { # an episode depends on its seed and its actions alone
	rng = 0
	for (k = 1; k <= length(seed); k++) # awk's numbers are too short for 64 bits
		rng = (rng * 10 + substr(seed, k, 1)) % 2147483646
	rng++; random(1) # the first numbers of neighbouring seeds are neighbours
	at[i] = starts[random(n_starts)]
}

function step(i, action) {
	if (substr(mask[at[i]], action + 1, 1) == 1)
		at[i] += move[action + 1]
	return "-1 " (at[i] == goal) " 0" # reward, terminated, truncated: dqn applies the limit
}

function observation(c) { return substr(zeros, 1, 2 * c) " 1" substr(zeros, 2 * c + 3) " mask " mask[c] }

# A line in, a line out, until "quit" or the end of file; $2 is one of 16 episodes side by side.
$1 == "quit" { exit }
$0 == "hello 1" { reply = "env Maze 1 obs=2500 actions=4 limit=200 reward=-1..-1 solved=-30 instances=16 masks=1" }
$1 == "reset" { reset($2, $3); reply = "obs " $2 observation(at[$2]) }
$1 == "step" { reply = "step " $2 " " step($2, $3); reply = reply observation(at[$2]) }
reply == "" { print "error cannot do " $0; exit 1 }
{ print reply; fflush(); reply = "" }
