#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "biplane/corpus/funnel.h"
#include "biplane/corpus/splits.h"
#include "biplane/corpus/study.h"

namespace biplane {

class Progress;

// What `prepare dicom` takes beside a table of reports.
struct PacsOptions {
  // Columns of the table as the user named them; empty: found by their usual names.
  std::string study_column, accession_column, report_column;
  std::string salt;  // of the pseudonyms; empty: made of all UIDs of the images
  bool drop_burned_in = false;
};

// What every preparation takes.
struct PrepareOptions {
  std::filesystem::path root;  // folder of the corpus; image paths in its tables are relative to it
  std::filesystem::path
      out;  // folder of the manifest: View::path will be relative to it; empty: relative to root
  SplitFractions fractions;
  std::uint64_t seed = 0;
  int threads = 1;
  bool hash_images = true;        // fill View::sha256
  std::filesystem::path reports;  // dicom: a table of reports; empty: none
  PacsOptions pacs;               // dicom
  Progress* progress = nullptr;   // advanced by one per image
};

struct PreparedCorpus {
  std::vector<Study> studies;  // in the order of first appearance in the corpus's tables
  Funnel funnel;
};

// A public corpus (data.md section 2): how it lies on disk, and how its tables are read.
struct Corpus {
  const char* name = "";
  const char* summary = "";  // for --help
  const char* tree = "";     // the files expected under the root, several lines
  // Of each list one must be in the root, else the root is not this corpus. A '*' stands for
  // anything.
  std::vector<std::vector<const char*>> needs = {};
  // For a corpus without files of fixed names: what is not in a folder that is not its root; empty:
  // it is. May be null.
  std::string (*lacks)(const std::filesystem::path& root) = nullptr;
  // Studies as the tables describe them, with their splits; image paths are relative to the root
  // and the images are not looked at (a folder with the tables alone will do). Studies with boxes
  // or masks have one view.
  std::vector<Study> (*read)(const PrepareOptions& options, Funnel& funnel) = nullptr;
  // Last step for a study whose images were read: why it is left out; empty: it stays. May be null.
  std::string (*complete)(Study& study) = nullptr;
  // Of an image that neither tables nor header say anything about.
  ViewPosition otherwise = ViewPosition::kUnknown;
};

// All corpora, "pairs" first.
const std::vector<Corpus>& corpora();
// Throws Error kUsage naming the nearest corpus, or all of them.
const Corpus& find_corpus(const std::string& name);
// "pairs, rsna, ..."
std::string corpus_names();

// Throws Error: kMissingInput (no such folder), kUsage (the folder is not this corpus: names what
// is not in it).
void check_root(const Corpus& corpus, const std::filesystem::path& root);

// Corpus::read, and Study::labels_chexpert from the labels.
std::vector<Study> read_corpus(const Corpus& corpus, const PrepareOptions& options, Funnel& funnel);

// The studies of a corpus whose images are there and decode. A bad row, box or image is counted
// and left out. Throws Error: as check_root; kBadContent naming file and column for a table that
// lacks one; kUsage when none of the images is in the root.
PreparedCorpus prepare_corpus(const Corpus& corpus, const PrepareOptions& options);

// The second half of prepare_corpus, on studies as Corpus::read gives them.
void finish_preparation(const Corpus& corpus, const PrepareOptions& options,
                        PreparedCorpus& prepared);

// The split of a study. `listed`: by the corpus's own lists (train where it has none);
// `own_test`: the corpus has a list of test studies. Only studies listed for training are drawn
// out of it, by patient: a share for validation, and one for testing where no list names test
// studies.
Split place_in_split(const std::string& patient, Split listed, bool own_test,
                     const PrepareOptions& options);

// One a corpus, each in a file of its own.
Corpus pairs_corpus();
Corpus rsna_corpus();
Corpus siim_corpus();
Corpus nih_corpus();
Corpus covidx_corpus();
Corpus object_cxr_corpus();
Corpus vindr_corpus();
Corpus dicom_corpus();

}  // namespace biplane
