#include "biplane/model/model_card.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace biplane {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string tower_line(const char* name, const TowerConfig& tower) {
  if (tower.kind == "swin") {
    return fmt::format("| {} | swin, patch {}, width {}, stages of {} layers, window {}{} |\n",
                       name, tower.swin.patch, tower.swin.width, fmt::join(tower.swin.depths, ", "),
                       tower.swin.window, tower.frozen ? ", frozen" : "");
  }
  return fmt::format("| {} | {}, {}patch {}, width {}, {} layers, {} heads{} |\n", name, tower.kind,
                     tower.vit.stem.empty() ? "" : "convolutional stem, ", tower.vit.patch,
                     tower.vit.width, tower.vit.layers, tower.vit.heads,
                     tower.frozen ? ", frozen" : "");
}

}  // namespace

std::string model_card(const ModelDescription& description) {
  const ModelConfig& config = description.config;
  const ModelProvenance& provenance = description.provenance;
  std::string card =
      "# Two-view chest X-ray vision-language model\n\n"
      "Embeds a frontal and a lateral radiograph, each alone or both fused, and a report into one "
      "space.\n\n"
      "| part | |\n|---|---|\n";
  card += tower_line("frontal tower", config.frontal) + tower_line("lateral tower", config.lateral);
  card += fmt::format("| text tower | {}, {} pooling, width {}, {} layers, {} heads |\n",
                      config.text.kind, config.text.pooling, config.text.bert.width,
                      config.text.bert.layers, config.text.bert.heads);
  card +=
      fmt::format("| shared width | {} |\n| image size | {} px |\n| vocabulary | {} tokens |\n\n",
                  config.width, description.preprocess.crop, description.vocabulary.size());
  card += "## Training\n\n";
  card += fmt::format("- corpora: {}\n- studies: {}\n- optimizer steps: {}\n- seed: {}\n",
                      provenance.corpora.empty() ? "not recorded" : joined(provenance.corpora),
                      provenance.studies, provenance.steps, provenance.seed);
  card += fmt::format(
      "- masked words: {}\n- frontal-lateral alignment: {}\n- studies without a lateral: {}\n",
      provenance.mlm_trained ? "trained" : "not trained, so the patches it selects mean nothing",
      provenance.alignment_trained ? "trained" : "not trained, so its attention maps mean nothing",
      provenance.absent_lateral_trained
          ? "seen in training"
          : "never seen in training, so features without a lateral mean nothing");
  const auto idle = [&](bool trained, const char* part, const char* use) {
    if (!trained)
      card += fmt::format("- {}: not trained, so features {} mean nothing\n", part, use);
  };
  idle(provenance.frontal_trained, "frontal tower", "of a frontal");
  idle(provenance.lateral_trained, "lateral tower", "of a lateral");
  idle(provenance.fusion_trained, "fusion", "of both views");
  card += '\n';
  card +=
      "## Files\n\n"
      "`config.json` (architecture, tokenizer), `model.safetensors` (weights), `vocab.txt`, "
      "`preprocess.json` "
      "(from image file to input), `prompts/` (zero-shot prompts), `SHA256SUMS`.\n\n"
      "## Use\n\n"
      "Research only. Not a medical device: it was not validated for diagnosis, and its scores "
      "must not guide the care of "
      "patients.\n";
  return card;
}

std::string training_summary(const ModelProvenance& provenance) {
  const std::string corpora = joined(provenance.corpora);
  return fmt::format("{}{}{} studies, {} steps", corpora, corpora.empty() ? "" : ", ",
                     provenance.studies, provenance.steps);
}

}  // namespace biplane
