#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "biplane/corpus/manifest.h"

namespace biplane {

// Which labels of a study a classifier is taught, and what the ones that are not certain mean to
// it; the section `labels` of a task's configuration.
struct TaskLabels {
  // multilabel: each class is there or not, on its own; multiclass: a study is of exactly one.
  std::string kind = "multilabel";
  std::string source = "own";      // own: the corpus's own names; chexpert: Study::labels_chexpert
  std::vector<std::string> names;  // the classes; empty: every label of the training studies
  // What -1 (uncertain) is taught as: unknown (no part of the loss), absent or present.
  std::string uncertain = "unknown";
  std::vector<std::string>
      uncertain_present;          // classes whose -1 is present whatever the above says
  std::string blank = "unknown";  // what a missing label is taught as: unknown, absent

  template <class V>
  void visit(V& v) {
    v.field("kind", kind);
    v.field("source", source);
    v.field("names", names);
    v.field("uncertain", uncertain);
    v.field("uncertain_present", uncertain_present);
    v.field("blank", blank);
  }
};

// Throws Error kUsage naming the key ("labels.kind") and the value that cannot be.
void check_task_labels(const TaskLabels& labels);

// The same with `names` filled in from the studies `chosen` where it is empty: those of the source
// that some of them has a label for, in the order of their names (chexpert: of its tables). Throws
// Error kUsage for a name that none of them has, naming the nearest, and for a single class that
// excludes no other.
TaskLabels with_names(TaskLabels labels, const Manifest& manifest,
                      std::span<const std::int64_t> chosen);

// What a study teaches of each class of labels.names: 1, 0, or NaN where nothing is known. Of a
// multiclass study that has none or several of the classes, or an uncertain one: NaN throughout.
std::vector<float> label_row(const TaskLabels& labels, const Study& study);

// Whether anything is known in a row.
bool any_known(std::span<const float> row);

}  // namespace biplane
