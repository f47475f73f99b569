"""What training scripts do with parameters, buffers, gradients and optimizers."""

import copy

from compat_tests.semantics.observe import attempt


def _leaf(torch, *values):
    return torch.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


def _net(torch):
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    with torch.no_grad():
        for i, p in enumerate(net.parameters()):
            p.copy_((torch.arange(p.numel(), dtype=torch.float32).view_as(p) - 3 + i) * 0.1)
    return net


def _data(torch):
    return torch.arange(6.0).view(2, 3) / 6, torch.tensor([0, 1])


def _loss(torch, net):
    x, y = _data(torch)
    return torch.nn.functional.cross_entropy(net(x), y)


def _state(net):
    return [p.detach().clone() for p in net.parameters()]


def plain_training_loop(torch):
    net = _net(torch)
    opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(5):
        opt.zero_grad()
        loss = _loss(torch, net)
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return losses, _state(net), [p._version for p in net.parameters()]


def adam_keeps_objects(torch):
    net = _net(torch)
    before = list(net.parameters())
    pointers = [p.data_ptr() for p in before]
    opt = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(3):
        opt.zero_grad()
        _loss(torch, net).backward()
        opt.step()
    after = list(net.parameters())
    same = all(a is b for a, b in zip(before, after, strict=True))
    return same, pointers == [p.data_ptr() for p in after], _state(net)


def views_of_parameters_see_steps(torch):
    w = torch.nn.Parameter(torch.ones(4))
    view, detached, array = w.data[1:], w.detach(), w.detach().numpy()
    opt = torch.optim.SGD([w], lr=0.5)
    (w * torch.arange(4.0)).sum().backward()
    opt.step()
    return view, detached, array.tolist(), w


def zero_grad_forms(torch):
    w = _leaf(torch)
    opt = torch.optim.SGD([w], lr=0.1)
    w.sum().backward()
    g = w.grad
    opt.zero_grad(set_to_none=False)
    first = w.grad is g, g.clone()
    opt.zero_grad()
    return first, w.grad


def gradient_accumulation_steps(torch):
    net = _net(torch)
    for _ in range(3):
        (_loss(torch, net) / 3).backward()
    return [p.grad for p in net.parameters()]


def gradient_clipping(torch):
    net = _net(torch)
    (_loss(torch, net) * 100).backward()
    norm = torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    grads = [p.grad.clone() for p in net.parameters()]
    torch.nn.utils.clip_grad_value_(net.parameters(), 0.1)
    return norm, grads, [p.grad for p in net.parameters()]


def frozen_layers(torch):
    net = _net(torch)
    for p in net[0].parameters():
        p.requires_grad_(False)
    _loss(torch, net).backward()
    return [p.grad is None for p in net.parameters()], [p.requires_grad for p in net.parameters()]


def exponential_moving_average(torch):
    net = _net(torch)
    ema = copy.deepcopy(net)
    opt = torch.optim.SGD(net.parameters(), lr=0.5)
    for _ in range(2):
        opt.zero_grad()
        _loss(torch, net).backward()
        opt.step()
        with torch.no_grad():
            for e, p in zip(ema.parameters(), net.parameters(), strict=True):
                e.mul_(0.9).add_(p, alpha=0.1)
    return _state(ema), _state(net)


def ema_through_state_dict(torch):
    net = _net(torch)
    shadow = {k: v.clone() for k, v in net.state_dict().items()}
    with torch.no_grad():
        net[0].weight.fill_(1)
    for k, v in net.state_dict().items():
        shadow[k].lerp_(v, 0.25)
    return shadow


def state_dict_shares_memory(torch):
    net = _net(torch)
    state = net.state_dict()
    state["0.weight"].zero_()
    state["2.bias"][0] = 7
    return net[0].weight, net[2].bias, state["0.weight"].requires_grad


def load_state_dict_writes_in_place(torch):
    net, other = _net(torch), _net(torch)
    with torch.no_grad():
        other[0].weight.add_(5)
    w = net[0].weight
    seen = w.data[0]
    net.load_state_dict(other.state_dict())
    other[0].weight.data.zero_()
    return net[0].weight is w, seen, w


def load_state_dict_errors(torch):
    net = _net(torch)
    wrong = {k: v for k, v in net.state_dict().items() if k != "0.bias"}
    errors = [type(attempt(net.load_state_dict, wrong)).__name__]
    wrong["0.bias"] = torch.zeros(9)
    errors.append(type(attempt(net.load_state_dict, wrong)).__name__)
    return errors


def target_network_copy(torch):
    a, b = _net(torch), _net(torch)
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        p.data.copy_(q.data * 2)
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        q.data = p.data.clone()
    return _state(a), _state(b)


def weight_tying(torch):
    net = torch.nn.Sequential(torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(2, 2, bias=False))
    net[1].weight = net[0].weight
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    net(torch.ones(1, 2)).sum().backward()
    return len(list(net.parameters())), net[1].weight.grad, net[0].weight is net[1].weight


def sgd_by_data(torch):
    w = _leaf(torch)
    for _ in range(3):
        loss = (w**2).sum()
        loss.backward()
        w.data -= 0.1 * w.grad.data
        w.grad.data.zero_()
    return w, w.grad


def sgd_by_reassignment(torch):
    w = _leaf(torch)
    for _ in range(2):
        loss = (w**2).sum()
        (g,) = torch.autograd.grad(loss, w)
        w = (w - 0.1 * g).detach().requires_grad_()
    return w


def truncated_backpropagation(torch):
    w = torch.tensor(0.5, requires_grad=True)
    h = torch.zeros(2)
    for i in range(4):
        h = torch.tanh(h * w + i)
        if i % 2:
            h.sum().backward()
            h = h.detach()
    return w.grad, h


def hidden_state_without_detach(torch):
    w = torch.tensor(0.5, requires_grad=True)
    h = torch.tanh(w * torch.ones(2))
    h.sum().backward()
    h = torch.tanh(h * w)
    return attempt(h.sum().backward)


def running_statistics(torch):
    bn = torch.nn.BatchNorm1d(2, momentum=0.5)
    mean = bn.running_mean
    x = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    bn(x)
    bn(x * 2)
    bn.eval()
    return bn.running_mean is mean, mean, bn.running_var, bn.num_batches_tracked, bn(x)


def buffers_in_place(torch):
    class Counter(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("n", torch.zeros(1))
            self.register_buffer("queue", torch.zeros(4, 2))

        def forward(self, x):
            at = int(self.n.item()) % 4
            self.queue[at : at + 1] = x.detach()
            self.n += 1
            return x + self.queue.sum()

    m = Counter()
    x = torch.ones(1, 2, requires_grad=True)
    out = [m(x * i).sum() for i in range(3)]
    sum(out).backward()
    return m.queue, m.n, x.grad, m.queue.requires_grad


def modified_weight_between_forward_and_backward(torch):
    net = _net(torch)
    loss = _loss(torch, net)
    with torch.no_grad():
        net[2].weight.add_(1)
    return type(attempt(loss.backward)).__name__


def modified_bias_between_forward_and_backward(torch):
    net = _net(torch)
    loss = _loss(torch, net)
    with torch.no_grad():
        net[2].bias.add_(1)
    loss.backward()
    return [p.grad for p in net.parameters()]


def two_losses_one_graph(torch):
    net = _net(torch)
    x, y = _data(torch)
    out = net(x)
    a = torch.nn.functional.cross_entropy(out, y)
    b = out.pow(2).mean()
    a.backward(retain_graph=True)
    b.backward()
    return [p.grad for p in net.parameters()]


def alternating_networks(torch):
    g, d = torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        g.weight.fill_(0.5)
        d.weight.fill_(0.25)
    og, od = torch.optim.SGD(g.parameters(), lr=0.1), torch.optim.SGD(d.parameters(), lr=0.1)
    z = torch.ones(3, 2)
    for _ in range(2):
        fake = g(z)
        od.zero_grad()
        d(fake.detach()).mean().backward()
        od.step()
        og.zero_grad()
        (-d(fake).mean()).backward()
        og.step()
    return g.weight, d.weight, d.weight.grad


def mutating_lists_of_losses(torch):
    w = _leaf(torch)
    total = 0
    history = []
    for i in range(3):
        loss = (w * i).sum()
        total += loss
        history.append(loss.detach())
    total.backward()
    return total, history, w.grad


def running_total_in_place(torch):
    w = _leaf(torch)
    total = torch.zeros(())
    for i in range(3):
        total += (w * i).sum()
    total.backward()
    return total, w.grad


def metrics_on_detached(torch):
    w = _leaf(torch)
    logits = torch.stack([w, -w])
    right = (logits.argmax(1) == torch.tensor([2, 0])).float().mean()
    return right, right.item(), logits.max(1).indices, logits.softmax(1).detach().requires_grad


def parameters_to_vector_round_trip(torch):
    net = _net(torch)
    v = torch.nn.utils.parameters_to_vector(net.parameters())
    torch.nn.utils.vector_to_parameters(v.detach() * 2, net.parameters())
    return v, _state(net)


def module_hooks(torch):
    net = _net(torch)
    log = []
    net[0].register_forward_hook(lambda m, i, o: log.append(tuple(o.shape)))
    net[2].register_forward_pre_hook(lambda m, i: (i[0] * 2,))
    net[0].register_full_backward_hook(lambda m, gi, go: log.append(tuple(go[0].shape)))
    _loss(torch, net).backward()
    return log, [p.grad for p in net.parameters()]


def gradient_of_input_image(torch):
    net = _net(torch)
    x = torch.ones(1, 3, requires_grad=True)
    for _ in range(2):
        net(x)[0, 1].backward()
        with torch.no_grad():
            x += 0.1 * x.grad.sign()
        x.grad = None
    return x, x.grad, x._version


def optimizer_on_views_refused(torch):
    w = _leaf(torch)
    return attempt(torch.optim.SGD, [w[1:]], lr=0.1), attempt(torch.optim.SGD, [], lr=0.1)


def optimizer_state_after_copy(torch):
    w = _leaf(torch)
    opt = torch.optim.Adam([w], lr=0.1)
    for _ in range(2):
        opt.zero_grad()
        (w**2).sum().backward()
        opt.step()
    state = opt.state_dict()["state"][0]
    return state["step"], state["exp_avg"], state["exp_avg_sq"], w


def closure_steps(torch):
    w = _leaf(torch)
    opt = torch.optim.LBFGS([w], lr=0.5, max_iter=3)

    def closure():
        opt.zero_grad()
        loss = ((w - 1) ** 2).sum()
        loss.backward()
        return loss

    first = opt.step(closure)
    return first, w


def masks_and_padding(torch):
    x = torch.arange(6.0).view(2, 3).requires_grad_()
    mask = torch.tensor([[True, True, False], [True, False, False]])
    mean = (x * mask).sum(1) / mask.sum(1)
    scores = x.masked_fill(~mask, float("-inf")).softmax(1)
    (mean.sum() + (scores * x).sum()).backward()
    return mean, scores, x.grad


def attention_by_hand(torch):
    q = (torch.arange(12.0).view(1, 2, 3, 2) / 10).requires_grad_()
    k = q * 0.5
    att = (q @ k.transpose(-2, -1)) / 2**0.5
    causal = torch.tril(torch.ones(3, 3)).bool()
    att = att.masked_fill(~causal, float("-inf")).softmax(-1)
    out = (att @ q).transpose(1, 2).contiguous().view(1, 3, 4)
    out.sum().backward()
    return out, q.grad


def policy_gradient_episode(torch):
    w = torch.zeros(2, 2, requires_grad=True)
    state = torch.tensor([1.0, 0.5])
    log_probs, rewards = [], []
    for t in range(3):
        p = torch.log_softmax(state @ w, 0)
        log_probs.append(p[t % 2])
        rewards.append(float(t))
        state = state * 0.9
    returns = torch.tensor(rewards).flip(0).cumsum(0).flip(0)
    loss = -(torch.stack(log_probs) * returns).sum()
    loss.backward()
    return loss, w.grad


def replay_buffer(torch):
    states = torch.zeros(4, 2)
    actions = torch.zeros(4, dtype=torch.long)
    for i in range(6):
        states[i % 4] = torch.tensor([i, i + 0.5])
        actions[i % 4] = i % 3
    batch = torch.tensor([1, 3, 0])
    q = torch.nn.functional.one_hot(actions[batch], 3) * states[batch].sum(1, keepdim=True)
    return states, actions, q, q.gather(1, actions[batch].unsqueeze(1)).squeeze(1)


def beam_scores(torch):
    scores = torch.tensor([[0.1, 0.7, 0.2], [0.6, 0.3, 0.1]]).log()
    total = torch.tensor([[-0.5], [-1.0]]) + scores
    best, flat = total.view(-1).topk(2)
    beams, tokens = flat // 3, flat % 3
    return best, beams, tokens, torch.cat([beams[:, None], tokens[:, None]], 1)


def greedy_decoding_buffer(torch):
    table = torch.eye(5).roll(1, 1)
    out = torch.zeros(1, 6, dtype=torch.long)
    token = torch.tensor([0])
    for i in range(6):
        token = table[token].argmax(-1)
        out[:, i] = token
        if token.item() == 4:
            break
    return out, out[0, : i + 1].tolist()
