#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/corpus/corpora/corpus.h"
#include "tests/corpus/small_corpus.h"
#include "tests/test_data.h"

namespace biplane::testing {

// "stage: reason" -> count, of every reason of a funnel.
inline std::map<std::string, std::int64_t> reasons_of(const Funnel& funnel) {
  std::map<std::string, std::int64_t> counts;
  for (const FunnelStage& stage : funnel.stages())
    for (const FunnelStage::Reason& reason : stage.reasons())
      counts[stage.name() + ": " + reason.name] = reason.count;
  return counts;
}

inline std::int64_t items_in(const Funnel& funnel, const std::string& name) {
  for (const FunnelStage& stage : funnel.stages())
    if (stage.name() == name) return stage.in();
  ADD_FAILURE() << "no stage " << name;
  return -1;
}

// What the last stage of studies lets through.
inline std::int64_t studies_out(const Funnel& funnel) {
  std::int64_t out = -1;
  for (const FunnelStage& stage : funnel.stages())
    if (stage.unit() == "studies") out = stage.out();
  return out;
}

// Puts views into the order of a preparation: PA, AP, lateral, others.
inline void sort_views(Study& study) {
  std::stable_sort(study.views.begin(), study.views.end(),
                   [](const View& a, const View& b) { return a.view < b.view; });
}

// The files of a corpus, written by hand.
class CorpusTree {
 public:
  void file(const std::string& name, const std::string& content) {
    make_folder((folder_ / name).parent_path());
    write_file_atomically(folder_ / name, content);
  }
  // An image of 24 x 24 (a PNG whatever its name says).
  void image(const std::string& name) { write_test_image(folder_ / name, ++images_); }

  PreparedCorpus prepare(const std::string& corpus, const SplitFractions& fractions = {}) const {
    PreparedCorpus made = prepare_corpus(find_corpus(corpus), options(fractions));
    EXPECT_EQ(studies_out(made.funnel), static_cast<std::int64_t>(made.studies.size()));
    return made;
  }
  // Without the images.
  PreparedCorpus read(const std::string& corpus, const SplitFractions& fractions = {}) const {
    PreparedCorpus result;
    result.studies = read_corpus(find_corpus(corpus), options(fractions), result.funnel);
    return result;
  }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  PrepareOptions options(const SplitFractions& fractions) const {
    PrepareOptions options;
    options.root = folder_.path();
    options.fractions = fractions;
    return options;
  }

  TemporaryFolder folder_;
  int images_ = 0;
};

inline const Study& study_of(const PreparedCorpus& prepared, const std::string& id) {
  for (const Study& study : prepared.studies)
    if (study.study_id == id) return study;
  ADD_FAILURE() << "no study " << id;
  static const Study none;
  return none;
}

}  // namespace biplane::testing
