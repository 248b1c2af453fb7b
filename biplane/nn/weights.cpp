#include "biplane/nn/weights.h"

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>

#include "biplane/core/error.h"

namespace biplane {
namespace {

// One published naming scheme: what stands before a layer's number, and pairs (theirs, ours) of
// name beginnings inside and outside of layers. Names that no pair fits belong to parts the library
// does not have and are left out.
struct NamingScheme {
  const char* description;
  std::string layer_prefix;
  std::vector<std::pair<std::string, std::string>> in_layer, outside;
};

std::optional<std::string> replace_beginning(
    const std::string& name, const std::vector<std::pair<std::string, std::string>>& pairs) {
  for (const auto& [theirs, ours] : pairs) {
    if (name.starts_with(theirs)) return ours + name.substr(theirs.size());
  }
  return std::nullopt;
}

std::optional<std::string> own_name(const std::string& name, const NamingScheme& scheme) {
  if (!name.starts_with(scheme.layer_prefix)) return replace_beginning(name, scheme.outside);
  const std::size_t dot = name.find('.', scheme.layer_prefix.size());
  if (dot == std::string::npos) return std::nullopt;
  const std::string number =
      name.substr(scheme.layer_prefix.size(), dot - scheme.layer_prefix.size());
  const auto rest = replace_beginning(name.substr(dot + 1), scheme.in_layer);
  return rest ? std::optional("blocks." + number + "." + *rest) : std::nullopt;
}

TensorMap rename(const TensorMap& source, const NamingScheme& scheme) {
  TensorMap renamed;
  for (const auto& [name, tensor] : source) {
    if (const auto ours = own_name(name, scheme)) renamed.insert_or_assign(*ours, tensor);
  }
  if (renamed.empty()) {
    throw Error(ErrorKind::kBadContent, std::string("no tensor has a name of ") +
                                            scheme.description + " (\"" + scheme.layer_prefix +
                                            "0...\" is missing)");
  }
  return renamed;
}

// Replaces "...attn.q.weight", "k", "v" by the rows of "...attn.in_proj_weight"; the same for the
// biases.
void join_projections(TensorMap& weights) {
  const std::string marker = ".attn.q.";
  std::vector<std::string> queries;
  for (const auto& [name, tensor] : weights) {
    if (name.find(marker) != std::string::npos) queries.push_back(name);
  }
  for (const std::string& query : queries) {
    const std::size_t at = query.find(marker);
    const std::string kind = query.substr(at + marker.size());
    std::vector<torch::Tensor> rows;
    for (const char* part : {"q", "k", "v"}) {
      const auto found = weights.find(query.substr(0, at) + ".attn." + part + "." + kind);
      if (found == weights.end()) {
        throw Error(
            ErrorKind::kBadContent,
            "the " + std::string(part) + " projection that belongs to " + query + " is missing");
      }
      rows.push_back(found->second);
      weights.erase(found);
    }
    weights.emplace(query.substr(0, at) + ".attn.in_proj_" + kind, at::cat(rows, 0));
  }
}

std::string shape_text(const torch::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

}  // namespace

TensorMap clip_vision_weights(const TensorMap& openai) {
  static const NamingScheme kScheme{"OpenAI's CLIP vision tower",
                                    "visual.transformer.resblocks.",
                                    {{"", ""}},
                                    {{"visual.conv1.weight", "patch_weight"},
                                     {"visual.class_embedding", "class_embedding"},
                                     {"visual.positional_embedding", "positional_embedding"},
                                     {"visual.ln_pre.", "ln_pre."},
                                     {"visual.ln_post.", "ln_post."},
                                     {"visual.proj", "proj.weight"}}};
  TensorMap weights = rename(openai, kScheme);
  if (const auto proj = weights.find("proj.weight"); proj != weights.end())
    proj->second = proj->second.t();
  return weights;
}

TensorMap clip_vision_library_weights(const TensorMap& source) {
  static const NamingScheme kScheme{
      "the CLIP vision tower of transformers",
      "vision_model.encoder.layers.",
      {{"layer_norm1.", "ln_1."},
       {"layer_norm2.", "ln_2."},
       {"mlp.fc1.", "mlp.c_fc."},
       {"mlp.fc2.", "mlp.c_proj."},
       {"self_attn.out_proj.", "attn.out_proj."},
       {"self_attn.q_proj.", "attn.q."},
       {"self_attn.k_proj.", "attn.k."},
       {"self_attn.v_proj.", "attn.v."}},
      {{"vision_model.embeddings.class_embedding", "class_embedding"},
       {"vision_model.embeddings.patch_embedding.weight", "patch_weight"},
       {"vision_model.embeddings.position_embedding.weight", "positional_embedding"},
       {"vision_model.pre_layrnorm.", "ln_pre."},
       {"vision_model.post_layernorm.", "ln_post."},
       {"visual_projection.", "proj."}}};
  TensorMap weights = rename(source, kScheme);
  join_projections(weights);
  return weights;
}

TensorMap timm_weights(const TensorMap& source) {
  static const NamingScheme kScheme{"a ViT of timm or MAE",
                                    "blocks.",
                                    {{"norm1.", "ln_1."},
                                     {"norm2.", "ln_2."},
                                     {"attn.qkv.weight", "attn.in_proj_weight"},
                                     {"attn.qkv.bias", "attn.in_proj_bias"},
                                     {"attn.proj.", "attn.out_proj."},
                                     {"mlp.fc1.", "mlp.c_fc."},
                                     {"mlp.fc2.", "mlp.c_proj."}},
                                    {{"cls_token", "class_embedding"},
                                     {"pos_embed", "positional_embedding"},
                                     {"patch_embed.proj.weight", "patch_weight"},
                                     {"patch_embed.proj.bias", "patch_bias"},
                                     {"norm.", "ln_post."},
                                     {"fc_norm.", "ln_post."}}};
  TensorMap weights = rename(source, kScheme);
  for (const char* name : {"class_embedding", "positional_embedding"}) {
    if (const auto found = weights.find(name); found != weights.end())
      found->second = found->second.squeeze();
  }
  return weights;
}

TensorMap bert_weights(const TensorMap& source) {
  static const NamingScheme kScheme{
      "a BERT encoder of transformers",
      "encoder.layer.",
      {{"attention.self.query.", "attn.q."},
       {"attention.self.key.", "attn.k."},
       {"attention.self.value.", "attn.v."},
       {"attention.output.dense.", "attn.out_proj."},
       {"attention.output.LayerNorm.", "ln_1."},
       {"intermediate.dense.", "mlp.c_fc."},
       {"output.dense.", "mlp.c_proj."},
       {"output.LayerNorm.", "ln_2."}},
      {{"embeddings.word_embeddings.weight", "word_embeddings"},
       {"embeddings.position_embeddings.weight", "position_embeddings"},
       {"embeddings.token_type_embeddings.weight", "token_type_embeddings"},
       {"embeddings.LayerNorm.", "ln_embeddings."}}};
  TensorMap weights = rename(source, kScheme);
  join_projections(weights);
  return weights;
}

void assign_weights(torch::nn::Module& module, const TensorMap& weights,
                    const std::vector<std::string>& optional) {
  const torch::NoGradGuard no_grad;
  TensorMap targets;
  for (const auto& item : module.named_parameters()) targets.emplace(item.key(), item.value());
  for (const auto& item : module.named_buffers()) targets.emplace(item.key(), item.value());
  for (const auto& [name, tensor] : weights) {
    const auto target = targets.find(name);
    if (target == targets.end())
      throw Error(ErrorKind::kBadContent, "weight " + name + " fits no parameter of the network");
    if (target->second.sizes() != tensor.sizes()) {
      throw Error(ErrorKind::kBadContent, "weight " + name + " has shape " + shape_text(tensor) +
                                              ", the network needs " + shape_text(target->second));
    }
  }
  for (const auto& item : module.named_parameters()) {
    const bool may_miss =
        std::any_of(optional.begin(), optional.end(),
                    [&](const std::string& prefix) { return item.key().starts_with(prefix); });
    if (!may_miss && !weights.contains(item.key())) {
      throw Error(ErrorKind::kBadContent, "no weight for the parameter " + item.key());
    }
  }
  for (const auto& [name, tensor] : weights) targets.at(name).copy_(tensor);
}

}  // namespace biplane
