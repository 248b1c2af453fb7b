#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "biplane/core/files.h"
#include "biplane/core/random.h"
#include "biplane/corpus/manifest.h"
#include "biplane/formats/rle.h"
#include "biplane/imaging/encode.h"
#include "biplane/inference/engine.h"
#include "biplane/model/checkpoint.h"
#include "biplane/model/package.h"
#include "biplane/text/vocabulary_trainer.h"
#include "tests/test_data.h"

namespace biplane::testing {

constexpr int kSide = 32;  // pixels of the images and of the model's input

constexpr const char* kPromptText = R"(name: small
version: 3
classes:
  nodule:
    positive: [a nodule, round nodule in the lung]
    negative: [no nodule]
  fracture:
    positive: [vertebral fracture]
    negative: [no fracture]
  device:
    positive: [a pacemaker]
    negative: [no pacemaker]
)";

// Studies on disk with a model of random weights. Study i has a frontal, and a lateral unless it is
// in `frontal_only`; two studies in a row are of one patient. nodule is seen in both views,
// fracture in the lateral only; nobody has a device; study 1's nodule is uncertain.
class SmallEvaluation {
 public:
  using Change = std::function<void(Study&)>;  // of the truth that is told
  explicit SmallEvaluation(int studies, int frontal_only = 0, const Change& change = {}) {
    for (int i = 0; i < studies; ++i) {
      studies_.push_back(make_study(i, i < studies - frontal_only));
      if (change) change(studies_.back());
    }
    ManifestWriter writer(manifest_path());
    for (const Study& study : studies_) writer.write(study);
    writer.finish();
    write_file_atomically(folder_ / "small.yaml", kPromptText);
    save_model_package(model_path(), description(), random_weights(description().config));
  }

  std::filesystem::path manifest_path() const { return folder_ / "manifest.jsonl"; }
  std::filesystem::path model_path() const { return folder_ / "run/model"; }
  std::filesystem::path out() const { return folder_ / "out"; }
  const std::filesystem::path& root() const { return folder_.path(); }
  const std::vector<Study>& studies() const { return studies_; }

  ModelDescription description() const {
    std::vector<std::string> texts;
    for (const Study& study : studies_) texts.push_back(study.report.text);
    texts.push_back("a nodule, round nodule in the lung no fracture vertebral pacemaker");
    VocabularyTrainerOptions options;
    options.size = 200;
    const Vocabulary vocabulary = train_vocabulary(texts, options);
    ModelConfig config;
    config.image_size = kSide;
    config.width = 16;
    config.max_tokens = 32;
    for (TowerConfig* tower : {&config.frontal, &config.lateral}) {
      tower->vit.patch = 8;
      tower->vit.width = 16;
      tower->vit.layers = 1;
      tower->vit.heads = 2;
    }
    config.text.bert.vocabulary = vocabulary.size();
    config.text.bert.width = 16;
    config.text.bert.layers = 1;
    config.text.bert.heads = 2;
    config.text.bert.max_positions = 32;
    config.text.bert.init_std = 0.2;
    config.decoder.layers = 1;
    config.decoder.heads = 2;
    config.alignment.heads = 2;
    config.alignment.layers = 1;
    config.prototypes.count = 8;
    ModelProvenance provenance;
    provenance.seed = 7;
    provenance.steps = 12;
    provenance.corpora = {"small"};
    return {config,     {.size = kSide, .crop = kSide}, {}, provenance,
            vocabulary, {folder_ / "small.yaml"},       {}};
  }

  static TensorMap random_weights(const ModelConfig& config) {
    MultiviewModel model(config, /*seed=*/5);
    return module_state(model);
  }

 private:
  static std::string numbered(std::string name, int number) {
    name += std::to_string(number);
    return name;
  }

  std::string write_image(int number, bool lateral, bool nodule) const {
    CounterRandom random(11, lateral ? "lateral" : "frontal", {static_cast<std::uint64_t>(number)});
    GreyImage image = make_grey(kSide, kSide);
    for (std::uint8_t& pixel : image.pixels) pixel = static_cast<std::uint8_t>(random.below(120));
    for (int y = 8; nodule && y < 16; ++y) {
      for (int x = 16; x < 24; ++x) image.pixels[static_cast<std::size_t>(y * kSide + x)] = 250;
    }
    const std::string name = numbered(lateral ? "l" : "f", number) + ".png";
    write_file_atomically(folder_ / name, encode_png(image));
    return name;
  }

  Study make_study(int i, bool with_lateral) const {
    const bool nodule = i % 3 == 0, fracture = i % 4 == 0;
    Study study;
    study.study_id = numbered("s", 100 + i);
    study.patient_id = numbered("p", i / 2);
    study.split = Split::kTest;
    study.views.push_back({write_image(i, false, nodule), ViewPosition::kPA, "", kSide, kSide, ""});
    if (with_lateral)
      study.views.push_back(
          {write_image(i, true, nodule), ViewPosition::kLateral, "", kSide, kSide, ""});
    study.report.text =
        std::string(nodule ? "Round nodule <in> the lung. " : "No nodule. ") +
        numbered(fracture ? "Vertebral fracture. Report number " : "No fracture. Report number ",
                 i / 3);
    study.labels = {{"nodule", i == 1 ? -1 : nodule}, {"fracture", fracture}, {"device", 0}};
    if (nodule) study.visible_in["nodule"] = {"frontal", "lateral"};
    if (fracture) study.visible_in["fracture"] = {"lateral"};
    std::vector<std::uint8_t> mask(kSide * kSide, 0);
    for (int y = 8; y < 16; ++y) {
      for (int x = 16; x < 24; ++x) mask[static_cast<std::size_t>(y * kSide + x)] = 1;
    }
    for (std::size_t view = 0; nodule && view < study.views.size(); ++view) {
      study.masks.push_back({static_cast<std::int64_t>(view), "nodule",
                             encode_rle(mask, kSide, kSide), kSide, kSide});
    }
    return study;
  }

  TemporaryFolder folder_;
  std::vector<Study> studies_;
};

}  // namespace biplane::testing
