// CartPole-v1 in JavaScript, as a child of dqn: copy and change it.
//     dqn train configs/cartpole.ini id=process command="node configs/env/cartpole.js"
const reset = (seed) => { // an episode depends on its seed and its actions alone
    let rng = BigInt(seed);
    return [0, 1, 2, 3].map(() => {
        let z = rng = BigInt.asUintN(64, rng + 0x9e3779b97f4a7c15n); // splitmix64
        z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
        z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
        return -0.05 + 0.1 * Number((z ^ (z >> 31n)) >> 11n) / 2 ** 53;
    });
};

const step = ([x, xDot, theta, thetaDot], action) => { // the next state
    const sin = Math.sin(theta), cos = Math.cos(theta);
    const temp = ((action === 1 ? 10 : -10) + 0.05 * (thetaDot * thetaDot) * sin) / 1.1;
    const thetaAcc = (9.8 * sin - cos * temp) / (0.5 * (4 / 3 - 0.1 * (cos * cos) / 1.1));
    const xAcc = temp - 0.05 * thetaAcc * cos / 1.1;
    return [x + 0.02 * xDot, xDot + 0.02 * xAcc, theta + 0.02 * thetaDot, thetaDot + 0.02 * thetaAcc];
};

const states = []; // of 16 episodes side by side
const answer = (word, i, n) => {
    if (word === "hello" && i === "1")
        return "env CartPole 1 obs=4 actions=2 limit=500 reward=1..1 solved=475 "
            + "high=2.4,3,0.20943951023931953,3 instances=16";
    if (word === "reset") return `obs ${i} ${(states[i] = reset(n)).join(" ")}`;
    if (word === "quit") process.exit(0);
    if (word !== "step") process.exit(console.log("error cannot do", word) ?? 1);
    const s = states[i] = step(states[i], Number(n));
    const terminated = Math.abs(s[0]) > 2.4 || Math.abs(s[2]) > 12 * 2 * Math.PI / 360;
    return `step ${i} 1 ${Number(terminated)} 0 ${s.join(" ")}`; // dqn itself truncates at the limit
};

require("readline").createInterface({ input: process.stdin }) // until "quit" or the end of file
    .on("line", (line) => process.stdout.write(answer(...line.split(" ")) + "\n"));
