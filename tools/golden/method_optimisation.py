"""tests/golden/method/optimisation: schedule, AdamW with clipping, moving averages."""
import math

import torch

from folder import Draw, Part

SHAPES = {"weight": (3, 5), "bias": (3,), "head": (2, 2, 2)}
LENGTHS = (1, 2, 4, 9, 10, 11, 29, 53, 60)


def draw(folder):
    random, steps = Draw(4207), 16
    folder.save_json("config.json", {
        "steps": steps, "lr": {"weight": 2e-3, "bias": 2e-3, "head": 8e-3},
        "weight_decay": {"weight": 0.1, "bias": 0.0, "head": 0.02}, "betas": [0.9, 0.999],
        "eps": 1e-8, "clip": 0.7, "schedule_total": 25, "ema_decay": 0.98})
    folder.save_json("schedule.json", {str(length): {} for length in LENGTHS})
    # Sizes from far below to far above the clip.
    sizes = torch.tensor([0.05, 0.3, 2.0, 30.0])[torch.arange(steps) % 4]
    folder.save("inputs.safetensors", {
        **{f"start.{name}": random.normal(*shape, std=0.4) for name, shape in SHAPES.items()},
        **{f"grads.{name}": random.normal(steps, *shape) * sizes.reshape(-1, *[1] * len(shape))
           for name, shape in SHAPES.items()}})


def warmup_steps(total):
    return math.floor(0.1 * total + 1e-9)


def factor(step, total):
    warm = warmup_steps(total)
    if step < warm:
        return 0.1 + 0.9 * step / warm
    return (1 + math.cos(math.pi * (step - warm) / (total - warm))) / 2


def schedule(length):
    return {"warmup_steps": warmup_steps(length), "factor_at_total": factor(length, length),
            "factor": [factor(step, length) for step in range(length)]}


def compute(folder, dtype):
    """Method section 6.

    `schedule.json`: total steps N -> `factor[s]` for step s = 0..N-1 (the factor used FOR update s),
    `warmup_steps`, `factor_at_total` (= 0, never used for an update).
    * W = floor(0.1 N + 1e-9); s < W: 0.1 + 0.9 s/W; else (1 + cos(pi (s - W)/(N - W)))/2. W = 0:
      starts at 1.

    `inputs.safetensors` / `outputs.safetensors` / `config.json`: updates of AdamW, written out here
    and compared with `torch.optim.AdamW` (torch 2.13.0); three parameters with their own rate and
    decay.
    * per update: global gradient norm over ALL parameters; gradients times min(1, clip / (norm +
      1e-6)); p *= 1 - lr wd; moments; bias correction; p -= lr m / (sqrt(v) + eps); lr = base *
      factor(s, schedule_total)
    * `params.*` (steps, ...) after each update; `grads.*` before clipping (norms from far below to far
      above the clip)
    * `ema.*`: started at the start values, after each update ema = d ema + (1 - d) p with d =
      `ema_decay`. `ema_warm.*`: d = min(ema_decay, (1 + u)/(10 + u)), u = number of updates done (1
      for the first)

    Tests allow 1e-6, 1e-12 on the schedule."""
    config, inputs = folder.load_json("config.json"), folder.load("inputs.safetensors", dtype)
    names, (beta1, beta2) = list(config["lr"]), config["betas"]
    p = {name: inputs[f"start.{name}"].clone() for name in names}
    m, v = ({name: torch.zeros_like(p[name]) for name in names} for _ in range(2))
    averages = {kind: {name: p[name].clone() for name in names} for kind in ("ema", "ema_warm")}
    rows = {f"{kind}.{name}": [] for kind in ("params", *averages) for name in names}
    norms = []
    for step in range(config["steps"]):
        grads = {name: inputs[f"grads.{name}"][step] for name in names}
        norms.append(torch.cat([grad.flatten() for grad in grads.values()]).norm().item())
        clip = min(1.0, config["clip"] / (norms[-1] + 1e-6))
        for name in names:
            lr = config["lr"][name] * factor(step, config["schedule_total"])
            grad = grads[name] * clip
            m[name] = beta1 * m[name] + (1 - beta1) * grad
            v[name] = beta2 * v[name] + (1 - beta2) * grad ** 2
            slow = (v[name] / (1 - beta2 ** (step + 1))).sqrt() + config["eps"]
            p[name] = (p[name] * (1 - lr * config["weight_decay"][name])
                       - lr * m[name] / (1 - beta1 ** (step + 1)) / slow)
            rows[f"params.{name}"].append(p[name])
            warm = min(config["ema_decay"], (2 + step) / (11 + step))
            for kind, decay in (("ema", config["ema_decay"]), ("ema_warm", warm)):
                averages[kind][name] = decay * averages[kind][name] + (1 - decay) * p[name]
                rows[f"{kind}.{name}"].append(averages[kind][name])
    lengths = folder.load_json("schedule.json")
    return {"outputs.safetensors": {key: torch.stack(values) for key, values in rows.items()},
            "config.json": {**config, "grad_norms_before_clipping": norms},
            "schedule.json": {length: schedule(int(length)) for length in lengths}}


def verify(folder):
    """torch's own optimizer gives the same parameters."""
    config, inputs = folder.load_json("config.json"), folder.load("inputs.safetensors", torch.float64)
    p = {name: torch.nn.Parameter(inputs[f"start.{name}"]) for name in config["lr"]}
    adam = torch.optim.AdamW(
        [{"params": [p[name]], "lr": config["lr"][name], "base": config["lr"][name],
          "weight_decay": config["weight_decay"][name]} for name in p],
        betas=config["betas"], eps=config["eps"])
    for step in range(config["steps"]):
        for group, (name, value) in zip(adam.param_groups, p.items()):
            value.grad = inputs[f"grads.{name}"][step].clone()
            group["lr"] = group["base"] * factor(step, config["schedule_total"])
        torch.nn.utils.clip_grad_norm_(list(p.values()), config["clip"])
        adam.step()
        for name, value in p.items():
            expected = folder.load("outputs.safetensors", torch.float64)[f"params.{name}"][step]
            if (value - expected).abs().max() > 1e-6:
                raise SystemExit(f"{folder.path}: torch.optim.AdamW differs in {name} at step {step}")


PARTS = {"method/optimisation": Part("Schedule, AdamW, EMA", draw, compute, 1e-6, verify=verify)}
