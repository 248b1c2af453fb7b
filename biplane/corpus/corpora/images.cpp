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
void read_header(const ImageCheck& check, Study& study, View& view) {
  const std::string position = trimmed(check.view_position);
  if (view.view == ViewPosition::kUnknown)
    view.view = position == "PA"   ? ViewPosition::kPA
                : position == "AP" ? ViewPosition::kAP
                                   : ViewPosition::kUnknown;
  if (study.sex.empty()) study.sex = parse_sex(check.sex);
  if (study.age) return;
  study.age = parse_age(check.age);
  if (study.age && *study.age > kOldest) study.age.reset();
}

// Takes out the views whose paths were emptied, and the boxes and masks on them.
void erase_lost_views(Study& study) {
  std::vector<std::int64_t> places;  // of each view among those that stay; -1: lost
  std::int64_t kept = 0;
  for (const View& view : study.views) places.push_back(view.path.empty() ? -1 : kept++);
  const auto renumber = [&places](auto& marks) {
    for (auto& mark : marks) mark.view = places.at(static_cast<std::size_t>(mark.view));
    std::erase_if(marks, [](const auto& mark) { return mark.view < 0; });
  };
  renumber(study.boxes);
  renumber(study.masks);
  std::erase_if(study.views, [](const View& view) { return view.path.empty(); });
}

fs::path last_parts(const fs::path& path, int count) {
  fs::path name = path.filename();
  fs::path folder = path.parent_path();
  for (int i = 1; i < count && folder.has_filename(); ++i) {
    name = folder.filename() / name;
    folder = folder.parent_path();
  }
  return name;
}

[[noreturn]] void throw_nothing_there(const PrepareOptions& options, const FunnelStage& stage) {
  throw Error(ErrorKind::kUsage,
              options.root.string() + ": none of the " + std::to_string(stage.in()) +
                  " images that the tables name is in this folder, for example " +
                  stage.reasons().front().examples.front() +
                  "; give the folder they are relative to as --root");
}

}  // namespace

void check_images(std::vector<Study>& studies, const PrepareOptions& options, FunnelStage& stage) {
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
      read_header(check, *study, *view);
      stage.pass();
    } else {
      stage.reject(check.missing ? "missing image" : "broken image",
                   "study " + study->study_id + ": " + check.problem);
      missing += check.missing ? 1 : 0;
      view->path.clear();
    }
  }
  if (!jobs.empty() && missing == jobs.size()) throw_nothing_there(options, stage);
  for (Study& study : studies) erase_lost_views(study);
}

ImageIndex::ImageIndex(const fs::path& root, int parts) {
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
    const fs::path name = last_parts(path, parts);
    by_name_.emplace(name.string(), path);
    by_name_.emplace((name.parent_path() / name.stem()).string(), path);
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
