#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace biplane {

enum class ViewPosition { kPA, kAP, kLateral, kUnknown };
enum class Split { kTrain, kValidate, kTest };

const char* view_name(ViewPosition view);  // "PA", "AP", "LATERAL", "UNKNOWN"
const char* split_name(Split split);       // "train", "validate", "test"
std::optional<ViewPosition> parse_view(const std::string& name);
std::optional<Split> parse_split(const std::string& name);
inline bool is_frontal(ViewPosition v) { return v == ViewPosition::kPA || v == ViewPosition::kAP; }

// An image that is part of a larger file (a shard of a pack), reduced or as it was.
struct StoredImage {
  std::int64_t offset = 0, length = 0;  // bytes; length 0: the image is a file of its own
  std::int64_t rows = 0, cols = 0;      // as it is stored
};

// One image of a study.
struct View {
  std::string path;  // relative to the manifest's folder (or to data.root)
  ViewPosition view = ViewPosition::kUnknown;
  std::string laterality;           // as the source gives it; empty if unknown
  std::int64_t rows = 0, cols = 0;  // of the original image, which boxes speak of
  std::string sha256;               // of the encoded image; empty if not computed
  StoredImage stored = {};
};

struct Report {
  std::string findings, impression, other;
  std::string text;           // what training uses; empty: the study has no usable report
  std::string language = {};  // ISO 639 code ("es"); empty where the corpus does not say
};

// Ground truth rectangle in pixels of the original image, 0-based corner.
struct Box {
  std::int64_t view = 0;  // index into Study::views
  std::string label;
  double x = 0, y = 0, w = 0, h = 0;
  std::string reader;
  std::string phrase = {};  // the words of a report that it shows; empty where there are none
};

// Ground truth mask: COCO run lengths (column-major, starting with zeros).
struct Mask {
  std::int64_t view = 0;
  std::string label;
  std::vector<std::int64_t> rle;
  std::int64_t rows = 0, cols = 0;
};

// A study is the same as another one (body, way it was taken, noise) but for one finding that it
// lacks.
struct Counterfactual {
  std::string of;       // study_id of the other one
  std::string removed;  // the finding
};

// One line of manifest.jsonl (format 1; data.md section 1).
struct Study {
  std::string study_id, patient_id;
  // Corpus -> the name that the patient has there, where it is another one and known.
  std::map<std::string, std::string> patient_in;
  std::string sex;            // "M", "F" or empty
  std::optional<double> age;  // years
  // Place among the patient's studies by date, from 1, and the one before; both counted in the
  // whole corpus, whether or not that one is in the manifest. Nothing where no date is known.
  std::optional<std::int64_t> study_order;
  std::string prior_study_id;
  Split split = Split::kTrain;
  std::vector<View> views;
  Report report;
  // Label -> 1 present, 0 absent, -1 uncertain; a label that is null in the file is left out.
  std::map<std::string, int> labels;
  std::map<std::string, int> labels_chexpert;
  std::string label_source;  // who or what labelled, where a corpus has several; else empty
  // Finding -> views in which an ideal observer sees it ("frontal", "lateral"); phantom only.
  std::map<std::string, std::vector<std::string>> visible_in;
  // The same of views where he may or may not; without the findings that have none.
  std::map<std::string, std::vector<std::string>> doubtful_in;
  // Finding -> how the report speaks of it: "stated", "uncertain" or "denied"; left out where it
  // does not. Phantom only.
  std::map<std::string, std::string> said;
  std::vector<Box> boxes;
  std::vector<Mask> masks;
  std::optional<Counterfactual> counterfactual;  // phantom only
  std::string source_file;
  std::int64_t source_row = 0;
};

// Keeps the views at these places, in this order. Boxes and masks follow their view; those of a
// view that is not kept are removed, and their number is returned.
std::int64_t keep_views(Study& study, const std::vector<std::size_t>& kept);

// What stays in memory of every study of a manifest, however long that is: enough to choose and to
// count.
struct StudySummary {
  std::string study_id, patient_id;
  std::map<std::string, std::string> patient_in;  // Study::patient_in
  Split split = Split::kTrain;
  bool has_frontal = false, has_lateral = false;
  bool has_report = false;  // Report::text is not empty
  std::string language;     // Report::language
  std::int32_t views = 0;

  void add(ViewPosition view);
};

StudySummary summary_of(const Study& study);

}  // namespace biplane
