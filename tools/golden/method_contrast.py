"""tests/golden/method/info_nce, prototypes and view_alignment: the method's losses in plain torch."""
import math

import torch
from torch.nn.functional import cross_entropy, normalize

from folder import Draw, Part

FEATURES = ("text", "frontal", "lateral", "fused")
# case -> has_frontal, has_lateral
MISSING = {"all_views": ("11111", "11111"), "some_missing": ("1101101", "0111010"),
           "no_lateral": ("1111", "0000"), "one_study": ("1", "1"), "one_lateral": ("11101", "00010")}


def flags(text):
    return torch.tensor([letter == "1" for letter in text])


def draw_info_nce(folder):
    draw = Draw(4204)
    folder.save_json("expected.json", {name: {} for name in MISSING})
    for name, (frontal, lateral) in MISSING.items():
        shared = draw.normal(len(frontal), 11)
        features = {key: shared + draw.normal(*shared.shape, std=0.8) for key in FEATURES}
        folder.save(f"{name}.safetensors", {**features, "has_frontal": flags(frontal),
                                            "has_lateral": flags(lateral)})


def contrast(a, b):
    logits = normalize(a, eps=1e-12) @ normalize(b, eps=1e-12).t() / 0.1
    target = torch.arange(len(a))
    return (cross_entropy(logits, target) + cross_entropy(logits.t(), target)) / 2


def compute_info_nce(folder, dtype):
    """Method section 5, global level.

    `<case>.safetensors`: raw features `text`, `frontal`, `lateral`, `fused` (B, width), flags, and
    `grad.*` = gradient of `itc`. `expected.json`: the values; null = the term does not exist.

    * features are L2-normalised (x / max(|x|, 1e-12)); logits = a b^T / 0.1
    * one term = (cross-entropy over rows + cross-entropy over columns) / 2, each a mean over the
      studies that have the view; studies without the view are taken out of BOTH rows and columns
    * `flt` runs over all studies, `fused` is given as input
    * itc = mean of those of {ft, lt} that exist + flt

    A batch of one study gives 0, not NaN."""
    files, values = {}, {}
    for name in folder.load_json("expected.json"):
        stored = folder.load(f"{name}.safetensors", dtype)
        x = {key: stored[key].requires_grad_() for key in FEATURES}
        terms = {}
        for term, view in (("ft", "frontal"), ("lt", "lateral")):
            rows = stored[f"has_{view}"]
            terms[term] = contrast(x[view][rows], x["text"][rows]) if rows.any() else None
        terms["flt"] = contrast(x["fused"], x["text"])
        views = [terms[term] for term in ("ft", "lt") if terms[term] is not None]
        terms["itc"] = sum(views) / len(views) + terms["flt"]
        terms["itc"].backward()
        values[name] = {term: None if v is None else v.item() for term, v in terms.items()}
        files[f"{name}.safetensors"] = {
            **{key: x[key].detach() for key in FEATURES},
            **{f"grad.{key}": torch.zeros_like(x[key]) if x[key].grad is None else x[key].grad
               for key in FEATURES},
            **{key: stored[key] for key in ("has_frontal", "has_lateral")}}
    return {**files, "expected.json": values}


def draw_prototypes(folder):
    draw, studies, width = Draw(4205), 14, 9
    norms = torch.logspace(-2, 4, studies).unsqueeze(1)
    inputs = {key: normalize(draw.normal(studies, width)) * norms[torch.tensor(order)]
              for key, order in (("text", range(14)), ("frontal", range(13, -1, -1)),
                                 ("lateral", [(5 * i) % 14 for i in range(14)]))}
    folder.save("inputs.safetensors", {
        **inputs, "prototypes": normalize(draw.normal(5, width)),
        "has_frontal": flags("11011111101111"), "has_lateral": flags("01111011110111")})
    folder.save("outputs.safetensors", {"raw_scores": draw.normal(8, 6, std=60)})


def sinkhorn(scores, iterations):
    q = scores / 0.05
    studies, prototypes = q.shape
    for _ in range(iterations):
        q = q - q.logsumexp(0, keepdim=True) - math.log(prototypes)
        q = q - q.logsumexp(1, keepdim=True) - math.log(studies)
    return (q + math.log(studies)).exp()


def swapped(codes, scores):
    return -(codes * (scores / 0.1).log_softmax(1)).sum(1).mean()


def compute_prototypes(folder, dtype):
    """Method section 5, prototype level: Sinkhorn-Knopp codes and swapped prediction. Prototypes are
    unit rows; feature norms run from 1e-2 to 1e4.

    * score = normalised feature . c_k, c as stored (unit norm is kept by renormalising the rows after
      each optimiser step, not inside the graph)
    * codes: q = score / 0.05 over the studies that HAVE the view; per iteration q -= logsumexp over
      studies + log K, then q -= logsumexp over prototypes + log B; code = exp(q + log B): each
      study's row sums to 1 exactly, prototype use B/K in the limit
    * `codes3.*` after 3 iterations, `codes50.text` after 50; `raw_scores` (far above 100, so
      exp(score/epsilon) overflows even in float64) gives `codes3.raw_scores`: log domain needed
    * loss of a direction = - mean over the studies with that view of sum_k code log_softmax(score /
      0.1); the text's codes are assigned ONCE over all studies, then rows of studies without the view
      are dropped
    * proto = mean of the existing directions among text->frontal, frontal->text, text->lateral,
      lateral->text
    * codes carry no gradient; `grad.*` = gradient of `proto` (prototypes free; during the freeze
      theirs is none)

    `expected.json`: the four directions, `proto`, and how far the prototype use is from B/K after so
    many iterations. Tests allow 1e-5 on losses, 2e-5 on codes."""
    inputs = folder.load("inputs.safetensors", dtype)
    raw = folder.load("outputs.safetensors", dtype)["raw_scores"]
    x = {key: inputs[key].requires_grad_() for key in ("text", "frontal", "lateral", "prototypes")}
    scores = {key: normalize(x[key], eps=1e-12) @ x["prototypes"].t()
              for key in ("text", "frontal", "lateral")}
    outputs = {"raw_scores": raw, "codes3.raw_scores": sinkhorn(raw, 3)}
    values = {}
    text_codes = sinkhorn(scores["text"].detach(), 3)
    outputs |= {"codes3.text": text_codes, "codes50.text": sinkhorn(scores["text"].detach(), 50)}
    for view in ("frontal", "lateral"):
        rows = inputs[f"has_{view}"]
        codes = sinkhorn(scores[view][rows].detach(), 3)
        outputs[f"codes3.{view}"] = codes
        values[f"text_supervises_{view}"] = swapped(text_codes[rows], scores[view][rows])
        values[f"{view}_supervises_text"] = swapped(codes, scores["text"][rows])
    values["proto"] = sum(values.values()) / len(values)
    values["proto"].backward()
    values = {key: value.item() for key, value in values.items()}
    outputs |= {f"scores.{key}": score.detach() for key, score in scores.items()}
    outputs |= {f"grad.{key}": leaf.grad for key, leaf in x.items()}
    even = len(text_codes) / text_codes.shape[1]
    for iterations in (1, 3, 10, 50, 200, 1000):
        use = sinkhorn(scores["text"].detach(), iterations).sum(0)
        values[f"use_deviation_after_{iterations}"] = (use - even).abs().max().item()
    return {"outputs.safetensors": outputs, "expected.json": values}


def draw_view_alignment(folder):
    draw, studies, places, width = Draw(4206), 5, 8, 10
    word_mask = torch.zeros(studies, places, dtype=torch.bool)
    for study, words in enumerate(("01", "0111110", "0101101", "011110", "0111")):
        word_mask[study, :len(words)] = flags(words)
    shared = draw.normal(studies, places, width)
    folder.save("inputs.safetensors", {
        "z_frontal": shared + draw.normal(*shared.shape, std=1.5),
        "z_lateral": 2 * shared + draw.normal(*shared.shape, std=2.5),
        "word_mask": word_mask, "has_both": flags("11101"),
        "word_weights": draw.normal(studies, places).abs() + 0.05})


def word_losses(frontal, lateral):
    similarity = normalize(frontal, eps=1e-12) @ normalize(lateral, eps=1e-12).t() / 0.07
    target = torch.arange(len(frontal))
    return (cross_entropy(similarity, target, reduction="none")
            + cross_entropy(similarity.t(), target, reduction="none")) / 2


def alignment_losses(inputs, zf, zl):
    """The three losses and the words' losses study by study."""
    words = [inputs["word_mask"][b] for b in range(len(zf)) if inputs["has_both"][b]]
    both = inputs["has_both"]
    losses = [word_losses(f[mask], l[mask]) for f, l, mask in zip(zf[both], zl[both], words)]
    weights = [w[mask] / w[mask].mean() for w, mask in zip(inputs["word_weights"][both], words)]
    every, weight = torch.cat(losses), torch.cat(weights)
    pooled = torch.stack(words)
    return losses, {"fla": every.mean(), "fla_weighted": (weight * every).sum() / weight.sum(),
                    "fla_batch_negatives": word_losses(zf[both][pooled], zl[both][pooled]).mean()}


def compute_view_alignment(folder, dtype):
    """Method section 4. Decoder outputs `z_frontal`, `z_lateral` BEFORE normalisation, `word_mask`
    ([CLS], [SEP], padding false), `has_both` (study 3, counted from 0, lacks a view), `word_weights`.

    * z is L2-normalised; per study S = z_F z_L^T / 0.07 over its valid words only (rows and columns);
      loss of word i = (row cross-entropy + column cross-entropy) / 2 against the identity
    * `fla` = mean over ALL valid words of the studies with both views (a long report counts more than
      a short one; the mean of `study_means` is a different number)
    * `fla_weighted`: weights divided by their mean over the study's words, then sum(w loss)/sum(w)
      over all words
    * `fla_batch_negatives`: one matrix over all valid words of all studies with both views, identity
      as target, mean over words
    * a study with one valid word contributes 0

    `outputs.safetensors`: gradients of the three by both inputs (0 at padding and for study 3)."""
    inputs, outputs, values = folder.load("inputs.safetensors", dtype), {}, {}
    z = {key: inputs[key].requires_grad_() for key in ("z_frontal", "z_lateral")}
    studies, losses = alignment_losses(inputs, *z.values())
    for name, loss in losses.items():
        values[name] = loss.item()
        for key, gradient in zip(z, torch.autograd.grad(loss, list(z.values()), retain_graph=True)):
            outputs[f"{name}.grad_{key}"] = gradient
    values["study_means"] = [loss.mean().item() for loss in studies]
    values["words"] = [len(loss) for loss in studies]
    return {"outputs.safetensors": outputs, "expected.json": values}


PARTS = {
    "method/info_nce": Part("InfoNCE with missing views", draw_info_nce, compute_info_nce, 1e-5,
                            tuple(f"{case}.safetensors" for case in ("all_views", "some_missing"))),
    "method/prototypes": Part("Prototypes", draw_prototypes, compute_prototypes, 1e-5),
    "method/view_alignment": Part("Frontal-lateral alignment", draw_view_alignment,
                                  compute_view_alignment, 1e-5)}
