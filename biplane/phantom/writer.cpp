#include <algorithm>
#include <fstream>
#include <set>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/folder_lock.h"
#include "biplane/core/parallel.h"
#include "biplane/core/sha256.h"
#include "biplane/corpus/funnel.h"
#include "biplane/corpus/manifest.h"
#include "biplane/formats/csv.h"
#include "biplane/imaging/encode.h"
#include "biplane/phantom/phantom.h"
#include "biplane/phantom/study_maker.h"

namespace biplane {
namespace {

constexpr int kJpegQuality = 95;

// The manifest, which comes last and atomically, makes the images count; syncing each of them would
// only cost time.
void write_image(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) throw Error(ErrorKind::kIo, "cannot write " + path.string());
}

// Makes one study and writes its images; what is left is its line in the manifest.
Study write_study(const PhantomOptions& options, const std::filesystem::path& out,
                  std::int64_t index) {
  PhantomStudy made = make_phantom_study(options, index);
  for (View& view : made.study.views) {
    const GreyImage& image = is_frontal(view.view) ? made.frontal : made.lateral;
    const std::string bytes =
        options.format == "png" ? encode_png(image) : encode_jpeg(image, kJpegQuality);
    view.sha256 = sha256_hex(bytes);
    write_image(out / view.path, bytes);
  }
  return std::move(made.study);
}

// Row of studies.csv, as `prepare pairs` reads it by default.
std::string pairs_row(const Study& study) {
  std::string frontal, lateral, labels;
  for (const View& view : study.views) (is_frontal(view.view) ? frontal : lateral) = view.path;
  for (const auto& [label, value] : study.labels)
    if (value == 1) labels += (labels.empty() ? "" : ";") + label;
  return csv_line({study.study_id, study.patient_id, frontal, lateral, study.report.text, labels,
                   std::string(split_name(study.split))}) +
         "\n";
}

void make_image_folders(const PhantomOptions& options, const std::filesystem::path& out) {
  std::set<std::string> folders;
  const PhantomCounts counts = phantom_counts(options);
  const std::pair<Split, std::int64_t> splits[] = {{Split::kTrain, counts.train},
                                                   {Split::kValidate, counts.validate},
                                                   {Split::kTest, counts.test}};
  for (const auto& [split, count] : splits)
    for (std::int64_t thousand = 0; thousand * 1000 < count; ++thousand)
      make_folder(out / image_folder(split, thousand * 1000));
}

void write_funnel(const PhantomOptions& options, const PhantomSummary& summary,
                  const std::filesystem::path& out) {
  Funnel funnel;
  funnel.stage("studies", "studies").pass(options.studies);
  funnel.stage("images", "images").pass(summary.images);
  funnel.write(out / "funnel.json");
}

}  // namespace

PhantomSummary write_phantom(const PhantomOptions& options, const std::filesystem::path& out,
                             Progress* progress) {
  check_phantom(options);
  const int threads = resolve_threads(options.threads);
  phantom_grammar();  // a bad grammar stops here, before anything is written
  const FolderLock lock(out);
  // An older manifest must not stand beside images that are being written over.
  std::filesystem::remove(out / "manifest.jsonl");
  make_image_folders(options, out);
  PhantomSummary summary;
  summary.studies = phantom_counts(options);
  ManifestWriter manifest(out / "manifest.jsonl");
  std::ofstream pairs;
  if (options.layout == "pairs") {
    pairs.open(out / "studies.csv", std::ios::binary | std::ios::trunc);
    pairs << "study_id,patient_id,frontal,lateral,report,labels,split\n";
  }
  // In pieces, so that memory stays constant while the manifest keeps its order.
  const std::int64_t piece = 32 * static_cast<std::int64_t>(threads);
  for (std::int64_t begin = 0; begin < options.studies; begin += piece) {
    std::vector<Study> studies(static_cast<std::size_t>(std::min(piece, options.studies - begin)));
    parallel_for(static_cast<std::int64_t>(studies.size()), threads, [&](std::int64_t i) {
      studies[static_cast<std::size_t>(i)] = write_study(options, out, begin + i);
      if (progress != nullptr) progress->advance();
    });
    for (std::size_t i = 0; i < studies.size(); ++i) {
      const Study& study = studies[i];
      manifest.write(study);
      if (pairs.is_open()) pairs << pairs_row(study);
      summary.images += static_cast<std::int64_t>(study.views.size());
      summary.patients +=
          place_study(options, begin + static_cast<std::int64_t>(i)).first_of_patient ? 1 : 0;
      for (const auto& [label, value] : study.labels) summary.positives[label] += value;
    }
  }
  if (pairs.is_open()) {
    pairs.close();
    if (!pairs) throw Error(ErrorKind::kIo, "cannot write " + (out / "studies.csv").string());
  }
  write_funnel(options, summary, out);
  manifest.finish();
  return summary;
}

}  // namespace biplane
