#include "biplane/nn/published_names.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/nn/published_schemes.h"

namespace biplane {
namespace {

constexpr std::size_t kMostTowers = 16;  // of one scheme in a file
constexpr int kMostStages = 16;          // of a Swin transformer; published ones have four

std::string_view leading_digits(std::string_view text) {
  std::size_t count = 0;
  while (count < text.size() && std::isdigit(static_cast<unsigned char>(text[count])) != 0) ++count;
  return text.substr(0, count);
}

// The own name that a rule gives to `name`; nothing where it does not fit.
std::optional<std::string> apply_rule(std::string_view name, std::string_view theirs,
                                      std::string_view ours) {
  std::vector<std::string_view> parts;  // what '#' and '*' stood for, in order
  while (!theirs.empty()) {
    if (theirs[0] == '*') {
      parts.push_back(name);
      name = {};
      break;
    }
    if (theirs[0] == '#') {
      const std::string_view digits = leading_digits(name);
      if (digits.empty()) return std::nullopt;
      parts.push_back(digits);
      name.remove_prefix(digits.size());
    } else {
      if (name.empty() || name[0] != theirs[0]) return std::nullopt;
      name.remove_prefix(1);
    }
    theirs.remove_prefix(1);
  }
  if (!name.empty()) return std::nullopt;
  std::string result;
  auto part = parts.begin();
  for (const char c : ours) {
    if (c == '#' || c == '*') {
      result += *part++;
    } else {
      result += c;
    }
  }
  return result;
}

// "a.b." -> "a."; "a." -> "".
std::string_view parent_of(std::string_view prefix) {
  if (!prefix.empty()) prefix.remove_suffix(1);
  const std::size_t dot = prefix.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : prefix.substr(0, dot + 1);
}

torch::Tensor turned(const torch::Tensor& tensor, Turn turn) {
  switch (turn) {
    case Turn::kTranspose:
      return tensor.dim() == 2 ? tensor.t().contiguous() : tensor;
    case Turn::kVector:
      return tensor.reshape({-1});
    case Turn::kRows:
      return tensor.dim() > 2 && tensor.numel() > 0 ? tensor.reshape({-1, tensor.size(-1)})
                                                    : tensor;
    case Turn::kNone:
      break;
  }
  return tensor;
}

// "LayerNorm.gamma" and "LayerNorm.beta" of the first BERT releases.
std::string modern_name(std::string name) {
  for (const auto& [old, now] : {std::pair("LayerNorm.gamma", "LayerNorm.weight"),
                                 std::pair("LayerNorm.beta", "LayerNorm.bias")}) {
    if (name.ends_with(old))
      return name.substr(0, name.size() - std::string_view(old).size()) + now;
  }
  return name;
}

// Throws where the q, k and v parts of a layer cannot be joined by their rows.
void check_rows(const MappedTensor& joined, const std::vector<torch::Tensor>& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].dim() > 0 && rows[i].sizes() == rows[0].sizes() &&
        rows[i].scalar_type() == rows[0].scalar_type())
      continue;
    throw Error(ErrorKind::kBadContent, "tensors " + joined.sources[0] + " and " +
                                            joined.sources[i] +
                                            " do not fit together: " + shape_text(rows[0].sizes()) +
                                            " and " + shape_text(rows[i].sizes()));
  }
}

// Replaces "...attn.q.weight", "k", "v" by the rows of "...attn.in_proj_weight"; the same for the
// biases.
void join_projections(std::map<std::string, MappedTensor>& tensors) {
  const std::string marker = ".attn.q.";
  std::vector<std::string> queries;
  for (const auto& [name, tensor] : tensors) {
    if (name.find(marker) != std::string::npos) queries.push_back(name);
  }
  for (const std::string& query : queries) {
    const std::size_t at = query.find(marker);
    const std::string layer = query.substr(0, at), kind = query.substr(at + marker.size());
    MappedTensor joined;
    std::vector<torch::Tensor> rows;
    for (const char* part : {"q", "k", "v"}) {
      const auto found = tensors.find(layer + ".attn." + part + "." + kind);
      if (found == tensors.end()) {
        throw Error(ErrorKind::kBadContent, std::string("the ") + part +
                                                " projection that belongs to " +
                                                tensors.at(query).sources[0] + " is missing");
      }
      rows.push_back(found->second.tensor);
      joined.sources.push_back(found->second.sources[0]);
    }
    check_rows(joined, rows);
    for (const char* part : {"q", "k", "v"}) tensors.erase(layer + ".attn." + part + "." + kind);
    joined.tensor = at::cat(rows, 0);
    tensors.emplace(layer + ".attn.in_proj_" + kind, std::move(joined));
  }
}

// timm keeps the merging of patches at the start of the next stage, the library at the end of its
// own.
void move_merging_to_its_stage(std::map<std::string, MappedTensor>& tensors) {
  const auto own = tensors.lower_bound("stages.0.downsample.");
  if (own != tensors.end() && own->first.starts_with("stages.0.downsample.")) return;
  for (int stage = 1; stage < kMostStages; ++stage) {
    for (const char* part : {"norm.weight", "norm.bias", "reduction.weight"}) {
      const auto name = [&](int number) {
        return "stages." + std::to_string(number) + ".downsample." + part;
      };
      auto node = tensors.extract(name(stage));
      if (node.empty()) continue;
      node.key() = name(stage - 1);
      tensors.insert(std::move(node));
    }
  }
}

// With registers timm adds the class token's position to the token and keeps those of the patches
// only.
void add_class_position(std::map<std::string, MappedTensor>& tensors) {
  const auto registers = tensors.find("registers");
  const auto positions = tensors.find("positional_embedding");
  if (registers == tensors.end() || positions == tensors.end()) return;
  torch::Tensor& table = positions->second.tensor;
  if (!registers->second.sources[0].ends_with("reg_token") || table.dim() != 2) return;
  table = at::cat({torch::zeros({1, table.size(1)}, table.options()), table});
}

// Buffers that follow from the sizes.
bool is_derived(const std::string& name) {
  for (const char* end : {"relative_position_index", "attn_mask", "position_ids"}) {
    if (name.ends_with(end)) return true;
  }
  return false;
}

// Names of the source behind the prefix that start as a block of the scheme does and are not in
// `used`.
std::vector<std::string> strangers_in_blocks(const TensorMap& source, const NamingScheme& scheme,
                                             const std::string& prefix,
                                             const std::set<std::string>& used) {
  std::set<std::string> starts;
  for (const NamingRule& rule : scheme.rules) {
    const std::string theirs = rule.theirs;
    if (const std::size_t number = theirs.find('#'); number != std::string::npos)
      starts.insert(prefix + theirs.substr(0, number));
  }
  std::vector<std::string> strangers;
  for (const std::string& start : starts) {
    for (auto at = source.lower_bound(start); at != source.end() && at->first.starts_with(start);
         ++at) {
      const bool numbered =
          !leading_digits(std::string_view(at->first).substr(start.size())).empty();
      if (numbered && !used.contains(at->first) && !is_derived(at->first))
        strangers.push_back(at->first);
    }
  }
  return strangers;
}

MappedTower map_tower(const TensorMap& source, const NamingScheme& scheme,
                      const std::string& prefix) {
  MappedTower tower{scheme.description, scheme.kind, scheme.style, prefix, {}, {}};
  std::set<std::string> used;
  for (const NamingRule& rule : scheme.rules) {
    std::string_view theirs = rule.theirs;
    std::string_view before = prefix;
    if (theirs.starts_with("../")) {
      theirs.remove_prefix(3);
      before = parent_of(prefix);
    }
    for (auto at = source.lower_bound(std::string(before));
         at != source.end() && at->first.starts_with(before); ++at) {
      const auto ours = apply_rule(at->first.substr(before.size()), theirs, rule.ours);
      if (!ours) continue;
      used.insert(at->first);
      tower.tensors.try_emplace(*ours, MappedTensor{turned(at->second, rule.turn), {at->first}});
    }
  }
  tower.strangers = strangers_in_blocks(source, scheme, prefix, used);
  join_projections(tower.tensors);
  if (tower.kind == "swin") move_merging_to_its_stage(tower.tensors);
  if (tower.kind == "vit") add_class_position(tower.tensors);
  if (tower.tensors.contains("blocks.0.scale_1")) tower.style = "dinov2";
  return tower;
}

// What stands before the scheme's names, for each of its towers in the source.
std::set<std::string> prefixes_of(const TensorMap& source, const NamingScheme& scheme) {
  std::set<std::string> prefixes;
  const std::string_view first = scheme.anchors[0];
  for (const auto& [name, tensor] : source) {
    if (!name.ends_with(first)) continue;
    const std::string prefix = name.substr(0, name.size() - first.size());
    if (!prefix.empty() && prefix.back() != '.') continue;
    const bool all = std::all_of(scheme.anchors.begin(), scheme.anchors.end(),
                                 [&](const char* a) { return source.contains(prefix + a); });
    if (all) prefixes.insert(prefix);
    if (prefixes.size() > kMostTowers)
      throw Error(ErrorKind::kBadContent, "more than " + std::to_string(kMostTowers) +
                                              " encoders have names of " + scheme.description);
  }
  return prefixes;
}

}  // namespace

std::vector<MappedTower> map_towers(const TensorMap& given) {
  TensorMap source;
  std::map<std::string, std::string> original;  // modern name -> name in the file
  for (const auto& [name, tensor] : given) {
    const std::string modern = modern_name(name);
    source.insert_or_assign(modern, tensor);
    original.insert_or_assign(modern, name);
  }
  std::vector<MappedTower> towers;
  for (const NamingScheme& scheme : naming_schemes()) {
    for (const std::string& prefix : prefixes_of(source, scheme)) {
      towers.push_back(map_tower(source, scheme, prefix));
      for (auto& [name, tensor] : towers.back().tensors)
        for (std::string& from : tensor.sources) from = original.at(from);
      for (std::string& from : towers.back().strangers) from = original.at(from);
    }
  }
  std::sort(towers.begin(), towers.end(),
            [](const MappedTower& a, const MappedTower& b) { return a.prefix < b.prefix; });
  return towers;
}

}  // namespace biplane
