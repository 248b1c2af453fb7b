"""tests/golden/method/decoder and heads: modules of the method in plain torch."""
import math

import torch
from torch.nn.functional import cross_entropy, layer_norm, linear

from folder import Draw, Part


def norm(x, weights, name):
    return layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-5)


def dense(x, weights, name):
    return linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


def quick_gelu(x):
    return x * torch.sigmoid(1.702 * x)


def attend(weights, name, heads, query, keys, valid):
    """Multi-head attention (B, T, D) by (B, N, D); an invalid key gets -inf before the softmax."""
    width = query.shape[-1]
    parts = zip(weights[f"{name}.in_proj_weight"].split(width),
                weights[f"{name}.in_proj_bias"].split(width), (query, keys, keys))
    q, k, v = (linear(x, w, b).unflatten(-1, (heads, -1)).transpose(1, 2) for w, b, x in parts)
    scores = q @ k.transpose(2, 3) / math.sqrt(width // heads)
    scores = scores.masked_fill(~valid[:, None, None, :], -math.inf)
    mixed = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
    return dense(mixed, weights, f"{name}.out_proj")


def self_block(weights, name, heads, x, mask):
    y = norm(x, weights, f"{name}ln_1")
    x = x + attend(weights, f"{name}attn", heads, y, y, mask)
    inner = quick_gelu(dense(norm(x, weights, f"{name}ln_2"), weights, f"{name}mlp.c_fc"))
    return x + dense(inner, weights, f"{name}mlp.c_proj")


def cross(weights, name, heads, inputs, x):
    return attend(weights, f"{name}cross_attn", heads, norm(x, weights, f"{name}ln_query"),
                  norm(inputs["keys"], weights, f"{name}ln_key"), inputs["key_mask"])


def decode(form, weights, config, inputs):
    x, heads, mask = inputs["query"], config["heads"], inputs["query_mask"]
    if form == "reference":
        x = cross(weights, "", heads, inputs, x)
        for i in range(config["reference_self_blocks"]):
            x = self_block(weights, f"blocks.{i}.", heads, x, mask)
    else:
        for i in range(config["figure_layers"]):
            seen = cross(weights, f"layers.{i}.", heads, inputs, x)
            x = seen if i == 0 and form != "figure" else x + seen
            x = self_block(weights, f"layers.{i}.", heads, x, mask)
    return norm(x, weights, "ln_post")


def attention_shapes(name, width):
    return {f"{name}.in_proj_weight": (3 * width, width), f"{name}.in_proj_bias": (3 * width,),
            f"{name}.out_proj.weight": (width, width), f"{name}.out_proj.bias": (width,)}


def pair(name, *weight):
    return {f"{name}.weight": weight, f"{name}.bias": weight[:1]}


def decoder_shapes(config):
    """Name -> shape of the weights of both styles."""
    width = config["width"]
    hidden = config["mlp_ratio"] * width

    def crossing(name):
        return (attention_shapes(f"{name}cross_attn", width) | pair(f"{name}ln_query", width)
                | pair(f"{name}ln_key", width))

    def block(name):
        return (attention_shapes(f"{name}attn", width) | pair(f"{name}ln_1", width)
                | pair(f"{name}ln_2", width) | pair(f"{name}mlp.c_fc", hidden, width)
                | pair(f"{name}mlp.c_proj", width, hidden))

    reference, figure = crossing("") | pair("ln_post", width), pair("ln_post", width)
    for i in range(config["reference_self_blocks"]):
        reference |= block(f"blocks.{i}.")
    for i in range(config["figure_layers"]):
        figure |= crossing(f"layers.{i}.") | block(f"layers.{i}.")
    return {"reference": reference, "figure": figure}


def draw_decoder(folder):
    draw = Draw(4201)
    config = {"width": 12, "heads": 3, "mlp_ratio": 4, "activation": "quick_gelu",
              "layer_norm_eps": 1e-5, "reference_self_blocks": 1, "figure_layers": 2}
    folder.save_json("config.json", config)
    for style, shapes in decoder_shapes(config).items():
        folder.save(f"weights_{style}.safetensors",
                    {name: draw.weight(name, shape) for name, shape in shapes.items()})
    query_mask = torch.ones(4, 7, dtype=torch.bool)
    query_mask[0, 5:] = query_mask[3, 1:] = False
    key_mask = torch.ones(4, 6, dtype=torch.bool)
    key_mask[0, :2] = key_mask[1, 3] = key_mask[3, 1:] = False
    folder.save("inputs.safetensors", {
        "query": draw.normal(4, 7, 12), "query_mask": query_mask, "keys": draw.normal(4, 6, 12),
        "key_mask": key_mask, "probe": draw.normal(4, 7, 12)})


def compute_decoder(folder, dtype):
    """Method section 3 and section 4. Own plain torch code; attention has the arithmetic and
    names of `torch.nn.MultiheadAttention` (`in_proj_weight` = q, k, v rows). LN = layer norm, eps
    1e-5. mlp(x) = c_proj(QuickGELU(c_fc(x))), four times as wide. Masks: true = valid; an invalid key
    gets -inf before the softmax.

    * `reference`: x = cross_attn(LN_query(q), LN_key(K)) with NO residual; then blocks
      x += attn(LN_1 x); x += mlp(LN_2 x); result LN_post(x). Text padding masked as keys of
      self-attention.
    * `figure`: each layer x += cross_attn(LN_query x, LN_key K); x += attn(LN_1 x);
      x += mlp(LN_2 x); result LN_post(x). Each layer has its own LN_key.
    * `figure_first_cross_without_residual`: the figure weights, first layer x = cross_attn(...)
      without "+= x" (the form that the alignment of section 4 uses).

    Studies counted from 0: 0 has invalid keys in front, 1 in the middle, 3 a single key and word.
    Gradients are of sum(output * probe * query_mask). Outputs at padded query places are defined
    (they attend the valid words) and compared. Tests allow 3e-5, gradients 1e-4."""
    config, outputs = folder.load_json("config.json"), {}
    for form in ("reference", "figure", "figure_first_cross_without_residual"):
        weights = folder.load(f"weights_{form.split('_')[0]}.safetensors", dtype)
        inputs = folder.load("inputs.safetensors", dtype)
        query, keys = inputs["query"].requires_grad_(), inputs["keys"].requires_grad_()
        output = decode(form, weights, config, inputs)
        (output * inputs["probe"] * inputs["query_mask"].unsqueeze(2)).sum().backward()
        outputs |= {f"{form}.output": output.detach(), f"{form}.grad_query": query.grad,
                    f"{form}.grad_keys": keys.grad}
    return {"outputs.safetensors": outputs}


def draw_heads(folder):
    draw, width, features, vocabulary = Draw(4203), 14, 22, 37
    shapes = (pair("head.dense", width, width) | pair("head.norm", width)
              | pair("head.decoder", vocabulary, width) | pair("adapter.proj", width, features)
              | pair("adapter.norm", width) | pair("adapter.pool1", width, features)
              | pair("adapter.pool2", 1, width) | pair("fuse.linear", width, 2 * width))
    weights = {name: draw.weight(name, shape) for name, shape in shapes.items()}
    weights |= {f"fuse.absent_{view}": draw.normal(width, std=0.3)
                for view in ("frontal", "lateral")}
    folder.save("weights.safetensors", weights)
    labels = torch.full((2, 8), -100)
    labels[0, 2], labels[0, 3], labels[1, 6], labels[1, 7] = 11, 36, 0, 11
    valid = torch.ones(4, 6, dtype=torch.bool)
    valid[1, 2:] = valid[2, 0] = valid[3, 1:] = False
    folder.save("inputs.safetensors", {
        "hidden": draw.normal(2, 8, width), "mlm_labels": labels,
        "lateral_features": draw.normal(4, 6, features), "lateral_valid": valid,
        "frontal_global": draw.normal(5, width, std=2), "lateral_global": draw.normal(5, width),
        "has_frontal": torch.tensor([False, True, True, True, False]),
        "has_lateral": torch.tensor([True, True, False, True, True])})


def compute_heads(folder, dtype):
    """Method section 2 (adapter and fusion) and section 3. Own plain torch code.

    * head: logits = decoder(LN(QuickGELU(dense(hidden)))), LN eps 1e-5; `mlm_loss` = mean
      cross-entropy over all places of the batch whose label is not -100; `logits` at all places
    * adapter: tokens = LN(proj(x)); pooling score = pool2(tanh(pool1(x))) of the RAW encoder feature
      x; softmax over valid tokens; global = sum of weights * tokens
    * fuse: linear([f ; l]) of the globals as they come (NOT normalised), a missing view replaced by
      `absent_frontal` / `absent_lateral`"""
    inputs, w = (folder.load(f"{file}.safetensors", dtype) for file in ("inputs", "weights"))
    hidden = norm(quick_gelu(dense(inputs["hidden"], w, "head.dense")), w, "head.norm")
    logits = dense(hidden, w, "head.decoder")
    x = inputs["lateral_features"]
    tokens = norm(dense(x, w, "adapter.proj"), w, "adapter.norm")
    pooling = dense(torch.tanh(dense(x, w, "adapter.pool1")), w, "adapter.pool2").squeeze(2)
    pooling = pooling.masked_fill(~inputs["lateral_valid"], -math.inf).softmax(1)
    views = [torch.where(inputs[f"has_{view}"].unsqueeze(1), inputs[f"{view}_global"],
                         w[f"fuse.absent_{view}"]) for view in ("frontal", "lateral")]
    return {"outputs.safetensors": {
        "logits": logits,
        "mlm_loss": cross_entropy(logits.flatten(0, 1), inputs["mlm_labels"].flatten()),
        "adapter.tokens": tokens, "adapter.pooling_weights": pooling,
        "adapter.global": (pooling.unsqueeze(2) * tokens).sum(1),
        "fused": dense(torch.cat(views, 1), w, "fuse.linear")}}


PARTS = {
    "method/decoder": Part("Cross-modal decoders", draw_decoder, compute_decoder, 3e-5),
    "method/heads": Part("Heads", draw_heads, compute_heads, 1e-5)}
