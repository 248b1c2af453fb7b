"""tests/golden/models/swin."""
import torch
from transformers import SwinConfig, SwinModel

from folder import Draw, Part
from library import draw_model, load_model, original_names


def draw(folder):
    random = Draw(4104)
    config = SwinConfig(image_size=24, patch_size=2, embed_dim=4, depths=[2, 1, 2],
                        num_heads=[1, 2, 4], window_size=3, mlp_ratio=2.0, drop_path_rate=0.2)
    draw_model(SwinModel(config, add_pooling_layer=True), random, folder)
    folder.save("inputs.safetensors", {"square_24": random.normal(2, 3, 24, 24),
                                       "padded": random.normal(1, 3, 23, 27)})


def compute(folder, dtype):
    """transformers 5.23.0, torch 2.13.0, class `SwinModel`, evaluation mode, attention written out.

    `config.json`: the library's configuration (exact GELU, layer-norm eps 1e-05, absolute positions
    off; stochastic depth must be off in evaluation mode). `weights.safetensors`: `save_pretrained`
    names. `weights_original_names.safetensors`: the same network under the names of the original
    Swin code (`patch_embed.proj`, `layers.N.blocks.M.attn.qkv` = query, key, value rows joined,
    `attn.relative_position_bias_table`, `layers.N.downsample.*` at the END of stage N, final `norm`).
    No index buffers are stored: they follow from the window size.

    * `last_hidden_state` = after the final norm, row-major tokens; `pooler_output` = its mean
    * `hidden_states.0` = patch embedding after its norm, `.i` = after stage i, merged where the stage
      merges, before the final norm
    * every second block is shifted by window // 2 with the region mask (-100), unless the window
      covers the grid (the shorter side of the grid is at most the window): then NO shift
    * the image is zero-padded right/bottom to a multiple of the patch; the grid is zero-padded
      right/bottom to a multiple of the window AFTER the norm of each block (padded tokens take part
      as keys, no extra mask besides the shift regions), cut off afterwards; an odd grid is
      zero-padded before merging
    * merging order of the four neighbours: (even row, even column), (odd, even), (even, odd),
      (odd, odd)"""
    model = load_model(SwinModel, folder, dtype)
    outputs = {}
    with torch.no_grad():
        for name, pixels in folder.load("inputs.safetensors", dtype).items():
            out = model(pixels, output_hidden_states=True)
            outputs[f"{name}.last_hidden_state"] = out.last_hidden_state
            outputs[f"{name}.pooler_output"] = out.pooler_output
            for i, hidden in enumerate(out.hidden_states):
                outputs[f"{name}.hidden_states.{i}"] = hidden
    return {"outputs.safetensors": outputs,
            "weights_original_names.safetensors": original_names(folder.load("weights.safetensors"))}


PARTS = {"models/swin": Part("Swin", draw, compute, 5e-5)}
