#include <gmock/gmock.h>

#include <cstdlib>
#include <iostream>
#include <set>

#include "biplane/core/files.h"
#include "biplane/core/memory.h"
#include "biplane/core/parallel.h"
#include "biplane/core/progress.h"
#include "biplane/core/sha256.h"
#include "biplane/corpus/audit.h"
#include "biplane/imaging/decode.h"
#include "biplane/imaging/encode.h"
#include "biplane/imaging/preprocess.h"
#include "biplane/phantom/phantom.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

using Counts = std::map<std::string, std::int64_t>;

// BIPLANE_AUDIT_STUDIES=20000 for the figures of docs/data.md (`make evidence-audit`).
std::int64_t studies_wanted() {
  const char* set = std::getenv("BIPLANE_AUDIT_STUDIES");
  return set != nullptr ? std::atoll(set) : 300;
}

// A phantom on disk, whose studies and files can be changed.
struct Phantom {
  Phantom(std::int64_t count, std::int64_t size, std::int64_t seed, const std::string& format) {
    PhantomOptions options;
    options.studies = count;
    options.size = size;
    options.seed = seed;
    options.format = format;
    write_phantom(options, folder.path());
    studies = Manifest::read(folder.path()).read_all();
  }

  fs::path path(const View& view) const { return folder.path() / view.path; }
  void put(View& view, const std::string& bytes) const {
    write_file_atomically(path(view), bytes);
    view.sha256 = sha256_hex(bytes);
    const ImageInfo info = probe_image(std::as_bytes(std::span(bytes)), view.path);
    view.rows = info.rows;
    view.cols = info.cols;
  }
  // The next studies of a split whose patients were not given before.
  Study& take(Split split) {
    for (Study& study : studies) {
      if (study.split != split || !taken.insert(study.patient_id).second) continue;
      return study;
    }
    throw std::runtime_error("the phantom has too few patients");
  }

  testing::TemporaryFolder folder;
  std::vector<Study> studies;
  std::set<std::string> taken;
};

// Smaller by a quarter and as JPEG of a lower quality.
std::string again(const std::string& bytes) {
  const GreyImage image = decode_grey(std::as_bytes(std::span(bytes)), "image");
  return encode_jpeg(resize_area(image, image.rows * 3 / 4, image.cols * 3 / 4), 60);
}

Counts kinds(const AuditReport& report) {
  Counts counts;
  for (const AuditFinding& finding : report.findings)
    ++counts[finding.kind.substr(0, finding.kind.find(' '))];
  return counts;
}

AuditReport run(const std::vector<AuditInput>& inputs, const std::string& what) {
  const double begin = monotonic_seconds();
  AuditReport report =
      audit(inputs, {.threads = resolve_threads(0), .progress = nullptr, .allowed = {}});
  std::cout << what << ": " << report.studies << " studies, " << report.images << " images, "
            << report.findings.size() << " findings, " << monotonic_seconds() - begin
            << " s, at most " << peak_memory_bytes() / 1'000'000 << " MB\n";
  return report;
}

class AuditOfPhantoms : public ::testing::Test {
 protected:
  AuditReport audit_one(const std::string& what) const {
    const Manifest manifest(ours_.studies, ours_.folder.path());
    return run({{&manifest, "", ""}}, what);
  }
  const std::int64_t planted_ = std::max<std::int64_t>(3, studies_wanted() / 1000);  // of a kind
  Phantom ours_{studies_wanted(), 96, 11, "jpeg"};
};

TEST_F(AuditOfPhantoms, FindsEveryPlantedLeakAndNothingElse) {
  EXPECT_EQ(kinds(audit_one("clean")), Counts{});
  std::int64_t files = 0;  // of studies that are there twice
  for (std::int64_t i = 0; i < planted_; ++i) {
    ours_.take(Split::kTest).patient_id = ours_.take(Split::kTrain).patient_id;
    ours_.put(ours_.take(Split::kTest).views[0],
              read_file(ours_.path(ours_.take(Split::kTrain).views[0])));
    ours_.put(ours_.take(Split::kTest).views[0],
              again(read_file(ours_.path(ours_.take(Split::kTrain).views[0]))));
    const Study& original = ours_.take(Split::kTrain);
    Study& same = ours_.take(Split::kTest);
    same.views = original.views;
    same.report = original.report;
    files += static_cast<std::int64_t>(same.views.size());
  }
  const AuditReport report = audit_one("with leaks");
  EXPECT_EQ(kinds(report), (Counts{{"patient", planted_},
                                   {"image", planted_ + files},
                                   {"copy", planted_},
                                   {"study", planted_}}))
      << audit_table(report);
  EXPECT_EQ(report.leaks, 4 * planted_ + files);
}

TEST_F(AuditOfPhantoms, FindsLeaksBetweenCorpora) {
  Phantom theirs(std::max<std::int64_t>(120, studies_wanted() / 8), 64, 12, "png");
  const Manifest manifest(ours_.studies, ours_.folder.path());
  const auto both = [&](const std::string& what) {
    const Manifest other(theirs.studies, theirs.folder.path());
    return run({{&manifest, "ours", "ours"}, {&other, "theirs", "theirs"}}, what);
  };
  EXPECT_EQ(kinds(both("two corpora, clean")), Counts{});
  for (std::int64_t i = 0; i < planted_; ++i) {
    const std::string bytes = read_file(ours_.path(ours_.take(Split::kTrain).views[0]));
    theirs.put(theirs.take(Split::kTest).views[0], i % 2 == 0 ? bytes : again(bytes));
  }
  const AuditReport report = both("two corpora with leaks");
  EXPECT_EQ(kinds(report), (Counts{{"image", (planted_ + 1) / 2}, {"copy", planted_ / 2}}))
      << audit_table(report);
  ASSERT_EQ(report.overlaps.size(), 1U);
}

}  // namespace
}  // namespace biplane
