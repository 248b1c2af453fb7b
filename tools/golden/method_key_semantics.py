"""tests/golden/method/key_semantics: selection, aggregation and the fused rest in plain torch."""
import math

import torch
from torch.nn.functional import gelu

from folder import Draw, Part
from method_modules import dense, norm, pair

# case -> rho, alpha, patches of the frontal and of the lateral view
SELECTIONS = {"vit_swin": (0.8, 0.7, 16, 4), "vit_vit": (0.7, 0.6, 10, 10), "keep_all": (1.0, 0.5, 7, 5)}


def cosine(a, b):
    return (a * b).sum(-1) / (a.norm(dim=-1).clamp_min(1e-8) * b.norm(dim=-1).clamp_min(1e-8))


def draw_key_semantics(folder):
    draw, width, words = Draw(4202), 15, 8
    folder.save_json("index.json", {name: {"rho": rho, "alpha": alpha, "n_frontal": frontal,
                                           "n_lateral": lateral}
                                    for name, (rho, alpha, frontal, lateral) in SELECTIONS.items()})
    for name, (rho, alpha, frontal, lateral) in SELECTIONS.items():
        outputs = math.floor(rho * alpha * (frontal + lateral) + 1e-9)
        word_mask = torch.zeros(5, words, dtype=torch.bool)
        for study, last in enumerate((6, 2, 7, 4, 3)):
            word_mask[study, 1:last] = True
        folder.save(f"{name}.inputs.safetensors", {
            "frontal_patches": draw.normal(5, frontal, width, mean=0.2),
            "lateral_patches": draw.normal(5, lateral, width, std=1.5, mean=-0.3),
            "tokens": draw.normal(5, words, width), "word_mask": word_mask,
            "has_frontal": torch.tensor([True, False, True, True, True]),
            "has_lateral": torch.tensor([True, True, False, True, False]),
            "probe": draw.normal(5, outputs + 1, width)})
        hidden = math.floor(0.2 * width)
        shapes = pair("norm", width) | pair("fc1", hidden, width) | pair("fc2", outputs, hidden)
        folder.save(f"{name}.weights.safetensors",
                    {key: draw.weight(key, shape) for key, shape in shapes.items()}
                    | {"scale": torch.tensor([1.4])})


def scores_of_view(patches, tokens, word_mask):
    """Raw and standardised scores (B, N) of one view's patches."""
    words = (tokens * word_mask.unsqueeze(2)).sum(1) / word_mask.sum(1, keepdim=True)
    raw = (cosine(patches, patches.mean(1, keepdim=True)) + cosine(patches, words.unsqueeze(1)))
    spread = raw.std(1, keepdim=True, correction=0)
    return raw, (raw - raw.mean(1, keepdim=True)) / (spread + 1e-6)


def study_keys(patches, scores, valid, weights, case):
    """One study: kept mask (N), aggregation (M, N), keys (M + 1, D), key mask (M + 1)."""
    count = int(valid.sum())
    candidates = sorted(valid.nonzero().flatten().tolist(), key=lambda j: (-scores[j].item(), j))
    keep = math.ceil(case["rho"] * count - 1e-9)
    used = math.floor(case["rho"] * case["alpha"] * count + 1e-9)
    kept, rest = sorted(candidates[:keep]), sorted(candidates[keep:])
    inner = gelu(dense(norm(patches[kept], weights, "norm"), weights, "fc1"))
    shares = (weights["scale"] * dense(inner, weights, "fc2")).softmax(0).t()[:used]
    outputs = weights["fc2.weight"].shape[0]
    aggregation = patches.new_zeros(outputs, len(patches))
    aggregation[torch.arange(used).unsqueeze(1), torch.tensor(kept)] = shares
    fused = scores[rest].softmax(0) @ patches[rest] if rest else patches.new_zeros(patches.shape[1])
    mask = torch.arange(outputs + 1) < used
    mask[outputs] = bool(rest)
    gap = (scores[candidates[keep - 1]] - scores[candidates[keep]]).item() if rest else math.inf
    kept_mask = torch.zeros(len(patches), dtype=torch.bool)
    kept_mask[kept] = True
    keys = torch.cat([aggregation @ patches, fused.unsqueeze(0)])
    return kept_mask, aggregation, keys, mask, gap, used


def compute_case(case, inputs, weights):
    views = [inputs["frontal_patches"].requires_grad_(), inputs["lateral_patches"].requires_grad_()]
    for weight in weights.values():
        weight.requires_grad_()
    with torch.no_grad():
        valid = torch.cat([has.unsqueeze(1).expand(-1, view.shape[1]) for has, view in
                           zip((inputs["has_frontal"], inputs["has_lateral"]), views)], 1)
        scored = [scores_of_view(view, inputs["tokens"], inputs["word_mask"]) for view in views]
        raw, standard = (torch.cat(parts, 1) * valid for parts in zip(*scored))
    patches = torch.cat(views, 1)
    studies = [study_keys(patches[b], standard[b], valid[b], weights, case)
               for b in range(len(patches))]
    kept, aggregation, keys, mask = (torch.stack(parts) for parts in list(zip(*studies))[:4])
    (keys * inputs["probe"]).sum().backward()
    if min(study[4] for study in studies) < 1e-3:
        raise SystemExit("scores at the cut lie too close: take another seed")
    outputs = {"raw_scores": raw, "scores": standard, "valid": valid, "kept": kept,
               "aggregation": aggregation.detach(), "keys": keys.detach(), "key_mask": mask,
               "grad.frontal_patches": views[0].grad, "grad.lateral_patches": views[1].grad,
               **{f"grad.{name}": weight.grad for name, weight in weights.items()}}
    entry = {"rho": case["rho"], "alpha": case["alpha"], "n_frontal": views[0].shape[1],
             "n_lateral": views[1].shape[1], "valid": valid.sum(1).tolist(),
             "kept": kept.sum(1).tolist(), "outputs": mask.shape[1] - 1,
             "outputs_used": [study[5] for study in studies],
             "kept_indices": [row.nonzero().flatten().tolist() for row in kept]}
    return outputs, entry


def compute_key_semantics(folder, dtype):
    """Method section 3. Own code. Studies counted from 0: 1 has no frontal, 2 and 4 have
    no lateral (the patches there are random on purpose and must not matter).

    * candidates: frontal patches, then lateral patches; valid where the study has the view; n =
      number of valid candidates of the study
    * cos(a, b) = a.b / (max(|a|, 1e-8) max(|b|, 1e-8))
    * s_j = cos(p_j, mean of the patches of its own view) + cos(p_j, mean of the word tokens where
      word_mask)   (`raw_scores`, 0 at invalid places)
    * z_j = (s_j - mean) / (std + 1e-6), mean and POPULATION std over the patches of that view of that
      study   (`scores`, 0 at invalid places)
    * k = ceil(rho n - 1e-9); the k largest z over both views together are kept, ties to the lower
      index; `kept` (mask), `index.json` lists them in ascending order
    * M = floor(rho alpha (N_f + N_l) + 1e-9) = the width of fc2. A study with n valid candidates uses
      the first floor(rho alpha n + 1e-9) of them; the others are zeros and `key_mask` is false there
    * w = softmax over the kept tokens of scale * fc2(GELU(fc1(LN(p)))), exact GELU, LN eps 1e-5, fc1:
      D -> floor(0.2 D), fc2: -> M; `aggregation` (B, M, N) holds w at kept places and 0 elsewhere
    * aggregated token m = sum_j w_mj p_j, with p itself (not LN(p))
    * fused rest = sum over the discarded valid tokens of softmax(z) p; where nothing is discarded:
      zeros, and `key_mask` false
    * `keys` (B, M+1, D) = aggregated tokens, then the fused rest; `key_mask` (B, M+1)
    * no gradient through any score; `grad.*` = gradient of sum(keys * probe) by patches and weights

    Cases: `vit_swin` (views in the ratio 4:1), `vit_vit` (equal), `keep_all` (rho = 1: no rest). The
    scores at the cut are at least 1e-3 apart. Indices exact."""
    index, files = {}, {}
    for name, case in folder.load_json("index.json").items():
        outputs, index[name] = compute_case(case, folder.load(f"{name}.inputs.safetensors", dtype),
                                            folder.load(f"{name}.weights.safetensors", dtype))
        files[f"{name}.outputs.safetensors"] = outputs
    return {**files, "index.json": index}


PARTS = {
    "method/key_semantics": Part(
        "Key semantics: selection, aggregation, fused rest", draw_key_semantics,
        compute_key_semantics, 2e-5,
        tuple(f"{case}.{part}.safetensors" for case in SELECTIONS for part in ("inputs", "outputs")))}
