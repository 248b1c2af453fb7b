"""tests/golden/models/bert and bert_bin."""
from collections import OrderedDict

import torch
from transformers import BertConfig, BertForPreTraining, BertModel

from containers import save_legacy, save_zip
from folder import Draw, Part, cast, difference
from library import draw_model, load_model

GRADIENTS = (
    "embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight",
    "embeddings.token_type_embeddings.weight", "embeddings.LayerNorm.bias",
    "encoder.layer.0.attention.self.value.weight", "encoder.layer.0.attention.self.query.bias",
    "encoder.layer.0.attention.output.LayerNorm.weight", "encoder.layer.0.output.dense.weight",
    "encoder.layer.1.attention.self.key.weight", "encoder.layer.1.attention.output.dense.weight",
    "encoder.layer.1.intermediate.dense.bias", "encoder.layer.1.output.LayerNorm.weight")


def draw_ids(draw, config, lengths):
    """Ids (no 0) and mask of a padded batch."""
    ids = draw.integers(1, config.vocab_size, len(lengths), max(lengths))
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)).long()
    return ids * mask, mask


def draw_bert(folder):
    draw = Draw(4101)
    config = BertConfig(vocab_size=83, hidden_size=18, num_hidden_layers=2, num_attention_heads=3,
                        intermediate_size=54, max_position_embeddings=20, type_vocab_size=3)
    draw_model(BertModel(config), draw, folder)
    ids, mask = draw_ids(draw, config, [11, 1, 8, 4])
    types = draw.integers(0, config.type_vocab_size, *ids.shape) * mask
    folder.save("inputs.safetensors", {
        "input_ids": ids, "attention_mask": mask, "token_type_ids": types,
        "probe": draw.normal(*ids.shape, config.hidden_size)})


def compute_bert(folder, dtype):
    """transformers 5.23.0, torch 2.13.0, class `BertModel`, evaluation mode, attention written out.

    `config.json`: the library's configuration. `weights.safetensors`: `save_pretrained` names
    without prefix. Exact (erf) GELU, layer-norm eps 1e-12. Padding is masked as key; outputs at
    padded places are also compared (a padded query attends the valid words).

    * `hidden_states.0` = embeddings after their layer norm, `.i` = after layer i
    * `last_hidden_state_no_token_types`: the same ids with token types left out (all 0)
    * `grads.safetensors`: `loss` = sum(last_hidden_state * probe * mask) / number of valid words and
      its gradient `grad.<weight name>`; tolerance 1e-4 relative to the largest

    Tests allow 2e-5 absolute on outputs."""
    model = load_model(BertModel, folder, dtype)
    inputs = folder.load("inputs.safetensors", dtype)
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    out = model(ids, mask, inputs["token_type_ids"], output_hidden_states=True)
    outputs = {"last_hidden_state": out.last_hidden_state, "pooler_output": out.pooler_output}
    for i, hidden in enumerate(out.hidden_states):
        outputs[f"hidden_states.{i}"] = hidden
    outputs["last_hidden_state_no_token_types"] = model(ids, mask).last_hidden_state
    loss = (out.last_hidden_state * inputs["probe"] * mask.unsqueeze(2)).sum() / mask.sum()
    loss.backward()
    named = dict(model.named_parameters())
    stored = folder.path / "grads.safetensors"
    names = GRADIENTS
    if stored.exists():
        names = [name[5:] for name in folder.load(stored.name) if name.startswith("grad.")]
    grads = {"loss": loss.detach(), **{f"grad.{name}": named[name].grad for name in names}}
    return {"outputs.safetensors": outputs, "grads.safetensors": grads}


def draw_bert_bin(folder):
    draw = Draw(4102)
    config = BertConfig(vocab_size=59, hidden_size=12, num_hidden_layers=2, num_attention_heads=2,
                        intermediate_size=24, max_position_embeddings=14)
    draw_model(BertForPreTraining(config), draw, folder)
    weights = folder.load("weights.safetensors")
    everything = {"bert.embeddings.position_ids": torch.arange(14).unsqueeze(0), **weights}
    everything["cls.predictions.decoder.weight"] = weights["bert.embeddings.word_embeddings.weight"]
    everything["cls.predictions.decoder.bias"] = weights["cls.predictions.bias"]
    folder.save("weights.safetensors", everything)
    ids, mask = draw_ids(draw, config, [12, 7])
    folder.save("inputs.safetensors", {"input_ids": ids, "attention_mask": mask})


def compute_bert_bin(folder, dtype):
    """transformers 5.23.0, torch 2.13.0, class `BertForPreTraining`, evaluation mode.

    | file | what |
    |---|---|
    | `pytorch_model.bin` | `torch.save` (zip) of an OrderedDict: prefix `bert.`, heads `cls.predictions.*` and `cls.seq_relationship.*`, the int64 buffer `bert.embeddings.position_ids`; `cls.predictions.decoder.weight` shares storage with the word embeddings |
    | `pytorch_model_gamma_beta.bin` | the same with the old names `LayerNorm.gamma` / `LayerNorm.beta` |
    | `pytorch_model_legacy.bin` | the same as first, in the pre-1.6 (not zip) torch format: must load or give a clear error that names the format |
    | `pytorch_model_fp16.bin` | the same as first, floating tensors in float16 (after loading: float32 values equal to 1e-3 relative) |
    | `weights.safetensors` | the same tensors, for comparison |
    | `config.json` | the library's configuration |

    Outputs: last layer of the encoder; vocabulary logits of `cls.predictions` (dense, exact GELU,
    layer norm, tied decoder + bias)."""
    model = load_model(BertForPreTraining, folder, dtype)
    inputs = folder.load("inputs.safetensors", dtype)
    with torch.no_grad():
        out = model(**inputs, output_hidden_states=True)
    return {"outputs.safetensors": {"last_hidden_state": out.hidden_states[-1],
                                    "prediction_logits": out.prediction_logits}}


def pack_bert_bin(folder):
    weights = OrderedDict(folder.load("weights.safetensors"))
    share(weights)
    half = OrderedDict(cast(weights, torch.float16))
    share(half)
    old = OrderedDict((name.replace("LayerNorm.weight", "LayerNorm.gamma")
                       .replace("LayerNorm.bias", "LayerNorm.beta"), tensor)
                      for name, tensor in weights.items())
    save_zip(weights, folder.path / "pytorch_model.bin")
    save_zip(old, folder.path / "pytorch_model_gamma_beta.bin")
    save_zip(half, folder.path / "pytorch_model_fp16.bin")
    save_legacy(weights, folder.path / "pytorch_model_legacy.bin")


def share(weights):
    weights["cls.predictions.decoder.weight"] = weights["bert.embeddings.word_embeddings.weight"]


def verify_bert_bin(folder):
    weights = folder.load("weights.safetensors")
    for form in ("", "_gamma_beta", "_legacy", "_fp16"):
        file = f"pytorch_model{form}.bin"
        loaded = torch.load(folder.path / file, weights_only=True)
        loaded = {name.replace("LayerNorm.gamma", "LayerNorm.weight")
                  .replace("LayerNorm.beta", "LayerNorm.bias"): tensor.float()
                  if tensor.is_floating_point() else tensor for name, tensor in loaded.items()}
        if difference(loaded, weights, file) > (1e-3 if form == "_fp16" else 0):
            raise SystemExit(f"{folder.path / file}: holds other tensors than weights.safetensors")


PARTS = {
    "models/bert": Part("BERT", draw_bert, compute_bert, 2e-5,
                        ("inputs.safetensors", "outputs.safetensors", "grads.safetensors")),
    "models/bert_bin": Part("BERT as `pytorch_model.bin`", draw_bert_bin, compute_bert_bin, 5e-5,
                            pack=pack_bert_bin, verify=verify_bert_bin)}
