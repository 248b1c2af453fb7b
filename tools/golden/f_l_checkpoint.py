"""tests/golden/models/f_l_checkpoint: the layout of the published F-L checkpoint in small."""
from collections import OrderedDict

import torch

from containers import save_zip
from folder import Draw, Part, difference

SIZES = {"vision_width": 8, "vision_layers": 2, "vision_heads": 2, "patch_size": 4,
         "image_size": 12, "text_width": 6, "text_layers": 1, "text_heads": 2, "vocabulary": 23,
         "max_positions": 9, "swin_embed_dim": 4, "swin_depths": [1, 1], "swin_heads": [1, 2],
         "swin_window": 3, "swin_patch_size": 4, "width": 10, "heads": 2, "cross_layers": 1,
         "fusion_layers": 1, "rho": 0.8, "alpha": 0.7, "prototypes": 5, "query_length": 4}


def linear(name, rows, columns):
    return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}


def norm(name, width):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def attention(name, width):
    return {f"{name}.in_proj_weight": (3 * width, width), f"{name}.in_proj_bias": (3 * width,),
            **linear(f"{name}.out_proj", width, width)}


def residual_blocks(name, layers, width):
    names = {}
    for i in range(layers):
        block = f"{name}.resblocks.{i}"
        names |= (attention(f"{block}.attn", width) | norm(f"{block}.ln_1", width)
                  | linear(f"{block}.mlp.c_fc", 4 * width, width)
                  | linear(f"{block}.mlp.c_proj", width, 4 * width) | norm(f"{block}.ln_2", width))
    return names


def vision(name, s):
    width, tokens = s["vision_width"], (s["image_size"] // s["patch_size"]) ** 2 + 1
    return {f"{name}.class_embedding": (width,), f"{name}.positional_embedding": (tokens, width),
            f"{name}.proj": (width, s["width"]),
            f"{name}.conv1.weight": (width, 3, s["patch_size"], s["patch_size"]),
            **norm(f"{name}.ln_pre", width),
            **residual_blocks(f"{name}.transformer", s["vision_layers"], width),
            **norm(f"{name}.ln_post", width)}


def text(name, s):
    width, embeddings = s["text_width"], f"{name}.embeddings"
    names = {f"{embeddings}.word_embeddings.weight": (s["vocabulary"], width),
             f"{embeddings}.position_embeddings.weight": (s["max_positions"], width),
             f"{embeddings}.token_type_embeddings.weight": (2, width),
             **norm(f"{embeddings}.LayerNorm", width)}
    for i in range(s["text_layers"]):
        layer = f"{name}.encoder.layer.{i}"
        for part in ("query", "key", "value"):
            names |= linear(f"{layer}.attention.self.{part}", width, width)
        names |= (linear(f"{layer}.attention.output.dense", width, width)
                  | norm(f"{layer}.attention.output.LayerNorm", width)
                  | linear(f"{layer}.intermediate.dense", 4 * width, width)
                  | linear(f"{layer}.output.dense", width, 4 * width)
                  | norm(f"{layer}.output.LayerNorm", width))
    return names | linear(f"{name}.pooler.dense", width, width)


def swin(name, s):
    width, patch = s["swin_embed_dim"], s["swin_patch_size"]
    names = {f"{name}.embeddings.patch_embeddings.projection.weight": (width, 3, patch, patch),
             f"{name}.embeddings.patch_embeddings.projection.bias": (width,),
             **norm(f"{name}.embeddings.norm", width)}
    for stage, (depth, heads) in enumerate(zip(s["swin_depths"], s["swin_heads"])):
        for i in range(depth):
            block = f"{name}.encoder.layers.{stage}.blocks.{i}"
            for part in ("q", "k", "v", "o"):
                names |= linear(f"{block}.attention.{part}_proj", width, width)
            table = "attention.relative_position_bias.relative_position_bias_table"
            names |= {f"{block}.{table}": ((2 * s["swin_window"] - 1) ** 2, heads),
                      **norm(f"{block}.layernorm_before", width),
                      **norm(f"{block}.layernorm_after", width),
                      **linear(f"{block}.mlp.fc1", 4 * width, width),
                      **linear(f"{block}.mlp.fc2", width, 4 * width)}
        if stage + 1 < len(s["swin_depths"]):
            merge = f"{name}.encoder.layers.{stage}.downsample"
            names |= {f"{merge}.reduction.weight": (2 * width, 4 * width),
                      **norm(f"{merge}.norm", 4 * width)}
            width *= 2
    return names | norm(f"{name}.layernorm", width)


def layout(s):
    """Name -> shape of every tensor, in the order of the published file."""
    width = s["width"]
    lateral = s["swin_embed_dim"] * 2 ** (len(s["swin_depths"]) - 1)
    cross, fusion = "text_cross_former.cross_text_attention", "granularity_decoder"
    hidden, patches = int(0.2 * width), 2 * (s["image_size"] // s["patch_size"]) ** 2
    outputs = int(s["rho"] * s["alpha"] * patches + 1e-9)
    return {
        "query": (1, s["query_length"], width),
        "base_model.text_projection": (s["text_width"], width),
        **vision("base_model.visual.visual", s),
        **text("base_model.text_encoder", s),
        **attention(f"{cross}.cross_attn", width),
        **norm(f"{cross}.ln_cross_q", width), **norm(f"{cross}.ln_cross_kv", width),
        **norm(f"{cross}.ln_cross_post", width),
        **residual_blocks(f"{cross}.cross_modal_transformer", s["cross_layers"], width),
        **attention(f"{fusion}.fusion_attn", width), **norm(f"{fusion}.ln_fusion_q", width),
        **norm(f"{fusion}.ln_fusion_kv", width), **norm(f"{fusion}.ln_post", width),
        **residual_blocks(f"{fusion}.fusion_modal_transformer", s["fusion_layers"], width),
        **swin("lateral_encoder.swin_encoder", s),
        **linear("lateral_encoder.adapter.0", lateral, lateral),
        **linear("lateral_encoder.adapter.2", width, lateral),
        "Selection.aggr_net.scale": (1, 1, 1),
        **norm("Selection.aggr_net.weight.0", width),
        **linear("Selection.aggr_net.weight.1", hidden, width),
        **linear("Selection.aggr_net.weight.3", outputs, hidden),
        "prototype_layer.weight": (s["prototypes"], width),
    }


def draw(folder):
    random = Draw(4107)
    folder.save_json("config.json", SIZES)
    folder.save("weights.safetensors", {name: random.weight(name, shape)
                                        for name, shape in layout(SIZES).items()})


def compute(folder, dtype):
    """Every tensor that the published checkpoint has, under its name, with small sizes and random
    values. There is no reference network: this folder proves names and containers.

    | file | what |
    |---|---|
    | `config.json` | the sizes (own format: the published file has none) |
    | `checkpoint.pt` | `torch.save` (zip) of an OrderedDict in the published order |
    | `weights.safetensors` | the same tensors, for comparison |

    * `base_model.visual.visual.*`: CLIP tower under OpenAI's names; `base_model.text_encoder.*`: BERT
      under the library's names; `base_model.text_projection`: (text width, width), used as x @ W
    * `lateral_encoder.swin_encoder.*`: Swin under the names that transformers 5 has in memory
      (`attention.q_proj`, `attention.o_proj`, `mlp.fc1`; `downsample` at the end of its stage);
      `lateral_encoder.adapter.{0,2}`: two linear layers
    * `text_cross_former.cross_text_attention.*`: decoder of the masked words;
      `granularity_decoder.*` (`fusion_*`): alignment decoder, queried by `query`
    * `Selection.aggr_net.weight.{0,1,3}`: layer norm, fc1, fc2; `scale` is (1, 1, 1);
      `prototype_layer.weight`: prototypes in rows"""
    del dtype
    weights = folder.load("weights.safetensors")
    for name, shape in layout(folder.load_json("config.json")).items():
        if tuple(weights[name].shape) != shape:
            raise SystemExit(f"{folder.path}: {name} has another shape than {shape}")
    return {"weights.safetensors": weights}


def pack(folder):
    weights = folder.load("weights.safetensors")
    save_zip(OrderedDict((name, weights[name]) for name in layout(SIZES)),
             folder.path / "checkpoint.pt")


def verify(folder):
    loaded = torch.load(folder.path / "checkpoint.pt", weights_only=True)
    if difference(loaded, folder.load("weights.safetensors"), "checkpoint.pt") > 0:
        raise SystemExit(f"{folder.path}/checkpoint.pt: holds other tensors")


PARTS = {"models/f_l_checkpoint": Part("Layout of the published F-L checkpoint", draw, compute, 1e-6,
                                       tables=(), pack=pack, verify=verify)}
