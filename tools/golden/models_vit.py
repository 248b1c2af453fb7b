"""tests/golden/models/vit_timm and dinov2."""
import argparse
from collections import OrderedDict

import torch
from transformers import (Dinov2Config, Dinov2Model, Dinov2WithRegistersConfig,
                          Dinov2WithRegistersModel, ViTConfig, ViTModel)

from containers import save_zip
from folder import Draw, Part, difference
from library import draw_model, load_model, original_names, set_grid

LIBRARY = "weights_transformers_names.safetensors"


def draw_vit(folder):
    draw = Draw(4105)
    config = ViTConfig(image_size=15, patch_size=5, hidden_size=12, num_hidden_layers=2,
                       num_attention_heads=3, intermediate_size=36, layer_norm_eps=1e-6)
    draw_model(ViTModel(config, add_pooling_layer=False), draw, folder, weights=LIBRARY)
    weights = original_names(folder.load(LIBRARY))
    mean_pooling = {name: t for name, t in weights.items() if not name.startswith("norm.")}
    mean_pooling["fc_norm.weight"] = draw.normal(12, std=0.25, mean=1)
    mean_pooling["fc_norm.bias"] = draw.normal(12, std=0.1)
    folder.save("weights_fc_norm.safetensors", mean_pooling)
    folder.save("inputs.safetensors", {"pixels": draw.normal(3, 3, 15, 15),
                                       "pixels_25": draw.normal(1, 3, 25, 25),
                                       "pixels_10x20": draw.normal(2, 3, 10, 20)})


def compute_vit(folder, dtype):
    """transformers 5.23.0, torch 2.13.0, class `ViTModel`, evaluation mode, attention written out, no
    pooler. Patch convolution with bias, class token, positions, pre-norm blocks with exact GELU,
    final norm, layer-norm eps 1e-6, no norm before the blocks.

    | file | what |
    |---|---|
    | `config.json` | the library's configuration |
    | `weights.safetensors` | timm / MAE names: `cls_token`, `pos_embed` (1, 1 + patches, width), `patch_embed.proj.*`, `blocks.N.norm1/attn.qkv/attn.proj/norm2/mlp.fc1/mlp.fc2.*`, `norm.*` (qkv = query, key, value rows joined) |
    | `weights_transformers_names.safetensors` | the same under the library's published names |
    | `weights_fc_norm.safetensors` | MAE fine-tuning form: no `norm.*` but `fc_norm.*` |
    | `mae_checkpoint.pth` | `torch.save` of {model: weights + decoder entries, epoch}; the decoder's blocks end in the same names as the encoder's and must not be taken for them |
    | `mae_checkpoint_with_namespace.pth` | the same with a pickled `argparse.Namespace` under `args` (MAE releases have it): load the tensors or give a clear error, never run code |

    * `tokens` = after the final norm; `cls` = token 0; `mean_of_patches` = mean of the normed patch
      tokens
    * `pixels.fc_norm_of_mean`: mean of the patch tokens BEFORE any final norm, then `fc_norm`
    * other sizes than the configuration's: as in `../clip_vision` (timm itself interpolates with
      antialiasing: not followed); tests allow 5e-5 there"""
    model = load_model(ViTModel, folder, dtype, weights=LIBRARY, add_pooling_layer=False)
    inputs = folder.load("inputs.safetensors", dtype)
    outputs = vit_outputs(model, inputs)
    head = folder.load("weights_fc_norm.safetensors", dtype)
    model.layernorm = torch.nn.Identity()
    with torch.no_grad():
        mean = model(inputs["pixels"]).last_hidden_state[:, 1:].mean(1)
        outputs["pixels.fc_norm_of_mean"] = torch.nn.functional.layer_norm(
            mean, mean.shape[1:], head["fc_norm.weight"], head["fc_norm.bias"], 1e-6)
    return {"outputs.safetensors": outputs,
            "weights.safetensors": original_names(folder.load(LIBRARY))}


def vit_outputs(model, inputs, registers=0, prefix=""):
    """Normed tokens, class token and mean of the patches for every input; positions by set_grid."""
    outputs = {}
    for name, pixels in inputs.items():
        set_grid(model.embeddings, model.embeddings.position_embeddings, pixels,
                 model.config.patch_size)
        extra = {"interpolate_pos_encoding": True} if isinstance(model, ViTModel) else {}
        with torch.no_grad():
            tokens = model(pixels, **extra).last_hidden_state
        outputs[f"{prefix}{name}.tokens"] = tokens
        outputs[f"{prefix}{name}.cls"] = tokens[:, 0]
        outputs[f"{prefix}{name}.mean_of_patches"] = tokens[:, 1 + registers:].mean(1)
    return outputs


def pack_vit(folder):
    draw = Draw(4115)
    model = OrderedDict(folder.load("weights.safetensors"))
    for name, shape in (("mask_token", (1, 1, 4)), ("decoder_embed.weight", (4, 12)),
                        ("decoder_embed.bias", (4,)), ("decoder_pos_embed", (1, 10, 4)),
                        ("decoder_blocks.0.norm1.weight", (4,)),
                        ("decoder_blocks.0.attn.qkv.weight", (12, 4)),
                        ("decoder_norm.weight", (4,))):
        model[name] = draw.weight(name, shape)
    save_zip({"model": model, "epoch": 11}, folder.path / "mae_checkpoint.pth")
    arguments = argparse.Namespace(mask_ratio=0.5, blr=2e-4, output_dir="./out", seed=3)
    save_zip({"model": model, "epoch": 11, "scaler": None, "args": arguments},
             folder.path / "mae_checkpoint_with_namespace.pth")


def verify_vit(folder):
    weights = folder.load("weights.safetensors")
    with torch.serialization.safe_globals([argparse.Namespace]):
        for file in ("mae_checkpoint.pth", "mae_checkpoint_with_namespace.pth"):
            model = torch.load(folder.path / file, weights_only=True)["model"]
            if difference({name: model[name] for name in weights}, weights, file) > 0:
                raise SystemExit(f"{folder.path / file}: holds other tensors")


DINO = {"": (Dinov2Config, Dinov2Model, {}),
        "_registers": (Dinov2WithRegistersConfig, Dinov2WithRegistersModel,
                       {"num_register_tokens": 3})}


def draw_dinov2(folder):
    draw = Draw(4106)
    for form, (config, kind, extra) in DINO.items():
        config = config(image_size=42, patch_size=14, hidden_size=8, num_hidden_layers=2,
                        num_attention_heads=2, mlp_ratio=3, **extra)
        draw_model(kind(config), draw, folder, f"config{form}.json", f"weights{form}.safetensors")
    folder.save("inputs.safetensors", {"pixels": draw.normal(1, 3, 42, 42),
                                       "pixels_28x56": draw.normal(1, 3, 28, 56)})


def compute_dinov2(folder, dtype):
    """transformers 5.23.0, torch 2.13.0, classes `Dinov2Model` and `Dinov2WithRegistersModel`,
    evaluation mode, attention written out. Patch convolution with bias (14 px), class token,
    positions, pre-norm blocks with exact GELU and LayerScale (x += scale * attn(norm1 x);
    x += scale * mlp(norm2 x)), final norm, layer-norm eps 1e-6. Registers come after the class token
    and have no positions.

    | file | what |
    |---|---|
    | `config.json`, `weights.safetensors` | without registers: the library's configuration and names |
    | `config_registers.json`, `weights_registers.safetensors` | with registers |
    | `weights_hub.safetensors`, `weights_registers_hub.safetensors` | the same under the names of the original code: `blocks.N.attn.qkv` (rows joined), `ls1.gamma`, `ls2.gamma`, `register_tokens`, `pos_embed`, `mask_token` (used in training only) |

    * `tokens` = [class, registers, patches] after the final norm; `cls` = token 0; `mean_of_patches`
      = mean of the normed patch tokens (no registers). Names with `registers.` in front are those of
      the second network
    * `pixels_28x56` (2 rows x 4 columns): positions as in `../clip_vision`: bicubic, align_corners
      false, size given, NO antialiasing (the library takes antialiasing for the form with registers,
      the original code a scale factor with an offset of 0.1: not followed); allow 5e-5 there"""
    inputs = folder.load("inputs.safetensors", dtype)
    files, outputs = {}, {}
    for form, (_, kind, extra) in DINO.items():
        model = load_model(kind, folder, dtype, f"config{form}.json", f"weights{form}.safetensors")
        outputs |= vit_outputs(model, inputs, getattr(model.config, "num_register_tokens", 0),
                               "registers." if form else "")
        files[f"weights{form}_hub.safetensors"] = original_names(
            folder.load(f"weights{form}.safetensors"))
    return {**files, "outputs.safetensors": outputs}


PARTS = {
    "models/vit_timm": Part("ViT under timm / MAE names", draw_vit, compute_vit, 2e-5,
                            pack=pack_vit, verify=verify_vit),
    "models/dinov2": Part("DINOv2", draw_dinov2, compute_dinov2, 2e-5)}
