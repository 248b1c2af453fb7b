"""tests/golden/models/clip_vision."""
from collections import OrderedDict

import torch
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from containers import save_script, save_zip
from folder import Draw, Part, cast, difference
from library import draw_model, join_query_key_value, load_model, rename, set_grid

OPENAI_NAMES = [
    (r"^vision_model\.embeddings\.class_embedding$", "visual.class_embedding"),
    (r"^vision_model\.embeddings\.patch_embedding\.", "visual.conv1."),
    (r"^vision_model\.embeddings\.position_embedding\.weight$", "visual.positional_embedding"),
    (r"^vision_model\.pre_layrnorm\.", "visual.ln_pre."),
    (r"^vision_model\.post_layernorm\.", "visual.ln_post."),
    (r"^vision_model\.encoder\.layers\.", "visual.transformer.resblocks."),
    (r"\.self_attn\.out_proj\.", ".attn.out_proj."),
    (r"\.layer_norm(\d)\.", r".ln_\1."),
    (r"\.mlp\.fc1\.", ".mlp.c_fc."),
    (r"\.mlp\.fc2\.", ".mlp.c_proj."),
    (r"^visual_projection\.weight$", "visual.proj"),
]


def openai_names(weights):
    joined = join_query_key_value(weights, lambda block, kind: f"{block}attn.in_proj_{kind}")
    renamed = rename(joined, OPENAI_NAMES)
    renamed["visual.proj"] = renamed["visual.proj"].t()
    return renamed


def draw(folder):
    random = Draw(4103)
    config = CLIPVisionConfig(image_size=20, patch_size=4, hidden_size=12, num_hidden_layers=2,
                              num_attention_heads=3, intermediate_size=36, projection_dim=10)
    draw_model(CLIPVisionModelWithProjection(config), random, folder)
    folder.save("inputs.safetensors", {"pixels": random.normal(2, 3, 20, 20),
                                       "pixels_28": random.normal(1, 3, 28, 28),
                                       "pixels_24x12": random.normal(2, 3, 24, 12)})


def compute(folder, dtype):
    """transformers 5.23.0, torch 2.13.0, class `CLIPVisionModelWithProjection`, evaluation mode,
    attention written out. Bias-free patch convolution, class token, positions, pre-norm layer
    (`pre_layrnorm`, the library's spelling), pre-norm blocks with QuickGELU x*sigmoid(1.702x), final
    norm, bias-free projection. Layer-norm eps 1e-05.

    | file | what |
    |---|---|
    | `config.json`, `weights.safetensors` | library names |
    | `weights_openai.safetensors` | the SAME weights under OpenAI's names with prefix `visual.` (`in_proj_weight` = q, k, v rows joined; `proj` is (width, projected): the transpose of `visual_projection.weight`) |
    | `openai_state_dict.pt` | the same as a plain `torch.save` (zip) state dict, plus text-side entries with clashing leaf names (`positional_embedding`, `text_projection`, `logit_scale`, `token_embedding.weight`, `transformer.resblocks.0.*`, `ln_final.*`, int64 `input_resolution`) that must not be taken for the vision tower's |
    | `openai_torchscript.pt`, `openai_torchscript_scripted.pt` | the same network as TorchScript archives (traced, scripted), without debug records; `forward(pixels)` gives `tokens_projected` |
    | `openai_torchscript_fp16.pt` | traced archive with float16 weights (the form OpenAI publishes): must load into float32; weights equal to 1e-3 relative, output to about 2e-2 |
    | `openai_checkpoint_module_prefix.pt` | `torch.save` of {epoch, name, state_dict} with the prefix `module.` (the form of training checkpoints) |

    * `before_final_norm`: the library's `last_hidden_state`; `tokens_normed`: final norm applied to
      ALL tokens (the library applies it to the class token only); `tokens_projected`: those times the
      projection; `image_embeds`: the library's class-token output = `tokens_projected[:, 0]`
    * other sizes than the configuration's: positions interpolated with
      `torch.nn.functional.interpolate(mode="bicubic", align_corners=False, size=(rows, columns))`, no
      antialiasing; the class position is left alone; tests allow 5e-5 there"""
    model = load_model(CLIPVisionModelWithProjection, folder, dtype)
    tower = getattr(model, "vision_model")
    outputs = {}
    for name, pixels in folder.load("inputs.safetensors", dtype).items():
        set_grid(tower.embeddings, tower.embeddings.position_embedding.weight, pixels,
                 tower.embeddings.patch_size)
        with torch.no_grad():
            out = model(pixels, interpolate_pos_encoding=True)
            normed = tower.post_layernorm(out.last_hidden_state)
            outputs |= {f"{name}.before_final_norm": out.last_hidden_state,
                        f"{name}.tokens_normed": normed,
                        f"{name}.tokens_projected": model.visual_projection(normed),
                        f"{name}.image_embeds": out.image_embeds}
    return {"outputs.safetensors": outputs,
            "weights_openai.safetensors": openai_names(folder.load("weights.safetensors"))}


class QuickGelu(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(OrderedDict(c_fc=nn.Linear(width, hidden), gelu=QuickGelu(),
                                             c_proj=nn.Linear(hidden, width)))
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, width, layers, heads, hidden):
        super().__init__()
        self.resblocks = nn.Sequential(*[Block(width, heads, hidden) for _ in range(layers)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.resblocks(x)


class Visual(nn.Module):
    """The tower under OpenAI's names; all tokens are projected."""

    def __init__(self, config):
        super().__init__()
        width, patch = config["hidden_size"], config["patch_size"]
        tokens = (config["image_size"] // patch) ** 2 + 1
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros(tokens, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Transformer(width, config["num_hidden_layers"],
                                       config["num_attention_heads"], config["intermediate_size"])
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.zeros(width, config["projection_dim"]))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.conv1(image).flatten(2).permute(0, 2, 1)
        first = self.class_embedding + torch.zeros_like(x[:, :1])
        x = self.ln_pre(torch.cat([first, x], dim=1) + self.positional_embedding)
        x = self.transformer(x.permute(1, 0, 2)).permute(1, 0, 2)
        return self.ln_post(x) @ self.proj


class OpenAiModel(nn.Module):
    """The tower beside the text side's entries, whose names end like the tower's."""

    def __init__(self, config):
        super().__init__()
        self.visual = Visual(config)
        self.positional_embedding = nn.Parameter(torch.zeros(5, 8))
        self.text_projection = nn.Parameter(torch.zeros(8, config["projection_dim"]))
        self.logit_scale = nn.Parameter(torch.tensor(2.5))
        self.transformer = Transformer(8, 1, 2, 8)
        self.token_embedding = nn.Embedding(7, 8)
        self.ln_final = nn.LayerNorm(8)
        self.register_buffer("input_resolution", torch.tensor(config["image_size"]))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.visual(image)


def openai_model(folder):
    model = OpenAiModel(folder.load_json("config.json")).eval()
    Draw(4113).fill(model)
    model.load_state_dict(folder.load("weights_openai.safetensors"), strict=False)
    return model


def pack(folder):
    model = openai_model(folder)
    pixels = folder.load("inputs.safetensors")["pixels"]
    state = OrderedDict(model.state_dict())
    save_zip(state, folder.path / "openai_state_dict.pt")
    prefixed = OrderedDict((f"module.{name}", tensor) for name, tensor in state.items())
    save_zip({"epoch": 5, "name": "small", "state_dict": prefixed},
             folder.path / "openai_checkpoint_module_prefix.pt")
    save_script(torch.jit.script(model), folder.path / "openai_torchscript_scripted.pt")
    save_script(torch.jit.trace(model, pixels), folder.path / "openai_torchscript.pt")
    save_script(torch.jit.trace(model.half(), pixels.half(), check_tolerance=1e-2),
                folder.path / "openai_torchscript_fp16.pt")


def verify(folder):
    weights = folder.load("weights_openai.safetensors")
    expected = folder.load("outputs.safetensors")["pixels.tokens_projected"]
    pixels = folder.load("inputs.safetensors")["pixels"]
    tensors = {
        "openai_state_dict.pt": torch.load(folder.path / "openai_state_dict.pt"),
        "openai_checkpoint_module_prefix.pt": {
            name.removeprefix("module."): tensor for name, tensor in torch.load(
                folder.path / "openai_checkpoint_module_prefix.pt")["state_dict"].items()}}
    for form in ("", "_scripted", "_fp16"):
        file = f"openai_torchscript{form}.pt"
        archive = torch.jit.load(folder.path / file)
        tensors[file] = cast(archive.state_dict(), torch.float32)
        half = form == "_fp16"
        with torch.no_grad():
            projected = archive(pixels.half() if half else pixels).float()
        if difference(projected, expected, file) > (2e-2 if half else 1e-5):
            raise SystemExit(f"{folder.path / file}: computes something else")
    for file, state in tensors.items():
        found = {name: state[name].detach() for name in weights}
        if difference(found, weights, file) > (1e-3 if "fp16" in file else 0):
            raise SystemExit(f"{folder.path / file}: holds other tensors")


PARTS = {"models/clip_vision": Part("CLIP vision tower", draw, compute, 2e-5, pack=pack,
                                    verify=verify)}
