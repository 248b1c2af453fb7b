"""Models of the reference library, read from and written to golden folders, and naming schemes."""
import re
import shutil
import tempfile
from pathlib import Path

import torch
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()


def draw_model(model, draw, folder, config="config.json", weights="weights.safetensors"):
    """Fills `model` with random weights and writes it under the names that the library publishes."""
    draw.fill(model)
    folder.path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        model.save_pretrained(place)
        shutil.copyfile(Path(place) / "config.json", folder.path / config)
        shutil.copyfile(Path(place) / "model.safetensors", folder.path / weights)


def load_model(kind, folder, dtype, config="config.json", weights="weights.safetensors", **extra):
    """The model of a folder in evaluation mode, attention written out."""
    with tempfile.TemporaryDirectory() as place:
        shutil.copyfile(folder.path / config, Path(place) / "config.json")
        shutil.copyfile(folder.path / weights, Path(place) / "model.safetensors")
        return kind.from_pretrained(place, dtype=dtype, attn_implementation="eager", **extra).eval()


def interpolate_positions(positions, rows, columns):
    """Positions (1 + side^2, width) for another grid: bicubic, align_corners false, no antialiasing;
    the class position is left alone."""
    side = round((positions.shape[0] - 1) ** 0.5)
    grid = positions[1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
    grid = torch.nn.functional.interpolate(grid, size=(rows, columns), mode="bicubic",
                                           align_corners=False)
    return torch.cat([positions[:1], grid.permute(0, 2, 3, 1).reshape(rows * columns, -1)])


def set_grid(embeddings, positions, pixels, patch):
    """Gives `embeddings` of a library model the positions of this image size."""
    rows, columns = pixels.shape[2] // patch, pixels.shape[3] // patch
    fitted = interpolate_positions(positions.reshape(-1, positions.shape[-1]), rows, columns)
    embeddings.interpolate_pos_encoding = lambda *_: fitted.unsqueeze(0)


QUERY_KEY_VALUE = re.compile(
    r"^(.*\.)(?:attention\.attention\.|attention\.self\.|self_attn\.)(query|q_proj)\.(weight|bias)$")
# Library names to those of the original code of ViT, MAE, DINOv2 and Swin.
ORIGINAL_NAMES = [
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^embeddings\.norm\.", "patch_embed.norm."),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.(cls_token|mask_token|register_tokens)$", r"\1"),
    (r"^encoder\.layer\.", "blocks."),
    (r"^encoder\.layers\.", "layers."),
    (r"\.attention\.output\.dense\.", ".attn.proj."),
    (r"\.attention\.self\.relative_position_bias_table$", ".attn.relative_position_bias_table"),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"\.output\.dense\.", ".mlp.fc2."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.layer_scale(\d)\.lambda1$", r".ls\1.gamma"),
    (r"^layernorm\.", "norm."),
]


def join_query_key_value(weights, joined):
    """Query, key and value rows joined under `joined` (block prefix, kind) -> name; the rest as is."""
    result = {}
    for name, tensor in weights.items():
        match = QUERY_KEY_VALUE.match(name)
        if match:
            parts = [tensor]
            for part in (("key", "value") if match[2] == "query" else ("k_proj", "v_proj")):
                parts.append(weights[name.replace(match[2], part)])
            result[joined(match[1], match[3])] = torch.cat(parts)
        elif not re.search(r"\.(key|value|k_proj|v_proj)\.(weight|bias)$", name):
            result[name] = tensor
    return result


def rename(weights, rules):
    result = {}
    for name, tensor in weights.items():
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        result[name] = tensor
    return result


def original_names(weights):
    joined = join_query_key_value(weights, lambda block, kind: f"{block}attn.qkv.{kind}")
    return rename(joined, ORIGINAL_NAMES)
