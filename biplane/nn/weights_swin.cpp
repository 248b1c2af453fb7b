#include "biplane/nn/weights_swin.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "biplane/core/error.h"

namespace biplane {
namespace {

// Pairs (theirs, ours) of name beginnings; # stands for a number, the same one on both sides.
using Renaming = std::vector<std::pair<std::string, std::string>>;

std::optional<std::string> renamed(const std::string& name, const std::string& theirs,
                                   const std::string& ours) {
  std::vector<std::string> numbers;
  std::size_t at = 0;
  for (const char expected : theirs) {
    if (expected != '#') {
      if (at >= name.size() || name[at++] != expected) return std::nullopt;
      continue;
    }
    const std::size_t end = std::min(name.find_first_not_of("0123456789", at), name.size());
    if (end == at) return std::nullopt;
    numbers.push_back(name.substr(at, end - at));
    at = end;
  }
  std::string result;
  auto number = numbers.begin();
  for (const char c : ours) result += c == '#' ? *number++ : std::string(1, c);
  return result + name.substr(at);
}

TensorMap rename_all(const TensorMap& source, const Renaming& renaming,
                     const std::string& description) {
  TensorMap result;
  for (const auto& [name, tensor] : source) {
    for (const auto& [theirs, ours] : renaming) {
      const auto own = renamed(name, theirs, ours);
      if (!own) continue;
      result.insert_or_assign(*own, tensor);
      break;
    }
  }
  if (result.empty()) throw Error(ErrorKind::kBadContent, "no tensor has a name of " + description);
  return result;
}

// Replaces "...attn.q.weight", "k", "v" by the rows of "...attn.in_proj_weight"; the same for the
// biases.
void join_rows(TensorMap& weights) {
  const std::string query = ".attn.q.";
  TensorMap joined;
  for (const auto& [name, tensor] : weights) {
    const std::size_t at = name.find(query);
    if (at == std::string::npos) continue;
    std::vector<torch::Tensor> rows;
    for (const char* part : {".attn.q.", ".attn.k.", ".attn.v."}) {
      const auto found = weights.find(name.substr(0, at) + part + name.substr(at + query.size()));
      if (found == weights.end())
        throw Error(ErrorKind::kBadContent,
                    "keys or values that belong to " + name + " are missing");
      rows.push_back(found->second);
    }
    joined.emplace(name.substr(0, at) + ".attn.in_proj_" + name.substr(at + query.size()),
                   at::cat(rows, 0));
  }
  std::erase_if(weights, [](const auto& item) {
    return item.first.find(".attn.q.") != std::string::npos ||
           item.first.find(".attn.k.") != std::string::npos ||
           item.first.find(".attn.v.") != std::string::npos;
  });
  weights.merge(joined);
}

bool is_square(std::int64_t count) {
  const auto side = std::llround(std::sqrt(static_cast<double>(count)));
  return side * side == count;
}

}  // namespace

TensorMap swin_weights(const TensorMap& source) {
  static const Renaming kRenaming{
      {"encoder.layers.#.blocks.#.layernorm_before.", "stages.#.blocks.#.ln_1."},
      {"encoder.layers.#.blocks.#.layernorm_after.", "stages.#.blocks.#.ln_2."},
      {"encoder.layers.#.blocks.#.attention.self.query.", "stages.#.blocks.#.attn.q."},
      {"encoder.layers.#.blocks.#.attention.self.key.", "stages.#.blocks.#.attn.k."},
      {"encoder.layers.#.blocks.#.attention.self.value.", "stages.#.blocks.#.attn.v."},
      {"encoder.layers.#.blocks.#.attention.self.relative_position_bias_table",
       "stages.#.blocks.#.relative_position_bias"},
      {"encoder.layers.#.blocks.#.attention.output.dense.", "stages.#.blocks.#.attn.out_proj."},
      {"encoder.layers.#.blocks.#.intermediate.dense.", "stages.#.blocks.#.mlp.c_fc."},
      {"encoder.layers.#.blocks.#.output.dense.", "stages.#.blocks.#.mlp.c_proj."},
      {"encoder.layers.#.downsample.", "stages.#.downsample."},
      {"embeddings.patch_embeddings.projection.", "patch_"},
      {"embeddings.norm.", "ln_embed."},
      {"layernorm.", "ln_post."},
      {"layers.#.blocks.#.norm1.", "stages.#.blocks.#.ln_1."},
      {"layers.#.blocks.#.norm2.", "stages.#.blocks.#.ln_2."},
      {"layers.#.blocks.#.attn.qkv.", "stages.#.blocks.#.attn.in_proj_"},
      {"layers.#.blocks.#.attn.relative_position_bias_table",
       "stages.#.blocks.#.relative_position_bias"},
      {"layers.#.blocks.#.attn.proj.", "stages.#.blocks.#.attn.out_proj."},
      {"layers.#.blocks.#.mlp.fc1.", "stages.#.blocks.#.mlp.c_fc."},
      {"layers.#.blocks.#.mlp.fc2.", "stages.#.blocks.#.mlp.c_proj."},
      {"layers.#.downsample.", "stages.#.downsample."},
      {"patch_embed.proj.", "patch_"},
      {"patch_embed.norm.", "ln_embed."},
      {"norm.", "ln_post."}};
  TensorMap weights = rename_all(source, kRenaming, "a Swin transformer");
  join_rows(weights);
  return weights;
}

TensorMap dinov2_weights(const TensorMap& source) {
  static const Renaming kRenaming{
      {"encoder.layer.#.norm1.", "blocks.#.ln_1."},
      {"encoder.layer.#.norm2.", "blocks.#.ln_2."},
      {"encoder.layer.#.attention.attention.query.", "blocks.#.attn.q."},
      {"encoder.layer.#.attention.attention.key.", "blocks.#.attn.k."},
      {"encoder.layer.#.attention.attention.value.", "blocks.#.attn.v."},
      {"encoder.layer.#.attention.output.dense.", "blocks.#.attn.out_proj."},
      {"encoder.layer.#.layer_scale1.lambda1", "blocks.#.scale_1"},
      {"encoder.layer.#.layer_scale2.lambda1", "blocks.#.scale_2"},
      {"encoder.layer.#.mlp.fc1.", "blocks.#.mlp.c_fc."},
      {"encoder.layer.#.mlp.fc2.", "blocks.#.mlp.c_proj."},
      {"embeddings.cls_token", "class_embedding"},
      {"embeddings.register_tokens", "registers"},
      {"embeddings.position_embeddings", "positional_embedding"},
      {"embeddings.patch_embeddings.projection.", "patch_"},
      {"layernorm.", "ln_post."},
      {"blocks.#.norm1.", "blocks.#.ln_1."},
      {"blocks.#.norm2.", "blocks.#.ln_2."},
      {"blocks.#.attn.qkv.", "blocks.#.attn.in_proj_"},
      {"blocks.#.attn.proj.", "blocks.#.attn.out_proj."},
      {"blocks.#.ls1.gamma", "blocks.#.scale_1"},
      {"blocks.#.ls2.gamma", "blocks.#.scale_2"},
      {"blocks.#.mlp.fc1.", "blocks.#.mlp.c_fc."},
      {"blocks.#.mlp.fc2.", "blocks.#.mlp.c_proj."},
      {"cls_token", "class_embedding"},
      {"register_tokens", "registers"},
      {"reg_token", "registers"},
      {"pos_embed", "positional_embedding"},
      {"patch_embed.proj.", "patch_"},
      {"norm.", "ln_post."}};
  TensorMap weights = rename_all(source, kRenaming, "a DINOv2 vision transformer");
  join_rows(weights);
  if (const auto found = weights.find("class_embedding"); found != weights.end())
    found->second = found->second.flatten();
  for (const char* name : {"registers", "positional_embedding"}) {
    if (const auto found = weights.find(name); found != weights.end() && found->second.dim() == 3)
      found->second = found->second.squeeze(0);
  }
  const auto positions = weights.find("positional_embedding");
  if (positions != weights.end() && is_square(positions->second.size(0)))
    positions->second = at::constant_pad_nd(positions->second, {0, 0, 1, 0});
  return weights;
}

}  // namespace biplane
