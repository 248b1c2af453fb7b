#pragma once

#include <cstdint>
#include <string>

namespace biplane {

constexpr double kMaxContrastScale = 100.0;  // bound of a learned 1 / temperature

// Weights of the contrasts that make up L_itc; 0 switches one off and saves its cost.
struct ItcPairs {
  double frontal_text = 1.0;     // FT, of studies with a frontal
  double lateral_text = 1.0;     // LT, of studies with a lateral
  double fused_text = 1.0;       // (FL)T, fused feature, of all studies
  double frontal_lateral = 0.0;  // frontal against lateral, of studies with both

  template <class V>
  void visit(V& v) {
    v.field("frontal_text", frontal_text);
    v.field("lateral_text", lateral_text);
    v.field("fused_text", fused_text);
    v.field("frontal_lateral", frontal_lateral);
  }
};

// Targets of the contrasts with the text where several studies have the same report. Reports are
// the same if their words are (case and punctuation aside), or if the cosine of their text globals
// is above the threshold.
struct SoftTargetConfig {
  double weight = 0.0;     // part of the target that goes evenly to all studies of the same report
  double threshold = 1.0;  // in (0, 1]; 1: same words only

  template <class V>
  void visit(V& v) {
    v.field("weight", weight);
    v.field("threshold", threshold);
  }
};

// Contrast of globals, L_itc (method section 5). Keys are loss.itc.*.
struct ItcConfig {
  double weight = 1.0;            // 0 switches the term off
  std::string kind = "info_nce";  // info_nce; sigmoid: pairwise, scale and bias always learned
  double temperature = 0.1;       // of the softmax; the start where it is learned
  bool learned = false;           // learn the logarithm of 1 / temperature, kept at most 100
  double bias = -10.0;            // start of the sigmoid's learned bias
  std::string text_negatives =
      "with_view";  // with_view: only texts of studies with the view are columns; all: every text
  std::string weights = "mean";  // mean: of those of {FT, LT} that exist; fixed: each counts half
                                 // whatever the other is
  ItcPairs pairs;
  SoftTargetConfig soft_targets;

  bool learns_scale() const { return learned || kind == "sigmoid"; }

  template <class V>
  void visit(V& v) {
    v.field("weight", weight);
    v.field("kind", kind);
    v.field("temperature", temperature);
    v.field("learned", learned);
    v.field("bias", bias);
    v.field("text_negatives", text_negatives);
    v.field("weights", weights);
    v.field("pairs", pairs);
    v.field("soft_targets", soft_targets);
  }
};

// Masked words, L_mlm (section 3).
struct MlmLossConfig {
  double weight = 1.0;
  // Part of a batch's studies that the term sees, evenly spread over it; (0, 1]. Less costs less
  // and is noisier: for short runs, whose contrast needs many steps.
  double share = 1.0;

  template <class V>
  void visit(V& v) {
    v.field("weight", weight);
    v.field("share", share);
  }
};

// Frontal-lateral alignment, L_fla (section 4).
struct FlaConfig {
  double weight = 1.0;
  double share = 1.0;  // as of L_mlm
  std::string units =
      "words";  // words: without punctuation and stop words; pieces: every word piece
  std::int64_t image_negatives =
      3;  // m, laterals (frontals) of other studies in the image half; 0: the word half alone
  double temperature = 0.07;
  std::string word_weights = "none";  // attention: of [CLS] in the text tower's last layer
  bool batch_negatives = false;       // word half against the words of all studies of the batch
  std::int64_t gap_every = 50;        // steps between values of fla/shuffle_gap; 0: never

  template <class V>
  void visit(V& v) {
    v.field("weight", weight);
    v.field("share", share);
    v.field("units", units);
    v.field("image_negatives", image_negatives);
    v.field("temperature", temperature);
    v.field("word_weights", word_weights);
    v.field("batch_negatives", batch_negatives);
    v.field("gap_every", gap_every);
  }
};

// Prototypes, L_proto (section 5).
struct ProtoConfig {
  double weight = 1.0;
  std::int64_t queue = 3072;  // Q, past features per tower that take part in the codes; 0: none
  std::int64_t freeze_steps = 200;  // first steps in which the prototypes get no gradient
  std::int64_t freeze_epochs = 0;   // the same in passes over the studies; wins where above 0
  double epsilon = 0.0;             // of Sinkhorn-Knopp; 0: 0.05 sqrt(128 / D)
  double temperature = 0.0;         // of the prediction; 0: 2 epsilon
  std::int64_t iterations = 3;

  // freeze_steps, or what freeze_epochs makes of it for this number of batches in an epoch.
  std::int64_t frozen_steps(std::int64_t batches_per_epoch) const {
    return freeze_epochs > 0 ? freeze_epochs * batches_per_epoch : freeze_steps;
  }

  template <class V>
  void visit(V& v) {
    v.field("weight", weight);
    v.field("queue", queue);
    v.field("freeze_steps", freeze_steps);
    v.field("freeze_epochs", freeze_epochs);
    v.field("epsilon", epsilon);
    v.field("temperature", temperature);
    v.field("iterations", iterations);
  }
};

// Sentences against the patches they are about, L_local (section 5). Off by default.
struct LocalConfig {
  double weight = 0.0;
  double temperature = 0.1;            // of the contrast
  double attention_temperature = 0.1;  // of the cosines that pool a view's patches for a sentence

  template <class V>
  void visit(V& v) {
    v.field("weight", weight);
    v.field("temperature", temperature);
    v.field("attention_temperature", attention_temperature);
  }
};

// Labels of the study from the fused feature, L_labels (section 5). Off by default.
struct LabelsConfig {
  double weight = 0.0;

  template <class V>
  void visit(V& v) {
    v.field("weight", weight);
  }
};

// The weighted sum that is trained; section `loss` of a configuration.
struct LossConfig {
  std::string views = "both";  // frontal (lateral): every term works as if no study had the other
  ItcConfig itc;
  MlmLossConfig mlm;
  FlaConfig fla;
  ProtoConfig proto;
  LocalConfig local;
  LabelsConfig labels;
  std::int64_t diagnostics_every =
      10;  // steps between values of the diagnostics that cost time; 0: never

  // Whether a term trains the fused feature.
  bool uses_fused() const {
    return (itc.weight > 0.0 && itc.pairs.fused_text > 0.0) || labels.weight > 0.0;
  }

  template <class V>
  void visit(V& v) {
    v.field("views", views);
    v.field("itc", itc);
    v.field("mlm", mlm);
    v.field("fla", fla);
    v.field("proto", proto);
    v.field("local", local);
    v.field("labels", labels);
    v.field("diagnostics_every", diagnostics_every);
  }
};

// How many of the first `studies` of a batch a term with this share sees.
std::int64_t studies_seen(double share, std::int64_t studies);

// Throws Error kUsage naming the key and value of the first setting that cannot be. `prefix` is put
// before key names.
void check_config(const LossConfig& config, const std::string& prefix = "loss.");

// The same for a share with which a term, or the image half of L_fla, would never see enough of a
// micro-batch of `studies` (of all ranks).
void check_shares(const LossConfig& config, std::int64_t studies,
                  const std::string& prefix = "loss.");

}  // namespace biplane
