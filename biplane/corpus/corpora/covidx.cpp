// COVIDx: lists of versions 8 and 9A (three classes), 9B and CXR-2 to CXR-4 (two).
#include <algorithm>
#include <array>

#include "biplane/core/error.h"
#include "biplane/corpus/corpora/corpus.h"
#include "biplane/corpus/corpora/covidx_lists.h"
#include "biplane/corpus/corpora/fields.h"
#include "biplane/corpus/corpora/images.h"
#include "biplane/corpus/corpora/nih_patients.h"
#include "biplane/corpus/corpora/tables.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

struct List {
  const char* name;  // also of the folder with its images
  Split split;
};
constexpr std::array kLists = {List{"train", Split::kTrain}, List{"val", Split::kValidate},
                               List{"test", Split::kTest}};
constexpr const char* kCovid = "COVID-19";
const std::vector<std::string> kThreeClasses = {"normal", "pneumonia", kCovid};
const std::vector<std::string> kAllClasses = {"normal", "pneumonia", kCovid, "positive",
                                              "negative"};

class Reader {
 public:
  Reader(const PrepareOptions& options, Funnel& funnel)
      : options_(options),
        funnel_(funnel),
        images_(options.root),
        nih_(NihPatients::find(options.root)) {}

  std::vector<Study> read() {
    const bool own_test = find_covidx_list(options_.root, "test").has_value();
    for (const List& list : kLists) {
      const std::optional<fs::path> path = find_covidx_list(options_.root, list.name);
      if (!path) continue;
      for (const auto& [number, text] : read_list(*path)) add(list, *path, number, text, own_test);
    }
    images_.count_unused(funnel_.stage("image files", "files"));
    return studies_.take();
  }

 private:
  void add(const List& list, const fs::path& path, std::int64_t number, const std::string& text,
           bool own_test) {
    FunnelStage& stage = funnel_.stage("lines read", "lines");
    const std::string example = place_of(path, number) + ": " + text;
    const std::optional<CovidxLine> line = parse_covidx_line(text);
    if (!line) return stage.reject("unreadable line", example);
    if (std::find(kAllClasses.begin(), kAllClasses.end(), line->label) == kAllClasses.end())
      return stage.reject("unknown class", example + did_you_mean(line->label, kAllClasses));
    const auto [study, fresh] = studies_.add(line->file, line->patient, path, number);
    if (!fresh) {
      if (study->source_file == path.filename().string())
        return stage.drop("repeated line", example);
      return stage.reject("image in two lists", example + "; also in " + study->source_file);
    }
    stage.pass();
    if (line->label == "positive" || line->label == "negative") {
      study->labels[kCovid] = line->label == "positive" ? 1 : 0;
    } else {
      for (const std::string& label : kThreeClasses)
        study->labels[label] = label == line->label ? 1 : 0;
    }
    study->split =
        place_in_split(nih_.name(example, stage, *study), list.split, own_test, options_);
    View view;
    view.path = images_.find(line->file, std::string(list.name) + "/" + line->file);
    study->views.push_back(view);
  }

  const PrepareOptions& options_;
  Funnel& funnel_;
  ImageIndex images_;
  NihPatients nih_;
  StudyTable studies_;
};

std::vector<Study> read(const PrepareOptions& options, Funnel& funnel) {
  return Reader(options, funnel).read();
}

}  // namespace

std::optional<fs::path> find_covidx_list(const fs::path& root, const std::string& name) {
  if (const auto plain = find_table(root, {name + ".txt"})) return plain;
  const std::vector<fs::path> found = files_like(root, name + "_COVIDx*.txt");
  if (found.empty()) return std::nullopt;
  if (found.size() == 1) return found.front();
  throw Error(ErrorKind::kUsage, root.string() + ": has several lists, " +
                                     found[0].filename().string() + " and " +
                                     found[1].filename().string() + "; leave one version there");
}

std::optional<CovidxLine> parse_covidx_line(const std::string& text) {
  const std::vector<std::string> words = parts(text, " \t");
  if (words.size() < 4) return std::nullopt;
  const std::size_t begin = words.front().size();
  const std::size_t source = text.rfind(words.back());
  const std::size_t label = text.rfind(words[words.size() - 2], source - 1);
  return CovidxLine{words.front(), trimmed(text.substr(begin, label - begin)),
                    words[words.size() - 2]};
}

Corpus covidx_corpus() {
  return {.name = "covidx",
          .summary = "COVIDx (8, 9A, 9B, CXR-2 to CXR-4): normal, pneumonia, COVID-19",
          .tree =
              "train.txt or train_COVIDx9A.txt  patient file class source, blank-separated\n"
              "val.txt, test.txt                the same (each may be absent)\n"
              "train/FILE, val/FILE, test/FILE, or in any other folders\n"
              "pneumonia-challenge-dataset-mappings_2018.json  RSNA's images in NIH's (may be "
              "absent)\n",
          .needs = {{"train.txt", "train_COVIDx*.txt"}},
          .read = &read,
          .otherwise = ViewPosition::kPA};
}

}  // namespace biplane
