#!/usr/bin/env python3
"""Computes every number of `dqn trace` again, in double and with nothing but Python's library.

    check_trace.py TRACE.json TRACE.txt [what the trace must hold ...]
"""
import json, math, re, sys

trace = json.load(open(sys.argv[1]))
text = open(sys.argv[2]).read().split('\n')
want = sys.argv[3:]
config, batch, size = trace['config'], trace['batch'], trace['batch']['size']
tensors = {t['name']: t for t in trace['parameters']}
n_compared = 0
seen = set()


def near(what, got, wanted, tol=2e-6, scale=0.0):
    """tol: relative to the larger of both, or to `scale`; a float's last bit is
    6e-8. Moments below 2^-100 are 0."""
    global n_compared
    n_compared += 1
    if not abs(got - wanted) <= tol * max(abs(got), abs(wanted), scale) + 2.0**-99:
        sys.exit(f'{sys.argv[1]}: {what}: printed {got!r}, computed {wanted!r}')


def same(what, got, wanted):
    if got != wanted:
        sys.exit(f'{sys.argv[1]}: {what}: printed {got!r}, computed {wanted!r}')


# --- the minibatch ---

def ends(i):
    return batch['terminated'][i] or batch['truncated'][i]

late = 2 * trace['step_of_run'] >= config['total_timesteps']
same('n_steps', trace['n_steps'], late and config['n_steps_final'] or config['n_steps'])
if trace['n_steps'] != config['n_steps']:
    seen.add('late')
for i in range(size):
    gamma, n = config['gamma'], trace['n_steps']
    rewards = [r for r in batch['r'][i] if r is not None] if n > 1 else [batch['reward'][i]]
    k = len(rewards)
    last = (batch['slot'][i] + k - 1) % config['buffer_size']
    assert 1 <= k <= n and (k == n or ends(i) or last == trace['newest'])
    seen.add('short' if k < n else 'whole')
    if batch['terminated'][i]:
        seen.add('terminated')
        if 1 < k < n:
            seen.add('short-and-terminated')
    if batch['truncated'][i]:
        seen.add('truncated')
    if batch.get('mirrored', [0] * size)[i]:
        seen.add('mirrored')
    near('reward', batch['reward'][i], sum(gamma**j * r for j, r in enumerate(rewards)))
    near('discount', batch['discount'][i], 0 if batch['terminated'][i] else gamma**k)

weight = [1.0] * size
if config['prioritized']:
    beta0 = config['per_beta0']
    near('beta', trace['beta'],
         beta0 + (1 - beta0) * min(1, trace['step_of_run'] / config['total_timesteps']))
    least = min(batch['priority'])
    for i in range(size):
        p = batch['priority'][i]
        near('probability', batch['probability'][i], p / trace['priority_total'])
        near('weight', batch['weight'][i], (p / least)**-trace['beta'])
    weight = batch['weight']
    if min(weight) < 1:
        seen.add('weighted')

# --- the network ---

layers = [n[:-7] for n in tensors if n.endswith('.weight')]
hidden = [layer for layer in layers if layer.isdigit()]
dueling = 'value' in layers
if not dueling:
    hidden.pop()


def parameters(column):
    """{layer: (rows of weights, biases)}"""
    out = {}
    for layer in layers:
        n_in = tensors[layer + '.weight']['shape'][1]
        flat = tensors[layer + '.weight'][column]
        out[layer] = ([flat[j:j + n_in] for j in range(0, len(flat), n_in)],
                      list(tensors[layer + '.bias'][column]))
    return out


def linear(layer, x):
    return [math.fsum([b] + [w * v for w, v in zip(row, x)]) for row, b in zip(*layer)]


def forward(net, x):
    """The outputs of all layers: hidden ones, then V and A if there are, then Q."""
    acts = [x]
    relu = config['activation'] == 'relu'
    for name in hidden:
        acts.append([max(v, 0.0) if relu else math.tanh(v) for v in linear(net[name], acts[-1])])
    if not dueling:
        return acts, None, None, linear(net[layers[-1]], acts[-1])
    half = len(acts[-1]) // 2 if hidden else 0
    v = linear(net['value'], acts[-1][:half] if hidden else x)[0]
    a = linear(net['advantage'], acts[-1][half:])
    return acts, v, a, [v + q - sum(a) / len(a) for q in a]


before, target = parameters('before'), parameters('target_before')
activations, q_scale = [], 0.0
for i in range(size):
    acts, v, a, q = forward(before, batch['obs'][i])
    activations.append(acts)
    scale = max(map(abs, q)) + 1
    if dueling:
        near('value', batch['value'][i], v, 1e-5, scale)
        for got, wanted in zip(batch['advantage'][i], a):
            near('advantage', got, wanted, 1e-5, scale)
        mean = sum(batch['advantage'][i]) / len(a)
        for got, adv in zip(batch['q'][i], batch['advantage'][i]):
            near('q = value + advantage - mean', got, batch['value'][i] + adv - mean, 1e-6, scale)
    for got, wanted in zip(batch['q'][i], q):
        near('q', got, wanted, 1e-5, scale)
    for column, net in ('next_q', before), ('next_q_target', target):
        q = forward(net, batch['next_obs'][i])[3]
        for got, wanted in zip(batch[column][i], q):
            near(column, got, wanted, 1e-5, max(map(abs, q)) + 1)

# --- targets, errors, loss ---

def loss_of(d):
    if config['loss'] == 'mse':
        return d * d, 2 * d
    return (0.5 * d * d, d) if abs(d) < 1 else (abs(d) - 0.5, math.copysign(1, d))


losses = []
for i in range(size):
    judge = batch['next_q'][i] if config['double_q'] else batch['next_q_target'][i]
    allowed = [a for a in range(len(judge)) if 'next_mask' not in batch or batch['next_mask'][i][a]]
    if len(allowed) < len(judge):
        seen.add('masked')
    allowed = allowed or list(range(len(judge)))
    best = max(allowed, key=lambda a: judge[a])
    same('best_action', batch['best_action'][i], best)
    if best != max(allowed, key=lambda a: batch['next_q_target'][i][a]):
        seen.add('double')
    y = batch['reward'][i] + batch['discount'][i] * batch['next_q_target'][i][best]
    if config['clip_targets']:
        clipped = min(max(y, trace['target_low']), trace['target_high'])
        seen.update({'target-clipped'} if clipped != y else ())
        y = clipped
    near('y', batch['y'][i], y, 1e-7)
    d = batch['q'][i][batch['action'][i]] - batch['y'][i]
    near('td_error', batch['td_error'][i], d, 1e-7)
    loss, derivative = loss_of(d)
    seen.add('linear' if abs(d) >= 1 else 'square')
    near('loss', batch['loss'][i], loss, 1e-9)
    near('derivative', batch['derivative'][i], derivative, 1e-9)
    near('d_q', batch['d_q'][i], weight[i] * derivative / size, 1e-7)
    losses.append(weight[i] * loss)
near('mean_loss', trace['mean_loss'], math.fsum(losses) / size, 1e-9)
near('q_mean', trace['q_mean'], math.fsum(q[a] for q, a in zip(batch['q'], batch['action'])) / size)
near('y_mean', trace['y_mean'], math.fsum(batch['y']) / size)

# --- the gradient, by hand ---

gradient = {layer: ([[0.0] * len(row) for row in net[0]], [0.0] * len(net[1]))
            for layer, net in before.items()}


def backward(layer, x, dy):
    """Adds to the gradient of a layer; returns d(loss)/dx."""
    dw, db = gradient[layer]
    dx = [0.0] * len(x)
    for j, g in enumerate(dy):
        if g:
            db[j] += g
            row, w = dw[j], before[layer][0][j]
            for k, v in enumerate(x):
                row[k] += g * v
                dx[k] += g * w[k]
    return dx


for i in range(size):
    acts, n = activations[i], len(batch['q'][i])
    dq = [0.0] * n
    dq[batch['action'][i]] = batch['d_q'][i]
    if dueling:
        half = len(acts[-1]) // 2 if hidden else 0
        dv = backward('value', acts[-1][:half] if hidden else acts[0], [sum(dq)])
        da = backward('advantage', acts[-1][half:], [g - sum(dq) / n for g in dq])
        dx = dv + da
    else:
        dx = backward(layers[-1], acts[-1], dq)
    for at in range(len(hidden) - 1, -1, -1):
        y = acts[at + 1]
        relu = config['activation'] == 'relu'
        dy = [(g if v > 0 else 0.0) if relu else g * (1 - v * v) for g, v in zip(dx, y)]
        dx = backward(hidden[at], acts[at], dy)

flat = {}
for layer in layers:
    flat[layer + '.weight'] = [g for row in gradient[layer][0] for g in row]
    flat[layer + '.bias'] = gradient[layer][1]
largest = max(abs(g) for t in tensors.values() for g in t['gradient'])
for name, t in tensors.items():
    same('shape of ' + name, math.prod(t['shape']), len(t['before']))
    for got, wanted in zip(t['gradient'], flat[name]):
        near('gradient of ' + name, got, wanted, 2e-5, largest)

for s in trace['shown']:
    t, at = tensors[s['tensor']], s['index']
    index = re.search(r'\[([\d,]+)\]', s['name'])[1].split(',')
    same('index', at, int(index[0]) if len(index) == 1 else
         int(index[0]) * t['shape'][1] + int(index[1]))
    same('largest', abs(t['gradient'][at]), max(map(abs, t['gradient'])))
    near('central difference', s['central_difference'],
         (s['loss_high'] - s['loss_low']) / (s['high'] - s['low']), 1e-9)
    for column, x in ('loss_low', s['low']), ('loss_high', s['high']):
        keep, t['before'][at] = t['before'][at], x
        net = parameters('before')
        t['before'][at] = keep
        loss = [w * loss_of(forward(net, o)[3][a] - y)[0] for w, o, a, y in
                zip(weight, batch['obs'], batch['action'], batch['y'])]
        near(column, s[column], math.fsum(loss) / size, 1e-5, trace['mean_loss'])
    near('gradient and central difference of ' + s['name'], t['gradient'][at],
         s['central_difference'], 0.03, 0.1 * largest)

# --- clipping, Adam, the weights, the networks that follow ---

norm = math.sqrt(math.fsum(g * g for t in tensors.values() for g in t['gradient']))
near('norm', trace['norm'], norm)
most = config['max_grad_norm']
scale = min(1, most / (norm + 1e-6)) if most > 0 else 1
near('scale', trace['scale'], scale)
seen.update({'clipped'} if scale < 1 else ())
b1, b2, t_ = config['adam_beta1'], config['adam_beta2'], trace['t']
same('t', t_, trace['update'])
rate = config['learning_rate']
if config['learning_rate_schedule'] == 'linear':
    rate *= 1 - trace['step_of_run'] / config['total_timesteps']
near('learning_rate', trace['learning_rate'], rate)
near('step_size', trace['step_size'], rate / (1 - b1**t_))
near('rsqrt_bias2', trace['rsqrt_bias2'], 1 / math.sqrt(1 - b2**t_))
due = trace['step_of_run'] % config['target_update_interval'] == 0
if config['gradient_steps'] == 1:
    same('due', trace['due'], int(due))
seen.update({'due'} if trace['due'] else ())
for name, t in tensors.items():
    for i, g in enumerate(t['gradient']):
        g *= trace['scale']
        m = b1 * t['m_before'][i] + (1 - b1) * g
        v = b2 * t['v_before'][i] + (1 - b2) * g * g
        near('m', t['m'][i], m, 1e-5, abs(t['m_before'][i]) + 1e-30)
        near('v', t['v'][i], v, 1e-5, 1e-30)
        step = -rate * t['m'][i] / (1 - b1**t_) / (
            math.sqrt(t['v'][i] / (1 - b2**t_)) + config['adam_eps'])
        after = t['after'][i]
        near('after', after, t['before'][i] + step, 1e-6, abs(step))
        near('step', t['step'][i], step, 1e-5, abs(after) / 50)
        near('step, exactly', t['step'][i], after - t['before'][i], 0)
        if 'average_after' in t:
            decay = config['ema_decay']
            near('average', t['average_after'][i],
                 decay * t['average_before'][i] + (1 - decay) * after, 1e-6, abs(after))
        tau = config['tau'] if trace['due'] else 0
        near('target', t['target_after'][i],
             tau * after + (1 - tau) * t['target_before'][i], 1e-6, abs(after))

if config['prioritized']:
    last = {}
    for i in range(size):
        last[batch['slot'][i]] = (abs(batch['td_error'][i]) + config['per_eps'])**config['per_alpha']
    for i in range(size):
        near('priority_after', batch['priority_after'][i], last[batch['slot'][i]])
    largest = max(map(abs, batch['td_error'])) + config['per_eps']
    near('max_priority', max(trace['max_priority'], largest), trace['max_priority'])

# --- the text: the same numbers in fewer digits ---

def of_text(word, exact, what):
    global n_compared
    if exact is None:
        same(what, word, '-')
        return
    n_compared += 1
    digits = 0 if exact == 0 else 10.0**(math.floor(math.log10(abs(exact))) - 5) / 2
    if exact == math.floor(exact) and abs(exact) < 1e12:
        digits = 0
    if not abs(float(word) - exact) <= digits * 1.0001:
        sys.exit(f'{sys.argv[2]}: {what}: {word} is not {exact!r}')


def exact_of(column, row):
    name, _, index = column.partition('[')
    if row.isdigit():
        x = batch[name][int(row)]
        return x[int(index[:-1])] if index else x
    s = next(s for s in trace['shown'] if s['name'] == row)
    return s[name] if name in s else tensors[s['tensor']][name][s['index']]


header, n_rows = None, {}
for line in text:
    if len(line) > 100:
        sys.exit(f'{sys.argv[2]}: longer than 100 columns: {line}')
    words = line.split()
    if re.match(r'  \w+ = ', line):
        for pair in line.strip().split(', '):
            name, word = pair.split(' = ')
            of_text(word, trace[name], name)
    elif words[:1] in (['row'], ['parameter']):
        header = words
        n_rows[line] = 0
        table = line
    elif header and words and (words[0].isdigit() or '[' in words[0]) and len(words) == len(header):
        n_rows[table] += 1
        for column, word in zip(header[1:], words[1:]):
            of_text(word, exact_of(column, words[0]), column)
    elif words and not re.match(r'[A-Z]', line):
        sys.exit(f'{sys.argv[2]}: what is this: {line}')
    else:
        header = None
shown_columns = {w.partition('[')[0] for t in n_rows for w in t.split()[1:]}
missing = {c for c in batch if c != 'size' and (c != 'weight' or config['prioritized'])}
missing |= {c for t in trace['parameters'] for c in t} - {'name', 'shape'}
missing -= shown_columns
if missing:
    sys.exit(f'{sys.argv[2]}: not shown: {missing}')
if set(n_rows.values()) - {min(4, size), len(trace['shown'])}:
    sys.exit(f'{sys.argv[2]}: rows: {n_rows}')

for w in want:
    if w not in seen:
        sys.exit(f'{sys.argv[1]}: has no case of: {w}; it has {sorted(seen)}')
print(f'{n_compared} numbers, {", ".join(sorted(seen))}')
