#include "biplane/train/pretrain.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "biplane/core/share.h"
#include "biplane/corpus/named_manifest.h"
#include "biplane/model/checkpoint.h"
#include "biplane/model/package.h"
#include "biplane/model/pretrain_objective.h"
#include "biplane/text/unicode.h"
#include "biplane/train/config_keys.h"
#include "biplane/train/device.h"
#include "biplane/train/initial_weights.h"
#include "biplane/train/late_size.h"
#include "biplane/train/loader_source.h"
#include "biplane/train/run_data.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> shipped_prompts() {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(share_file("prompts"))) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// What results on the same corpus are marked by.
std::string corpus_name(const RunData& data) {
  return counted_corpus("", data.manifest->path(),
                        CorpusRelations::read(share_file("corpora/relations.yaml")));
}

ModelDescription describe(const PretrainConfig& config, const RunData& data,
                          const std::vector<std::string>& initial_corpora) {
  const auto lacks = [&](bool StudySummary::*has) {
    return std::any_of(data.chosen.begin(), data.chosen.end(),
                       [&](std::int64_t index) { return !(data.manifest->summary(index).*has); });
  };
  const WordPieceTokenizer& tokenizer = data.dataset->text().tokenizer;
  ModelProvenance provenance;
  provenance.seed = config.seed;
  provenance.studies = data.dataset->size();
  provenance.corpora = initial_corpora;
  provenance.corpora.push_back(corpus_name(data));
  provenance.alignment_trained = config.loss.fla.weight > 0;
  provenance.mlm_trained = config.loss.mlm.weight > 0;
  provenance.masking = config.data.masking;
  if (config.loss.labels.weight > 0) provenance.labels = config.data.label_names();
  const bool fused = config.loss.uses_fused(), mean = config.model.fusion == "mean";
  provenance.absent_frontal_trained =
      mean || (fused && (config.model.view_dropout.frontal > 0 ||
                         lacks(&StudySummary::has_frontal) || config.loss.views == "lateral"));
  provenance.absent_lateral_trained =
      mean || (fused && (config.model.view_dropout.lateral > 0 ||
                         lacks(&StudySummary::has_lateral) || config.loss.views == "frontal"));
  provenance.fusion_trained = mean || fused;
  provenance.frontal_trained = config.loss.views != "lateral";
  provenance.lateral_trained = config.loss.views != "frontal";
  return {config.model,
          config.data.image,
          tokenizer.options(),
          provenance,
          tokenizer.vocabulary(),
          shipped_prompts(),
          config.data.lexicon.empty() ? std::string() : lexicon_text(config.data)};
}

// The description of the model after `step` of `total` updates: it is used at the image size that
// the last of them saw.
ModelDescription after_step(ModelDescription description, const PretrainConfig& config,
                            std::int64_t total, std::int64_t step) {
  description.provenance.steps = step;
  description.preprocess = image_of_step(config, total, std::max<std::int64_t>(step, 1) - 1);
  return description;
}

// Reads init.*, or what a checkpoint of the run keeps of it: then the files may be gone.
InitialWeights start_of_run(PretrainConfig& config, const fs::path& out) {
  const InitConfig& init = config.init;
  if (init.model.empty() && init.frontal.empty() && init.lateral.empty() && init.text.empty())
    return {};
  std::optional<KeptStart> kept = read_kept_start(out);
  if (!kept) return read_initial_weights(config);
  if (config.data.vocabulary.empty() && !(init.model.empty() && init.text.empty()))
    config.data.vocabulary = kept->vocabulary.string();
  return std::move(kept->initial);
}

// The weights of the network and the label head, without what the objective keeps beside them.
TensorMap network_weights(Objective& objective) {
  TensorMap weights = module_state(objective.module());
  std::erase_if(weights, [](const auto& item) {
    return !is_model_state(item.first) && !item.first.starts_with(kLabelHead);
  });
  return weights;
}

// Checkpoints and the model's description hold paths and names as JSON, which is UTF-8.
void require_utf8(const std::string& key, const std::string& value) {
  std::string again;
  for (const char32_t code : decode_utf8(value)) append_utf8(again, code);
  if (again == value) return;
  throw Error(ErrorKind::kUsage,
              fmt::format("{} = {}: a byte in it is not UTF-8; give it another name", key, value));
}

}  // namespace

void check_pretrain_config(const PretrainConfig& config) {
  if (config.data.manifest.empty())
    throw Error(ErrorKind::kUsage, "data.manifest is not set: a manifest.jsonl is needed");
  check_pretrain_settings(config);
  // The model is said to be trained on the folder of that name.
  require_utf8("data.manifest", fs::weakly_canonical(config.data.manifest).string());
}

void check_pretrain_settings(const PretrainConfig& config) {
  if (config.seed < 0)
    throw Error(ErrorKind::kUsage, fmt::format("seed = {}: 0 or more is needed", config.seed));
  for (const auto& [key, value] : config_keys(config)) require_utf8(key, value);
  check_data_config(config.data);
  check_config(config.model);
  check_config(config.loss);
  check_train_config(config.train);
  check_shares(config.loss, config.train.batch / config.train.accumulate);
  if (config.model.image_size != config.data.image.crop) {
    throw Error(ErrorKind::kUsage,
                fmt::format("model.image_size = {} but data.image.crop = {}: they must be equal",
                            config.model.image_size, config.data.image.crop));
  }
  check_late_size(config);
  const InitConfig& init = config.init;
  if (!init.model.empty() && !(init.frontal.empty() && init.lateral.empty() && init.text.empty())) {
    throw Error(ErrorKind::kUsage,
                "init.model gives every tower: leave out init.frontal, init.lateral and init.text");
  }
  if (config.model.max_tokens != config.data.max_tokens) {
    throw Error(ErrorKind::kUsage,
                fmt::format("model.max_tokens = {} but data.max_tokens = {}: they must be equal",
                            config.model.max_tokens, config.data.max_tokens));
  }
}

PretrainResult pretrain(const PretrainConfig& given, const fs::path& out, const TrainHooks& hooks) {
  PretrainConfig config = given;
  check_pretrain_config(config);
  require_utf8("--out", out.string());
  training_device(config.train);  // before any data is read
  InitialWeights initial = start_of_run(config, out);
  for (const std::string& note : initial.notes) hooks.log(note);
  RunData data = read_run_data(config.data, static_cast<std::uint64_t>(config.seed));
  // A place in a checkpoint would not last.
  if (initial.weights.empty()) config.data.vocabulary = given.data.vocabulary;
  for (const std::string& line : report_warnings(data, config.data)) hooks.log(line);
  config.model.text.bert.vocabulary = data.dataset->text().tokenizer.vocabulary().size();
  check_vocabulary(initial, config);
  check_frozen_towers(config.model, initial.imported);

  const ModelDescription description = describe(config, data, initial.corpora);
  const std::string fingerprint = data_fingerprint(data, config.data);
  // The source alone keeps the data set, and lets it go with its cache where the size changes.
  LoaderSource source(std::move(data.dataset), config, hooks.log);
  // A whole model goes on at one learning rate; beside imported towers the rest learns faster.
  PretrainSettings settings;
  settings.model = config.model;
  settings.loss = config.loss;
  settings.seed = static_cast<std::uint64_t>(config.seed);
  settings.labels = static_cast<std::int64_t>(config.data.label_names().size());
  if (config.init.model.empty()) settings.imported = initial.imported.names;
  settings.loss.proto.freeze_steps = config.loss.proto.frozen_steps(source.batches_per_epoch());
  PretrainResult result;
  TrainJob job;
  job.make_objective = [&]() -> std::unique_ptr<Objective> {
    auto objective = std::make_unique<PretrainObjective>(settings);
    load_initial_weights(*objective, initial);
    initial.weights.clear();  // the first objective's parameters are those of all
    return objective;
  };
  job.batches = {[&](std::int64_t index) { return source.batch(index); },
                 source.batches_per_epoch()};
  job.config = config.train;
  job.seed = static_cast<std::uint64_t>(config.seed);
  job.run = out;
  job.identity = {print_config(config), config_keys(config), fingerprint};
  job.companions = [&](const fs::path& folder, std::int64_t step) {
    write_model_description(folder, after_step(description, config, source.steps(), step));
    if (!initial.imported.names.empty()) write_kept_start(folder, initial);
  };
  job.finish = [&](Objective& objective) {
    source.report();
    save_model_package(out / "model",
                       after_step(description, config, source.steps(), source.steps()),
                       network_weights(objective));
    result.model = out / "model";
  };
  TrainResult trained = train(job, hooks);
  result.outcome = trained.outcome;
  result.steps = trained.steps;
  result.last = std::move(trained.last);
  return result;
}

}  // namespace biplane
