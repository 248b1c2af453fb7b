#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "biplane/imaging/preprocess.h"
#include "biplane/model/config.h"
#include "biplane/nn/tensor_file.h"
#include "biplane/text/masking.h"
#include "biplane/text/vocabulary.h"
#include "biplane/text/wordpiece.h"

namespace biplane {

// How a model came to be; part of config.json and of the model card.
struct ModelProvenance {
  std::int64_t seed = 0;
  std::int64_t steps = 0;            // optimizer steps done
  std::int64_t studies = 0;          // studies trained on
  std::vector<std::string> corpora;  // names of the pre-training corpora, of imported towers too
  bool alignment_trained = true;  // the frontal-lateral term was on: attention maps mean something
  bool absent_frontal_trained = true;  // training used the vectors that stand for a missing view
  bool absent_lateral_trained = true;
  bool fusion_trained = true;   // a term used the fused feature, or nothing in it is learned
  bool frontal_trained = true;  // the terms used this view
  bool lateral_trained = true;
  bool mlm_trained = true;  // the masked-word term was on: selection and predictions mean something
  MaskingOptions masking;   // of the reports it was trained on
  // Labels that the label head predicts from the fused feature, in its order; empty: it has none.
  std::vector<std::string> labels;

  template <class V>
  void visit(V& v) {
    v.field("seed", seed);
    v.field("steps", steps);
    v.field("studies", studies);
    v.field("corpora", corpora);
    v.field("alignment_trained", alignment_trained);
    v.field("absent_frontal_trained", absent_frontal_trained);
    v.field("absent_lateral_trained", absent_lateral_trained);
    v.field("fusion_trained", fusion_trained);
    v.field("frontal_trained", frontal_trained);
    v.field("lateral_trained", lateral_trained);
    v.field("mlm_trained", mlm_trained);
    v.field("masking", masking);
    v.field("labels", labels);
  }
};

// Everything about a model but its weights: enough to use it on another machine.
struct ModelDescription {
  ModelConfig config;
  PreprocessOptions preprocess;
  WordPieceOptions tokenizer;
  ModelProvenance provenance;
  Vocabulary vocabulary;
  std::vector<std::filesystem::path>
      prompts;  // YAML files (text/prompts.h): copied when written, those found when read
  std::string
      lexicon;  // YAML (text/lexicon.h) that the model was trained with; empty: the shipped one
};

// Writes config.json, vocab.txt, preprocess.json, prompts/, model_card.md and, where it is not the
// shipped one, lexicon.yaml into an existing folder. With model.safetensors and SHA256SUMS beside
// them the folder is a model directory: what a checkpoint's companions do.
void write_model_description(const std::filesystem::path& folder,
                             const ModelDescription& description);

// Writes a model directory: under a temporary name beside it, with SHA256SUMS, then moved into
// place (an older one at that place is replaced). weights: parameters and buffers of
// MultiviewModel, and of the label head where provenance.labels names one. Throws Error kIo.
void save_model_package(const std::filesystem::path& folder, const ModelDescription& description,
                        const TensorMap& weights);

// What write_model_description wrote into a model directory or checkpoint, without its weights.
// Throws Error kMissingInput, kBadContent naming the file.
ModelDescription read_model_description(const std::filesystem::path& folder);

struct ModelPackage {
  std::filesystem::path folder;  // of the model directory or checkpoint
  ModelDescription description;
  TensorMap weights;
  std::string weights_sha256;     // of model.safetensors
  std::string preprocess_sha256;  // of preprocess.json
};

// The model directory that `--model PATH` means: PATH itself if it holds config.json and
// model.safetensors (a model directory or a checkpoint), else PATH/model (a run), else the newest
// whole one of PATH/checkpoints. Throws Error kMissingInput.
std::filesystem::path find_model(const std::filesystem::path& path);

// Reads what find_model(path) finds, after proving SHA256SUMS. Throws Error kMissingInput,
// kBadContent naming the file.
ModelPackage load_model_package(const std::filesystem::path& path);

}  // namespace biplane
