#pragma once

#include <cstdint>
#include <string>

#include "biplane/data/config.h"
#include "biplane/model/config.h"
#include "biplane/model/loss_config.h"
#include "biplane/train/config.h"

namespace biplane {

// Where a run's first weights come from.
struct InitConfig {
  // A model directory of the same architecture, whose weights the run starts from; its vocabulary
  // is used where data.vocabulary is empty. Empty: random weights from `seed`.
  std::string model;
  // The start of one tower: a folder that `biplane import` wrote, or published weights
  // (docs/weights.md). init.text's vocab.txt is used where data.vocabulary is empty.
  std::string frontal, lateral, text;

  template <class V>
  void visit(V& v) {
    v.field("model", model);
    v.field("frontal", frontal);
    v.field("lateral", lateral);
    v.field("text", text);
  }
};

// Everything that determines a pre-training run: the file that `pretrain --config` reads.
struct PretrainConfig {
  std::int64_t seed = 0;  // of weights, order, crops, masks and dropout; 0 or more
  DataConfig data;
  ModelConfig
      model;  // model.text.bert.vocabulary is set to the size of the vocabulary, whatever it says
  LossConfig loss;
  TrainConfig train;
  InitConfig init;

  template <class V>
  void visit(V& v) {
    v.field("seed", seed);
    v.field("data", data);
    v.field("model", model);
    v.field("loss", loss);
    v.field("train", train);
    v.field("init", init);
  }
};

// Throws Error kUsage naming the first key whose value cannot be used, or two keys that contradict
// each other.
void check_pretrain_config(const PretrainConfig& config);

// The same for a configuration that has no manifest yet.
void check_pretrain_settings(const PretrainConfig& config);

}  // namespace biplane
