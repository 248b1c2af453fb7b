#include "biplane/corpus/corpora/images.h"

#include <algorithm>
#include <array>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/core/parallel.h"
#include "biplane/core/progress.h"
#include "biplane/corpus/check_store.h"
#include "biplane/corpus/corpora/each_file.h"
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
  if (options.images == ImageReading::kListed)
    throw Error(ErrorKind::kUsage,
                options.root.string() +
                    ": its tables say of no image how large it is: prepare it with --images header "
                    "or full");
  throw Error(ErrorKind::kUsage,
              options.root.string() + ": none of the " + std::to_string(stage.in()) +
                  " images that the tables name is in this folder, for example " +
                  stage.reasons().front().examples.front() +
                  "; give the folder they are relative to as --root");
}

// Copies of a corpus are made smaller, its boxes are not.
void fit_boxes(Study& study, const View& view, const ImageCheck& check) {
  const bool same = view.rows == check.rows && view.cols == check.cols;
  if (same || view.rows < 1 || view.cols < 1) return;
  const double across = static_cast<double>(check.cols) / static_cast<double>(view.cols);
  const double down = static_cast<double>(check.rows) / static_cast<double>(view.rows);
  for (Box& box : study.boxes) {
    if (&study.views.at(static_cast<std::size_t>(box.view)) != &view) continue;
    box.x *= across;
    box.w *= across;
    box.y *= down;
    box.h *= down;
  }
}

void use_check(const Corpus& corpus, const ImageCheck& check, Study& study, View& view,
               FunnelStage& stage) {
  if (!check.problem.empty()) {
    stage.reject(check.missing ? "missing image" : "broken image",
                 "study " + study.study_id + ": " + check.problem);
    view.path.clear();
    return;
  }
  fit_boxes(study, view, check);
  view.rows = check.rows;
  view.cols = check.cols;
  view.sha256 = check.sha256;
  read_header(corpus, check, study, view);
  stage.pass();
}

// As the tables say; without a size an image is as good as missing.
ImageCheck believe(const View& view) {
  ImageCheck check;
  check.rows = view.rows;
  check.cols = view.cols;
  check.missing = view.rows < 1 || view.cols < 1;
  if (check.missing) check.problem = view.path + ": the tables do not say how large it is";
  return check;
}

ImageCheck check_one(const View& view, const PrepareOptions& options) {
  switch (options.images) {
    case ImageReading::kListed:
      return believe(view);
    case ImageReading::kHeader:
      return check_image_header(options.root / view.path);
    case ImageReading::kFull:
      break;
  }
  const fs::path file = options.root / view.path;
  return options.checks != nullptr ? options.checks->check(view.path, file)
                                   : check_image(file, /*hash=*/true);
}

const char* stage_name(ImageReading reading) {
  switch (reading) {
    case ImageReading::kListed:
      return "images listed, not looked at";
    case ImageReading::kHeader:
      return "image headers read";
    case ImageReading::kFull:
      break;
  }
  return "images read";
}

void take_out_unread(Study& study, Funnel& funnel) {
  std::vector<std::size_t> read;
  for (std::size_t i = 0; i < study.views.size(); ++i)
    if (!study.views[i].path.empty()) read.push_back(i);
  if (read.size() == study.views.size()) return;
  const std::int64_t lost = keep_views(study, read);
  if (read.empty()) return;  // the study goes too, and is counted as such
  for (std::int64_t i = 0; i < lost; ++i)
    funnel.stage(kBoxStage, "boxes").drop("its image was left out", "study " + study.study_id);
}

}  // namespace

void check_images(const Corpus& corpus, std::vector<Study>& studies, const PrepareOptions& options,
                  Funnel& funnel) {
  constexpr std::size_t kBlock = 16384;  // bounds what the checks of a large corpus take
  FunnelStage& stage = funnel.stage(stage_name(options.images), "images");
  std::vector<std::pair<Study*, View*>> jobs;
  for (Study& study : studies) {
    for (View& view : study.views) jobs.emplace_back(&study, &view);
  }
  std::vector<ImageCheck> checks(std::min(kBlock, jobs.size()));
  if (options.progress != nullptr) options.progress->expect(std::ssize(jobs));
  std::size_t missing = 0;
  for (std::size_t begin = 0; begin < jobs.size(); begin += kBlock) {
    const std::size_t count = std::min(kBlock, jobs.size() - begin);
    parallel_for(static_cast<std::int64_t>(count), options.threads, [&](std::int64_t i) {
      const auto at = static_cast<std::size_t>(i);
      checks[at] = check_one(*jobs[begin + at].second, options);
      if (options.progress != nullptr) options.progress->advance();
    });
    for (std::size_t i = 0; i < count; ++i) {
      use_check(corpus, checks[i], *jobs[begin + i].first, *jobs[begin + i].second, stage);
      missing += checks[i].missing ? 1 : 0;
    }
  }
  if (!jobs.empty() && missing == jobs.size()) throw_nothing_there(options, stage);
  for (Study& study : studies) take_out_unread(study, funnel);
}

void check_shard(const std::vector<Study>& studies, const PrepareOptions& options) {
  std::vector<const View*> jobs;
  std::int64_t place = 0;
  for (const Study& study : studies) {
    for (const View& view : study.views)
      if (options.share.has(place++)) jobs.push_back(&view);
  }
  const auto count = static_cast<std::int64_t>(jobs.size());
  if (options.progress != nullptr) options.progress->expect(count);
  parallel_for(count, options.threads, [&](std::int64_t i) {
    check_one(*jobs[static_cast<std::size_t>(i)], options);
    if (options.progress != nullptr) options.progress->advance();
  });
}

ImageIndex::ImageIndex(const fs::path& root, int parts) {
  static constexpr std::array kEndings = {".dcm", ".dicom", ".png", ".jpg", ".jpeg"};
  each_file(root, {}, [&](const fs::path& path) {
    const std::string ending = lower_case(path.extension().string());
    if (std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end())
      files_.emplace(path.lexically_relative(root).string(), false);
    return true;
  });
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
