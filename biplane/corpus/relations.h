#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace biplane {

// Which corpora hold the same patients, and under which names (share/corpora/relations.yaml).
class CorpusRelations {
 public:
  // Throws Error kUsage naming file and key for a file that is not of this form.
  static CorpusRelations read(const std::filesystem::path& file);

  bool knows(const std::string& corpus) const { return same_people_.count(corpus) != 0; }
  // The same text for corpora whose patients and studies of equal names are the same; the corpus's
  // own name where it is not known.
  std::string name_space(const std::string& corpus) const;
  // Whether some patients of the one are patients of the other, whatever they are called there.
  bool share_patients(const std::string& a, const std::string& b) const;
  std::vector<std::string> corpora() const;  // all known names, sorted
  // Whether every image of `corpus` stands in `of` too.
  bool contained(const std::string& corpus, const std::string& of) const;

 private:
  // Corpus -> the lowest name of those that are tied to it, over all relations and over those that
  // keep the names.
  std::map<std::string, std::string> same_people_, same_names_;
  std::multimap<std::string, std::string> wholly_in_;  // corpus -> the one that has all its images
};

}  // namespace biplane
