#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "biplane/corpus/corpora/corpus.h"

namespace biplane {

// Where a published split puts something.
struct Placement {
  std::string name;  // of a study; of an image (patient00001/study1/view1_frontal) of CheXpert
  Split split;
};

// A split that was made by a program, as that program makes it: from the rows of a corpus's table,
// bad ones and repeated ones too, by NumPy's generator.
struct PublishedRule {
  const char* corpus = "";
  const char* name = "";
  const char* leak = "";  // how it leaks, for people; empty: it cannot
  // In the published order, training first; a name may stand in several splits. Throws Error as
  // tables do, kUsage where the table has too few rows.
  std::vector<Placement> (*placements)(const std::filesystem::path& root) = nullptr;
};

// Throws Error kUsage naming the rules of the corpus where it has none of this name.
const PublishedRule& find_published_rule(const std::string& corpus, const std::string& name);
// Names of the rules of a corpus; empty: none.
std::vector<std::string> published_rules_of(const std::string& corpus);

// The studies as the chosen rule or lists (PrepareOptions::split) place them, in their order; what
// they do not name is left out and counted. Of CheXpert an image becomes a study, as it is there.
// A study that stands in two splits becomes two, the second one named STUDY@SPLIT. Throws Error
// kFailure where a patient is in two splits and that is not allowed by name, kUsage where
// nothing fits.
std::vector<Study> place_as_published(const std::string& corpus, const PrepareOptions& options,
                                      std::vector<Study> studies, Funnel& funnel);

}  // namespace biplane
