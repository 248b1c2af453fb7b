#pragma once

#include <cstdint>
#include <string>

namespace biplane {

constexpr double kMaxContrastScale = 100.0;  // bound of a learned 1 / temperature

// Contrast of globals, L_itc (method section 5). Keys are loss.itc.*.
struct ItcConfig {
  double weight = 1.0;       // 0 switches the term off
  double temperature = 0.1;  // of the softmax; the start where it is learned
  bool learned = false;      // learn the logarithm of 1 / temperature, kept at most 100
  std::string text_negatives =
      "with_view";  // with_view: only texts of studies with the view are columns; all: every text
  std::string weights = "mean";  // mean: of those of {FT, LT} that exist; fixed: each counts half
                                 // whatever the other is

  template <class V>
  void visit(V& v) {
    v.field("weight", weight);
    v.field("temperature", temperature);
    v.field("learned", learned);
    v.field("text_negatives", text_negatives);
    v.field("weights", weights);
  }
};

// Masked words, L_mlm (section 3).
struct MlmLossConfig {
  double weight = 1.0;

  template <class V>
  void visit(V& v) {
    v.field("weight", weight);
  }
};

// Frontal-lateral alignment, L_fla (section 4).
struct FlaConfig {
  double weight = 1.0;
  std::string units =
      "words";  // words: without punctuation and stop words; pieces: every word piece
  std::int64_t image_negatives =
      3;  // m, laterals (frontals) of other studies in the image half; 0: the word half alone
  double temperature = 0.07;
  bool batch_negatives = false;  // word half against the words of all studies of the batch
  std::int64_t gap_every = 50;   // steps between values of fla/shuffle_gap; 0: never

  template <class V>
  void visit(V& v) {
    v.field("weight", weight);
    v.field("units", units);
    v.field("image_negatives", image_negatives);
    v.field("temperature", temperature);
    v.field("batch_negatives", batch_negatives);
    v.field("gap_every", gap_every);
  }
};

// Prototypes, L_proto (section 5).
struct ProtoConfig {
  double weight = 1.0;
  std::int64_t queue = 3072;  // Q, past features per tower that take part in the codes; 0: none
  std::int64_t freeze_steps = 200;  // first steps in which the prototypes get no gradient
  double epsilon = 0.0;             // of Sinkhorn-Knopp; 0: 0.05 sqrt(128 / D)
  double temperature = 0.0;         // of the prediction; 0: 2 epsilon
  std::int64_t iterations = 3;

  template <class V>
  void visit(V& v) {
    v.field("weight", weight);
    v.field("queue", queue);
    v.field("freeze_steps", freeze_steps);
    v.field("epsilon", epsilon);
    v.field("temperature", temperature);
    v.field("iterations", iterations);
  }
};

// The weighted sum that is trained; section `loss` of a configuration.
struct LossConfig {
  ItcConfig itc;
  MlmLossConfig mlm;
  FlaConfig fla;
  ProtoConfig proto;
  std::int64_t diagnostics_every =
      10;  // steps between values of the diagnostics that cost time; 0: never

  template <class V>
  void visit(V& v) {
    v.field("itc", itc);
    v.field("mlm", mlm);
    v.field("fla", fla);
    v.field("proto", proto);
    v.field("diagnostics_every", diagnostics_every);
  }
};

// Throws Error kUsage naming the key and value of the first setting that cannot be. `prefix` is put
// before key names.
void check_config(const LossConfig& config, const std::string& prefix = "loss.");

}  // namespace biplane
