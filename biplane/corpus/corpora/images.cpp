#include "biplane/corpus/corpora/images.h"

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/core/parallel.h"
#include "biplane/core/progress.h"
#include "biplane/corpus/corpora/fields.h"
#include "biplane/corpus/image_check.h"
#include "biplane/text/unicode.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

// What tables do not say and a DICOM header does.
void read_header(const Corpus& corpus, const ImageCheck& check, Study& study, View& view) {
  const std::string position = trimmed(check.view_position);
  if (view.view == ViewPosition::kUnknown && corpus.believe_headers)
    view.view = position == "PA"   ? ViewPosition::kPA
                : position == "AP" ? ViewPosition::kAP
                                   : ViewPosition::kUnknown;
  if (study.sex.empty()) study.sex = parse_sex(check.sex);
  if (study.age) return;
  study.age = parse_age(check.age);
  if (study.age && *study.age > kOldest) study.age.reset();
}

[[noreturn]] void throw_nothing_there(const PrepareOptions& options, const FunnelStage& stage) {
  throw Error(ErrorKind::kUsage,
              options.root.string() + ": none of the " + std::to_string(stage.in()) +
                  " images that the tables name is in this folder, for example " +
                  stage.reasons().front().examples.front() +
                  "; give the folder they are relative to as --root");
}

}  // namespace

void check_images(const Corpus& corpus, std::vector<Study>& studies, const PrepareOptions& options,
                  FunnelStage& stage) {
  std::vector<std::pair<Study*, View*>> jobs;
  for (Study& study : studies) {
    for (View& view : study.views) jobs.emplace_back(&study, &view);
  }
  std::vector<ImageCheck> checks(jobs.size());
  parallel_for(static_cast<std::int64_t>(jobs.size()), options.threads, [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    checks[at] = check_image(options.root / jobs[at].second->path, options.hash_images);
    if (options.progress != nullptr) options.progress->advance();
  });
  std::size_t missing = 0;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    auto& [study, view] = jobs[i];
    const ImageCheck& check = checks[i];
    view->rows = check.rows;
    view->cols = check.cols;
    view->sha256 = check.sha256;
    if (check.problem.empty()) {
      read_header(corpus, check, *study, *view);
      stage.pass();
    } else {
      stage.reject(check.missing ? "missing image" : "broken image",
                   "study " + study->study_id + ": " + check.problem);
      missing += check.missing ? 1 : 0;
      view->path.clear();
    }
  }
  if (!jobs.empty() && missing == jobs.size()) throw_nothing_there(options, stage);
  for (Study& study : studies)
    std::erase_if(study.views, [](const View& view) { return view.path.empty(); });
}

ImageIndex::ImageIndex(const fs::path& root) {
  static constexpr std::array kEndings = {".dcm", ".dicom", ".png", ".jpg", ".jpeg"};
  constexpr int kDeepest = 10;  // a link to a folder above it would never end
  std::error_code problem;
  const auto options = fs::directory_options::follow_directory_symlink |
                       fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator at(root, options, problem), end; !problem && at != end;
       at.increment(problem)) {
    if (at.depth() >= kDeepest) at.disable_recursion_pending();
    const std::string ending = lower_case(at->path().extension().string());
    if (std::find(kEndings.begin(), kEndings.end(), ending) == kEndings.end()) continue;
    std::error_code ignored;
    if (at->is_regular_file(ignored))
      files_.emplace(at->path().lexically_relative(root).string(), false);
  }
  for (const auto& [path, used] : files_) {
    by_name_.emplace(fs::path(path).filename().string(), path);
    by_name_.emplace(fs::path(path).stem().string(), path);
  }
}

std::string ImageIndex::find(const std::string& name, const std::string& expected) {
  std::string path = expected;
  if (!files_.contains(expected)) {
    const auto named = by_name_.find(name);
    if (named != by_name_.end()) path = named->second;
  }
  const auto file = files_.find(path);
  if (file != files_.end()) file->second = true;
  return path;
}

void ImageIndex::count_unused(FunnelStage& stage) const {
  for (const auto& [path, used] : files_) {
    if (used) {
      stage.pass();
    } else {
      stage.drop("no row names it", path);
    }
  }
}

}  // namespace biplane
