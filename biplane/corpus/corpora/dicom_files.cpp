#include "biplane/corpus/corpora/dicom_files.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <system_error>
#include <tuple>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/core/parallel.h"
#include "biplane/core/progress.h"
#include "biplane/corpus/corpora/dicom_view.h"
#include "biplane/corpus/corpora/each_file.h"
#include "biplane/corpus/corpora/fields.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDirectoryClass = "1.2.840.10008.1.3.10";
constexpr const char* kCaptureClasses = "1.2.840.10008.5.1.4.1.1.7";  // and those below it

// What became of a file. `reason` is empty for an image that stays.
struct FileResult {
  std::optional<PacsImage> image;
  bool is_dicom = false;
  bool bad = false;  // `reason` is a damage
  std::string reason, example;
};

// Years between two days of the form YYYYMMDD; nothing where one is none.
std::optional<double> years_between(const std::string& from, const std::string& to) {
  const auto day = [](const std::string& date) -> std::optional<double> {
    if (date.size() != 8) return std::nullopt;
    const auto year = parse_number(date.substr(0, 4)), month = parse_number(date.substr(4, 2)),
               of_month = parse_number(date.substr(6, 2));
    if (!year || !month || !of_month) return std::nullopt;
    return *year + (*month - 1) / 12 + (*of_month - 1) / 372;
  };
  const auto first = day(from), last = day(to);
  if (!first || !last || *last < *first) return std::nullopt;
  return std::floor(*last - *first);
}

std::optional<double> age_of(const DicomInfo& info) {
  std::optional<double> age = parse_age(info.patient_age);
  if (!age) age = years_between(info.birth_date, info.study_date);
  return age && *age <= kOldest ? age : std::nullopt;
}

// Screens of other devices are stored as secondary captures too.
bool is_radiograph(const DicomInfo& info) {
  static constexpr std::array kModalities = {"CR", "DX", "RG", ""};
  if (!is_radiograph_class(info.sop_class)) return false;
  return !info.sop_class.starts_with(kCaptureClasses) ||
         std::find(kModalities.begin(), kModalities.end(), info.modality) != kModalities.end();
}

// Why an image is left out, and whether that is a damage.
std::pair<std::string, bool> left_out(const DicomInfo& info) {
  if (!is_radiograph(info)) return {"not a CR or DX image", false};
  if (!info.has_pixels) return {"header without an image", true};
  if (info.frames != 1) return {"several frames", false};
  if (info.samples != 1 || !info.photometric.starts_with("MONOCHROME")) return {"colour", false};
  if (body_part_of(info) == BodyPart::kOther) return {"body part other than chest", false};
  if (!info.readable) return {"transfer syntax that is not supported", true};
  if (info.study_uid.empty() || info.instance_uid.empty())
    return {"image without StudyInstanceUID or SOPInstanceUID", true};
  return {"", false};
}

PacsImage image_of(const DicomInfo& info, const std::string& path) {
  PacsImage image;
  image.path = path;
  image.study = info.study_uid;
  image.patient = info.patient_id;
  image.instance = info.instance_uid;
  image.accession = trimmed(info.accession);
  image.sources = info.source_instances;
  image.view = view_of(info);
  image.laterality = info.laterality;
  image.sex = parse_sex(info.patient_sex);
  image.age = age_of(info);
  image.rows = info.rows;
  image.cols = info.cols;
  image.for_processing = info.presentation_intent == "FOR PROCESSING";
  image.for_presentation = info.presentation_intent == "FOR PRESENTATION";
  image.burned_in = info.burned_in == "YES";
  return image;
}

FileResult look_at(const fs::path& root, const fs::path& path) {
  FileResult result;
  result.example = path.string();
  try {
    const std::optional<DicomInfo> info = read_dicom_header(root / path);
    result.is_dicom = info.has_value();
    if (!info) {
      result.reason = "not a DICOM file";
    } else if (info->sop_class == kDirectoryClass) {
      result.is_dicom = false;
      result.reason = "DICOMDIR";
    } else {
      std::tie(result.reason, result.bad) = left_out(*info);
      if (result.reason.empty()) result.image = image_of(*info, path.string());
      if (!info->readable) result.example += ": " + info->transfer_syntax;
    }
  } catch (const Error& error) {
    result.bad = true;
    result.reason = "broken DICOM file";
    result.example = error.what();
  }
  return result;
}

void count(const FileResult& result, FunnelStage& stage) {
  if (result.bad) {
    stage.reject(result.reason, result.example);
  } else {
    stage.drop(result.reason, result.example);
  }
}

}  // namespace

std::vector<PacsImage> find_pacs_images(const PrepareOptions& options, Funnel& funnel) {
  FunnelStage& files = funnel.stage("files found", "files");
  FunnelStage& chests = funnel.stage("radiographs of the chest", "images");
  std::vector<PacsImage> images;
  std::vector<fs::path> block;
  std::int64_t done = 0;
  const auto read_block = [&] {
    std::vector<FileResult> results(block.size());
    parallel_for(static_cast<std::int64_t>(block.size()), options.threads, [&](std::int64_t i) {
      const auto at = static_cast<std::size_t>(i);
      results[at] = look_at(options.root, block[at]);
    });
    for (FileResult& result : results) {
      if (!result.is_dicom) {
        count(result, files);
        continue;
      }
      files.pass();
      if (result.image) {
        chests.pass();
        images.push_back(std::move(*result.image));
      } else {
        count(result, chests);
      }
    }
    done += static_cast<std::int64_t>(block.size());
    if (options.progress != nullptr)
      options.progress->advance(0, std::to_string(done) + " headers read");
    block.clear();
  };
  constexpr std::size_t kBlock = 4096;  // bounds what headers not yet looked at take
  each_file(options.root, options.out, [&](const fs::path& path) {
    block.push_back(path.lexically_relative(options.root));
    if (block.size() == kBlock) read_block();
    return true;
  });
  read_block();
  return images;
}

}  // namespace biplane
