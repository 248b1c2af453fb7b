// A phantom in the layout of a corpus, prepared: the truth of its own manifest comes back.
#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "biplane/formats/rle.h"
#include "biplane/phantom/label_maps.h"
#include "biplane/text/report.h"
#include "tests/corpus/corpus_tree.h"
#include "tests/phantom/layout_files.h"

namespace biplane {
namespace {

using testing::study_of;

using Place = std::pair<std::string, std::array<double, 4>>;  // label, box

// The truth and what `prepare` makes of the layout's files, study by study.
struct RoundTrip {
  testing::WrittenLayout phantom;
  PreparedCorpus made;

  explicit RoundTrip(const std::string& corpus, std::int64_t size = 64)
      : phantom(testing::layout_options(corpus, size)) {
    PrepareOptions options;
    options.root = phantom.folder.path();
    made = prepare_corpus(find_corpus(corpus), options);
    EXPECT_NO_THROW(made.funnel.check_bad(0));
    EXPECT_EQ(made.studies.size(), phantom.manifest.summaries().size());
  }

  // Calls check(truth, own) for every study; images are compared here.
  template <class Check>
  void each(const Check& check) const {
    std::map<std::string, const Study*> by_path;
    for (const Study& study : made.studies) by_path[study.views.at(0).path] = &study;
    std::map<std::string, std::string> patients;
    for (const Study& truth : phantom.manifest.read_all()) {
      ASSERT_EQ(by_path.count(truth.views[0].path), 1u) << truth.views[0].path;
      const Study& own = *by_path[truth.views[0].path];
      EXPECT_EQ(own.views[0].sha256, truth.views[0].sha256);
      EXPECT_EQ(own.views[0].rows, truth.views[0].rows);
      EXPECT_TRUE(is_frontal(own.views[0].view));
      // Whoever is one patient in the corpus is one in the truth.
      EXPECT_EQ(patients.emplace(own.patient_id, truth.patient_id).first->second, truth.patient_id);
      check(truth, own);
    }
  }
};

void expect_person(const Study& truth, const Study& own) {
  EXPECT_EQ(own.sex, truth.sex);
  EXPECT_EQ(own.age, std::floor(truth.age.value()));
  EXPECT_EQ(own.views[0].view, truth.views[0].view);
}

std::multiset<Place> places(const Study& study) {
  std::multiset<Place> out;
  for (const Box& box : study.boxes) out.insert({box.label, {box.x, box.y, box.w, box.h}});
  return out;
}

// Boxes of the truth under the names that `rename` gives; empty: not in this corpus.
template <class Rename>
std::multiset<Place> renamed(const Study& truth, const Rename& rename) {
  Study copy;
  for (Box box : truth.boxes) {
    box.label = rename(corpus_labels(box.label));
    if (!box.label.empty()) copy.boxes.push_back(box);
  }
  return places(copy);
}

TEST(CorporaRoundTrip, RsnaBoxesAndClassesComeBack) {
  std::size_t boxed = 0;
  const RoundTrip trip("rsna");
  trip.each([&](const Study& truth, const Study& own) {
    const auto wanted = renamed(truth, [](const CorpusLabels& labels) {
      return std::string(labels.rsna_opacity ? "Lung Opacity" : "");
    });
    EXPECT_EQ(places(own), wanted);
    EXPECT_EQ(own.labels.at("Lung Opacity"), wanted.empty() ? 0 : 1);
    EXPECT_EQ(own.labels.at("Normal"), wanted.empty() ? truth.labels_chexpert.at("No Finding") : 0);
    expect_person(truth, own);
    boxed += wanted.size();
  });
  EXPECT_GT(boxed, 5u);
}

TEST(CorporaRoundTrip, SiimMasksComeBackPixelByPixel) {
  std::size_t masked = 0;
  const RoundTrip trip("siim", 100);  // a side that does not divide 1024
  trip.each([&](const Study& truth, const Study& own) {
    std::vector<std::uint8_t> wanted(10000);
    for (const Mask& mask : truth.masks)
      if (mask.label == "pneumothorax") wanted = decode_rle(mask.rle, mask.rows, mask.cols);
    const bool any = std::count(wanted.begin(), wanted.end(), 1) > 0;
    ASSERT_EQ(own.masks.size(), any ? 1u : 0u);
    EXPECT_EQ(own.labels.at("Pneumothorax"), any ? 1 : 0);
    expect_person(truth, own);
    EXPECT_EQ(own.split == Split::kTest, truth.split == Split::kTest);
    if (!any) return;
    EXPECT_EQ(own.masks[0].rle, encode_rle(wanted, 100, 100));
    ++masked;
  });
  EXPECT_GT(masked, 3u);
}

std::map<std::string, std::tuple<ViewPosition, std::int64_t, std::string>> views_of(
    const Study& study) {
  std::map<std::string, std::tuple<ViewPosition, std::int64_t, std::string>> views;
  for (const View& view : study.views) views[view.path] = {view.view, view.rows, view.sha256};
  return views;
}

// Sentences that only name the views are no part of the training text.
std::string without_view_names(const std::string& text) {
  static const Lexicon lexicon = Lexicon::english();
  std::string out;
  for (const std::string& sentence : split_sentences(text))
    if (!lexicon.only_names_views(sentence)) out += (out.empty() ? "" : " ") + sentence;
  return out;
}

TEST(CorporaRoundTrip, MimicViewsLabelsReportsSplitsAndOrderComeBack) {
  const RoundTrip trip("mimic");
  std::map<std::string, const Study*> by_path;
  for (const Study& study : trip.made.studies)
    for (const View& view : study.views) by_path[view.path] = &study;
  std::map<std::string, std::string> patients, last_of;
  std::map<std::string, std::int64_t> studies_of;
  std::int64_t several = 0;
  for (const Study& truth : trip.phantom.manifest.read_all()) {
    ASSERT_TRUE(by_path.contains(truth.views[0].path));
    const Study& own = *by_path[truth.views[0].path];
    EXPECT_EQ(views_of(own), views_of(truth));
    EXPECT_EQ(own.split, truth.split);
    EXPECT_EQ(own.labels_chexpert, truth.labels_chexpert);
    EXPECT_EQ(own.report.findings, truth.report.findings);
    EXPECT_EQ(own.report.impression, truth.report.impression);
    EXPECT_EQ(own.report.text, without_view_names(truth.report.text));
    EXPECT_EQ(patients.emplace(own.patient_id, truth.patient_id).first->second, truth.patient_id);
    // The layout dates a patient's studies in the order of the manifest.
    EXPECT_EQ(own.study_order, ++studies_of[own.patient_id]);
    EXPECT_EQ(own.prior_study_id, last_of[own.patient_id]);
    last_of[own.patient_id] = own.study_id;
    several += studies_of[own.patient_id] > 1 ? 1 : 0;
  }
  EXPECT_EQ(testing::reasons_of(trip.made.funnel), (std::map<std::string, std::int64_t>{}));
  EXPECT_GT(several, 10);
}

// Path, hash and whether it is a lateral: a list of pairs does not say AP.
std::set<std::tuple<std::string, std::string, bool>> images_of(const Study& study) {
  std::set<std::tuple<std::string, std::string, bool>> images;
  for (const View& view : study.views)
    images.insert({view.path, view.sha256, view.view == ViewPosition::kLateral});
  return images;
}

TEST(CorporaRoundTrip, PairsImagesReportsLabelsAndPatientsComeBack) {
  const testing::WrittenLayout phantom(testing::layout_options("pairs"));
  PrepareOptions options;
  options.root = phantom.folder.path();
  const PreparedCorpus made = prepare_corpus(find_corpus("pairs"), options);
  EXPECT_TRUE(testing::reasons_of(made.funnel).empty());
  ASSERT_EQ(made.studies.size(), phantom.manifest.summaries().size());
  std::size_t positives = 0;
  for (const Study& truth : phantom.manifest.read_all()) {
    const Study& own = study_of(made, truth.study_id);
    EXPECT_EQ(own.patient_id, truth.patient_id);
    EXPECT_EQ(images_of(own), images_of(truth));
    EXPECT_EQ(own.report.text, without_view_names(truth.report.text));
    std::map<std::string, int> present = truth.labels;
    std::erase_if(present, [](const auto& label) { return label.second != 1; });
    EXPECT_EQ(own.labels, present);
    positives += present.size();
  }
  EXPECT_GT(positives, 50u);
}

TEST(CorporaRoundTrip, NihLabelsBoxesPeopleAndListsComeBack) {
  std::size_t boxed = 0, compared = 0;
  const RoundTrip trip("nih");
  trip.each([&](const Study& truth, const Study& own) {
    const std::vector<std::string> positive = nih_labels(truth);
    for (const auto& [label, value] : own.labels) {
      const bool present = label == "No Finding" ? positive.empty()
                                                 : std::find(positive.begin(), positive.end(),
                                                             label) != positive.end();
      EXPECT_EQ(value, present ? 1 : 0) << label;
    }
    const auto wanted = renamed(truth, [](const CorpusLabels& labels) {
      const std::string name = labels.nih_box == nullptr ? "" : labels.nih_box;
      return name == "Infiltrate" ? "Infiltration" : name;
    });
    EXPECT_EQ(places(own), wanted);
    boxed += wanted.size();
    expect_person(truth, own);
    EXPECT_EQ(own.split == Split::kTest, truth.split == Split::kTest);
    for (const auto& [label, value] : own.labels_chexpert) {
      if (label == "No Finding" || !truth.labels_chexpert.contains(label)) continue;
      EXPECT_EQ(value, truth.labels_chexpert.at(label)) << label;
      ++compared;
    }
  });
  EXPECT_GT(boxed, 20u);
  EXPECT_GT(compared, 500u);
}

TEST(CorporaRoundTrip, CovidxClassesAndSplitsComeBack) {
  const RoundTrip trip("covidx");
  trip.each([&](const Study& truth, const Study& own) {
    for (const auto& [label, value] : own.labels)
      EXPECT_EQ(value, label == covidx_class(truth) ? 1 : 0);
    EXPECT_EQ(own.labels.size(), 3u);
    EXPECT_EQ(own.split, truth.split);
  });
}

TEST(CorporaRoundTrip, ObjectCxrBoxesAndSplitsComeBack) {
  std::size_t boxed = 0;
  const RoundTrip trip("object-cxr");
  trip.each([&](const Study& truth, const Study& own) {
    const auto wanted = renamed(truth, [](const CorpusLabels& labels) {
      return std::string(labels.foreign == ForeignShape::kNone ? "" : "Foreign Object");
    });
    EXPECT_EQ(places(own), wanted);
    EXPECT_EQ(own.labels.at("Foreign Object"), wanted.empty() ? 0 : 1);
    EXPECT_EQ(own.split, truth.split);
    boxed += wanted.size();
  });
  EXPECT_GT(boxed, 20u);
}

}  // namespace
}  // namespace biplane
