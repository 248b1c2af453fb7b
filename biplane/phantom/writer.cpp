#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/folder_lock.h"
#include "biplane/core/parallel.h"
#include "biplane/core/sha256.h"
#include "biplane/corpus/funnel.h"
#include "biplane/corpus/manifest.h"
#include "biplane/corpus/named_manifest.h"
#include "biplane/phantom/layouts/layout.h"
#include "biplane/phantom/layouts/table_file.h"
#include "biplane/phantom/phantom.h"
#include "biplane/phantom/phantom_folder.h"
#include "biplane/phantom/radiograph_file.h"
#include "biplane/phantom/study_maker.h"

namespace biplane {
namespace {

[[noreturn]] void throw_cannot_write(const std::filesystem::path& path, const std::string& cause) {
  throw Error(ErrorKind::kIo, path.string() + ": cannot be written: " + cause);
}

// The manifest, which comes last and atomically, makes these files count; syncing each of them
// would only cost time.
void write_part(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (!file) {
    make_folder(path.parent_path());
    file.open(path, std::ios::binary | std::ios::trunc);
  }
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) throw_cannot_write(path, std::strerror(errno));
}

// A second name for a written file; a copy where the file system has no links.
void link_part(const std::filesystem::path& path, const std::filesystem::path& written) {
  make_folder(path.parent_path());
  std::error_code error;
  std::filesystem::remove(path, error);
  std::filesystem::create_hard_link(written, path, error);
  if (error) std::filesystem::copy_file(written, path, error);
  if (error) throw_cannot_write(path, error.message());
}

// Writes a study's images and notes their hashes in its manifest line.
void write_images(const PhantomOptions& options, const std::filesystem::path& out,
                  PhantomStudy& made) {
  for (std::size_t i = 0; i < made.study.views.size(); ++i) {
    const std::string bytes = encode_view(options, made, i);
    made.study.views[i].sha256 = sha256_hex(bytes);
    write_part(out / made.study.views[i].path, bytes);
  }
}

void write_funnel(const PhantomOptions& options, const PhantomSummary& summary,
                  const std::filesystem::path& out) {
  Funnel funnel;
  funnel.stage("studies", "studies").pass(options.studies);
  funnel.stage("images", "images").pass(summary.images);
  if (options.counterfactual)
    funnel.stage("counterfactual", "studies").pass(summary.counterfactuals);
  funnel.record(kCorpusChoice, "phantom");  // so that no preparation is written over it
  funnel.write(out / "funnel.json");
}

constexpr const char* kMinimalPairs = "minimal_pairs.jsonl";

std::string pair_line(const Study& study, const ReportFlip& flip) {
  const nlohmann::ordered_json line = {{"study_id", study.study_id},
                                       {"kind", flip.kind},
                                       {"finding", flip.finding},
                                       {"change", flip.change},
                                       {"text", flip.text}};
  return line.dump() + "\n";
}

struct WrittenStudy {
  Study study;
  std::vector<ReportFlip> flips;
  std::vector<Study> counterfactuals;
  std::vector<std::pair<std::size_t, std::string>> rows;  // of the layout's tables
};

// One phantom being written.
class PhantomWriter {
 public:
  PhantomWriter(const PhantomOptions& options, const std::filesystem::path& out, bool label_noise)
      : options_(options),
        out_(out),
        layout_(find_layout(options.layout)),
        noise_(label_noise ? layout_.noise : LabelNoise{}),
        manifest_(out / "manifest.jsonl") {
    if (options.counterfactual) without_.emplace(out / "counterfactual.jsonl");
    for (const LayoutTable& table : layout_.tables)
      tables_.emplace_back(out / table.path, table.header);
    summary_.studies = phantom_counts(options);
  }

  // Everything of a study but its rows, which have an order. Called from many threads.
  WrittenStudy write_files(std::int64_t index) const {
    PhantomStudy made = make_phantom_study(options_, index);
    write_images(options_, out_, made);
    const StudyPlace place = place_study(options_, index);
    LayoutEntry entry =
        layout_.describe({made.study, place, made.images, made.style, options_.seed, noise_});
    for (const auto& [path, content] : entry.files) write_part(out_ / path, content);
    for (const auto& [path, written] : entry.links) link_part(out_ / path, out_ / written);
    WrittenStudy written{std::move(made.study), std::move(made.flips), {}, std::move(entry.rows)};
    if (options_.counterfactual && written.study.split == Split::kTest)
      for (PhantomStudy& other : make_counterfactuals(options_, index)) {
        write_images(options_, out_, other);
        written.counterfactuals.push_back(std::move(other.study));
      }
    return written;
  }

  void append(std::int64_t index, const WrittenStudy& written) {
    manifest_.write(written.study);
    for (const auto& [table, row] : written.rows) tables_[table].append(row);
    for (const Study& other : written.counterfactuals) without_->write(other);
    for (const ReportFlip& flip : written.flips) pairs_ += pair_line(written.study, flip);
    summary_.minimal_pairs += static_cast<std::int64_t>(written.flips.size());
    summary_.counterfactuals += static_cast<std::int64_t>(written.counterfactuals.size());
    summary_.images += static_cast<std::int64_t>(written.study.views.size());
    summary_.patients += place_study(options_, index).study_of_patient == 0 ? 1 : 0;
    for (const auto& [label, value] : written.study.labels) summary_.positives[label] += value;
  }

  PhantomSummary finish() {
    for (TableFile& table : tables_) table.finish();
    write_funnel(options_, summary_, out_);
    if (without_) without_->finish();
    if (options_.minimal_pairs) write_file_atomically(out_ / kMinimalPairs, pairs_);
    manifest_.finish();
    return summary_;
  }

 private:
  const PhantomOptions& options_;
  const std::filesystem::path& out_;
  const Layout& layout_;
  LabelNoise noise_;
  ManifestWriter manifest_;
  std::optional<ManifestWriter> without_;
  std::string pairs_;  // lines; some hundred bytes a test study
  std::vector<TableFile> tables_;
  PhantomSummary summary_;
};

}  // namespace

PhantomSummary write_phantom(const PhantomOptions& options, const std::filesystem::path& out,
                             Progress* progress, bool label_noise) {
  check_phantom(options);
  const int threads = resolve_threads(options.threads);
  phantom_grammar();  // a bad grammar stops here, before anything is written
  const FolderLock lock(out);
  // An older manifest must not stand beside images that are being written over.
  for (const char* older :
       {kPhantomDescription, "manifest.jsonl", "counterfactual.jsonl", kMinimalPairs})
    std::filesystem::remove(out / older);
  PhantomWriter writer(options, out, label_noise);
  // In pieces, so that memory stays constant while manifest and tables keep their order.
  const std::int64_t piece = 32 * static_cast<std::int64_t>(threads);
  for (std::int64_t begin = 0; begin < options.studies; begin += piece) {
    std::vector<WrittenStudy> studies(
        static_cast<std::size_t>(std::min(piece, options.studies - begin)));
    parallel_for(static_cast<std::int64_t>(studies.size()), threads, [&](std::int64_t i) {
      studies[static_cast<std::size_t>(i)] = writer.write_files(begin + i);
      if (progress != nullptr) progress->advance();
    });
    for (std::size_t i = 0; i < studies.size(); ++i)
      writer.append(begin + static_cast<std::int64_t>(i), studies[i]);
  }
  return writer.finish();
}

}  // namespace biplane
