#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "biplane/corpus/selection.h"
#include "biplane/imaging/preprocess.h"
#include "biplane/text/masking.h"

namespace biplane {

// What is trained on and how it is read (the keys under `data.` of a configuration).
struct DataConfig {
  std::string manifest;  // manifest.jsonl or its folder
  std::string root;      // folder that image paths are relative to; empty: the manifest's own
  std::string split = "train";  // train, validate, test, all
  std::string views = "any";    // "both": only studies with a frontal and a lateral
  // Manifests (each FILE, FOLDER or CORPUS=FILE) whose patients are not trained on: their studies
  // are as good as not in the manifest. See corpus/exclusion.h.
  std::vector<std::string> exclude_patients_of;
  std::int64_t limit = 0;  // only the first N of those by study id in byte order; 0: all
  bool invert = false;     // the studies that split, views and limit would leave out
  // Of several images of one kind: "random" one each epoch, or the "first" in the manifest.
  // Evaluation takes the first.
  std::string view_sampling = "random";
  PreprocessOptions image;
  bool random_crop = true;  // false: the centred crop in training too
  // Random crops of a study's frontal and lateral start at the same height: both show one body, so
  // what lies at a height of one view lies at that height of the other.
  bool shared_crop = false;
  std::int64_t max_tokens = 128;  // longest report, [CLS] and [SEP] among them; the rest is cut off
  std::string vocabulary;         // vocab.txt; empty: trained on the reports that are trained on
  std::int64_t vocabulary_size = 2000;  // of a trained vocabulary
  bool lowercase = true;                // of the tokenizer
  std::string lexicon;  // YAML file; empty: the English one that comes with the program
  MaskingOptions masking;
  // Labels of the label term (loss.labels), names in Study::labels; empty: the 14 of CheXpert, from
  // Study::labels_chexpert.
  std::vector<std::string> labels;
  std::int64_t workers =
      2;  // threads that read and decode; 0: none, batches are made where they are used
  std::int64_t prefetch = 4;  // batches made ahead
  std::int64_t cache_mib =
      1024;  // decoded images and tokenised reports kept in memory, at most; 0: none

  template <class V>
  void visit(V& v) {
    v.field("manifest", manifest);
    v.field("root", root);
    v.field("split", split);
    v.field("views", views);
    v.field("exclude_patients_of", exclude_patients_of);
    v.field("limit", limit);
    v.field("invert", invert);
    v.field("view_sampling", view_sampling);
    v.field("image", image);
    v.field("random_crop", random_crop);
    v.field("shared_crop", shared_crop);
    v.field("max_tokens", max_tokens);
    v.field("vocabulary", vocabulary);
    v.field("vocabulary_size", vocabulary_size);
    v.field("lowercase", lowercase);
    v.field("lexicon", lexicon);
    v.field("masking", masking);
    v.field("labels", labels);
    v.field("workers", workers);
    v.field("prefetch", prefetch);
    v.field("cache_mib", cache_mib);
  }

  // Names of the labels of the label term.
  std::vector<std::string> label_names() const;
  // The studies that are trained on: split, views, limit, invert; a report is always required.
  StudyFilter filter() const;
};

// Throws Error kUsage naming the key ("data.max_tokens") and the value that cannot be.
void check_data_config(const DataConfig& config);

}  // namespace biplane
