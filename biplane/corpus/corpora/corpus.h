#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "biplane/core/work_share.h"
#include "biplane/corpus/corpora/label_policy.h"
#include "biplane/corpus/corpora/pairing.h"
#include "biplane/corpus/funnel.h"
#include "biplane/corpus/splits.h"
#include "biplane/corpus/study.h"

namespace biplane {

class CheckStore;
class Progress;

// How much of each image file is looked at.
enum class ImageReading {
  kFull,    // all of it is decoded and hashed
  kHeader,  // it is there and its header says an image, and how large
  kListed,  // nothing: it is believed to be there, as large as the tables say
};

// Splits that others published, in place of the corpus's own and of shares drawn here.
struct SplitChoice {
  std::string rule;                // as published_rules.h names them; empty: none
  std::vector<std::string> lists;  // files that name studies or images: FILE or SPLIT=FILE
  // Names of those that may leak: the rule's, or "list".
  std::vector<std::string> allowed_leaks;

  bool any() const { return !rule.empty() || !lists.empty(); }
};

// Which columns of a table hold what, as the user named them: such a column must exist. Empty: the
// usual names of the corpus (`pairs`; study, accession and report: `dicom`); a usual one that does
// not exist is done without where that is possible.
struct ColumnNames {
  std::string frontal, lateral, report, study, patient, labels, accession;
};

// What `prepare dicom` takes beside a table of reports and its columns.
struct PacsOptions {
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
  SplitChoice split;
  LabelPolicy labels;
  int threads = 1;
  ImageReading images = ImageReading::kFull;
  Pairing pairing = Pairing::kAll;
  // Of the corpora that say so in Corpus::takes.
  std::filesystem::path csv;      // a table that lies elsewhere; empty: in the root
  std::filesystem::path reports;  // the same of reports: a folder, an archive or a table
  std::string labels_from;        // which of several label tables; empty: the corpus's first one
  std::filesystem::path views;    // openi: a table of views that is believed; empty: none
  std::string method_label;      // padchest: only rows labelled by "Physician" or "RNN"; empty: all
  ColumnNames columns;           // pairs, dicom
  PacsOptions pacs;              // dicom
  Progress* progress = nullptr;  // advanced by one per image
  CheckStore* checks = nullptr;  // with kFull: what is known of images and what becomes known
  WorkShare share;  // not the whole: only `checks` is filled, with a part of the images
};

struct PreparedCorpus {
  std::vector<Study> studies;  // in the order of first appearance in the corpus's tables
  Funnel funnel;
};

// A public corpus (docs/data.md): how it lies on disk, and how its tables are read.
struct Corpus {
  const char* name = "";
  const char* summary = "";  // for --help
  const char* tree = "";     // the files expected under the root, several lines
  // Of each list one must be in the root, else the root is not this corpus. A '*' stands for
  // anything.
  std::vector<std::vector<const char*>> needs = {};
  // Options of `prepare` beyond those of all corpora.
  std::vector<const char*> takes = {};
  // For a corpus without files of fixed names: what is not in a folder that is not its root; empty:
  // it is. May be null.
  std::string (*lacks)(const std::filesystem::path& root) = nullptr;
  // Studies as the tables describe them, with their splits; image paths are relative to the root
  // and the images are not looked at (a folder with the tables alone will do). Boxes are in pixels
  // of an image as large as View::rows and cols say; where these are 0, of the file's own size.
  std::vector<Study> (*read)(const PrepareOptions& options, Funnel& funnel) = nullptr;
  // Last step for a study whose images were read: why it is left out; empty: it stays. May be null.
  std::string (*complete)(Study& study) = nullptr;
  // Labels are in a table of their own, which need not have every study.
  bool may_lack_labels = false;
  // The ViewPosition of a DICOM header counts where the tables say nothing.
  bool believe_headers = true;
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

// Corpus::read, Study::labels_chexpert from the labels, and the published split if one is chosen.
std::vector<Study> read_corpus(const Corpus& corpus, const PrepareOptions& options, Funnel& funnel);

// The studies of a corpus whose images are there and decode. A bad row, box or image is counted
// and left out. Throws Error: as check_root; kBadContent naming file and column for a table that
// lacks one; kUsage when none of the images is in the root. Of a shard nothing is given back.
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
Corpus mimic_corpus();
Corpus ms_cxr_corpus();
Corpus rsna_corpus();
Corpus siim_corpus();
Corpus nih_corpus();
Corpus covidx_corpus();
Corpus object_cxr_corpus();
Corpus vindr_corpus();
Corpus openi_corpus();
Corpus padchest_corpus();
Corpus chexpert_corpus();
Corpus chexpert_5x200_corpus();
Corpus chexpert_plus_corpus();
Corpus chexlocalize_corpus();
Corpus dicom_corpus();

}  // namespace biplane
