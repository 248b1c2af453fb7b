// CheXpert v1.0 in any of its releases, and the 5x200 sets drawn from it.
#include "biplane/corpus/chexpert.h"

#include "biplane/core/error.h"
#include "biplane/corpus/corpora/chexpert_tables.h"

namespace biplane {
namespace {

std::vector<Study> read(const PrepareOptions& options, Funnel& funnel) {
  return read_chexpert(options, funnel, {Split::kTrain, Split::kValidate, Split::kTest});
}

std::vector<Study> read_5x200(const PrepareOptions& options, Funnel& funnel) {
  if (options.split.rule.empty() && options.split.lists.empty())
    throw Error(ErrorKind::kUsage,
                "chexpert-5x200: three different sets are in use; name which: --split mgca draws "
                "it from train.csv by MGCA's rule, --split-list test=FILE takes the images of a "
                "csv with a column Path");
  return read_chexpert(options, funnel, {Split::kTrain});
}

// The set is defined on labels of which blank means absent.
std::string fill_blanks(Study& study) {
  for (const char* label : kChexpertLabels) {
    study.labels.emplace(label, 0);
    study.labels_chexpert.emplace(label, 0);
  }
  return {};
}

}  // namespace

Corpus chexpert_corpus() {
  return {.name = "chexpert",
          .summary = "CheXpert: 14 labels, frontals and laterals",
          .tree =
              "train.csv, valid.csv    Path,Sex,Age,Frontal/Lateral,AP/PA and 14 labels; here or "
              "in CheXpert-v1.0*/\n"
              "test.csv, test_labels.csv or groundtruth.csv\n"
              "                        Path or Study, and labels (may be absent)\n"
              "train/patient00001/study1/view1_frontal.jpg, valid/..., test/..., or in any other "
              "folders\n",
          .needs = {{"train.csv", "CheXpert*/train.csv", "valid.csv", "CheXpert*/valid.csv"}},
          .read = &read,
          .otherwise = ViewPosition::kPA};
}

Corpus chexpert_5x200_corpus() {
  return {.name = "chexpert-5x200",
          .summary = "five findings with 200 images each, from CheXpert; --split says which set",
          .tree =
              "train.csv               of CheXpert; here or in CheXpert-v1.0*/\n"
              "train/patient00001/study1/view1_frontal.jpg, or in any other folders\n",
          .needs = {{"train.csv", "CheXpert*/train.csv"}},
          .read = &read_5x200,
          .complete = &fill_blanks,
          .otherwise = ViewPosition::kPA};
}

}  // namespace biplane
